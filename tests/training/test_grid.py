"""Seeds, axes and settings: what the text of a flag comes to, worked by hand, and what is refused."""

import json
from dataclasses import asdict, replace

import pytest

from numnet.errors import RecipeError
from numnet.training.grid import Trial, check_name, parse_axis, parse_seeds, settings, trials

TRIAL = Trial("strong", {"hidden": (9, 8), "learning_rate": 0.001, "dropout": -0.5}, 3, "numba", None, "6a353b2")


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", (0,)),
        ("0..4", (0, 1, 2, 3, 4)),
        ("0,3,7", (0, 3, 7)),
        ("7, 0..2 ,9,2", (7, 0, 1, 2, 9)),
        ("5..5", (5,)),
        ("18446744073709551615", (2**64 - 1,)),
    ],
)
def test_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "4..0", "-1", "1.5", "0...2", "a", "0,,1", "0..", "18446744073709551616"])
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match=r"expected seeds from 0 to 2\*\*64 - 1, such as 0\.\.4 or 0,3,7"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("learning_rate=1e-3,3e-4", "learning_rate", ("1e-3", "3e-4")),
        ("batch-size = 32 , 64", "batch_size", ("32", "64")),
        ("hidden=512,256;800,400", "hidden", ("512,256", "800,400")),
        ("hidden=512,256;", "hidden", ("512,256",)),
        ("hidden=512,256", "hidden", ("512", "256")),
        ("activation=relu", "activation", ("relu",)),
    ],
)
def test_an_axis_is_a_name_and_values(text: str, name: str, values: tuple[str, ...]) -> None:
    assert parse_axis(text) == (name, values)


@pytest.mark.parametrize("text", ["", "learning_rate", "learning_rate=", "=1", "steps=1,,2", "hidden=;", "hidden=1;;2"])
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="expected a name and its values, such as learning_rate=1e-3,3e-4"):
        parse_axis(text)


def test_the_settings_are_the_product_of_the_axes() -> None:
    assert settings([("a", ("1", "2")), ("b", ("3", "4"))]) == [
        {"a": "1", "b": "3"}, {"a": "1", "b": "4"}, {"a": "2", "b": "3"}, {"a": "2", "b": "4"}
    ]  # fmt: skip
    assert settings([]) == [{}]
    with pytest.raises(RecipeError, match="--grid b is given twice"):
        settings([("b", ("1",)), ("a", ("1",)), ("b", ("2",))])


def test_every_setting_has_its_first_seed_before_any_has_its_second_and_none_is_there_twice() -> None:
    grid = [{"learning_rate": 0.1}, {"learning_rate": 0.2}, {"learning_rate": 0.1}]
    found = trials("strong", grid, (5, 3), kernels="numba", data=None, code="1", data_sha256="2")
    assert [(trial.seed, trial.changes["learning_rate"]) for trial in found] == [(5, 0.1), (5, 0.2), (3, 0.1), (3, 0.2)]


def test_more_runs_than_anyone_means_are_refused_at_once() -> None:
    rest = {"kernels": "numba", "data": None, "code": "1", "data_sha256": "2"}
    for refused in (
        lambda: parse_seeds("0..99999999999"),
        lambda: settings([(name, ("1",) * 100) for name in "abc"]),
        lambda: trials("strong", [{"a": n} for n in range(101)], range(100), **rest),
    ):
        with pytest.raises(RecipeError, match="more than 10,000 runs"):
            refused()


def test_a_name_is_one_of_those_that_are_known() -> None:
    check_name("hidden", ("hidden", "steps"))
    with pytest.raises(RecipeError, match=r"--grid hiden: a recipe has no such number; did you mean hidden\?"):
        check_name("hiden", ("hidden", "steps"))
    with pytest.raises(RecipeError, match="expected one of hidden, steps"):
        check_name("seed", ("hidden", "steps"))


def test_a_trial_becomes_flags_of_train() -> None:
    assert replace(TRIAL, data="/my data").flags() == [
        "--recipe=strong", "--seed=3", "--kernels=numba", "--hidden=9,8", "--learning-rate=0.001", "--dropout=-0.5",
        "--data=/my data",
    ]  # fmt: skip


def test_a_trial_has_the_same_key_after_a_way_through_json_and_another_has_another() -> None:
    assert Trial(**json.loads(json.dumps(asdict(TRIAL)))).key == TRIAL.key
    others = [
        {"recipe": "intended"}, {"changes": {"hidden": (9, 8)}}, {"seed": 4}, {"kernels": "textbook"},
        {"data_sha256": "x"}, {"code": "6a353b3"},
    ]  # fmt: skip
    trials_apart = [TRIAL, *(replace(TRIAL, **other) for other in others)]
    assert len({trial.key for trial in trials_apart}) == len({trial.file_name for trial in trials_apart}) == 7
    assert replace(TRIAL, data="moved").key == TRIAL.key


def test_a_file_name_is_readable_short_and_leads_nowhere_else() -> None:
    assert TRIAL.file_name.startswith("strong-hidden=9,8-learning_rate=0.001-dropout=-0.5-seed3-")
    odd = replace(TRIAL, changes={"hidden": (9,) * 400, "activation": "../x\n"})
    assert len(odd.file_name) < 200
    assert "/" not in odd.file_name
    assert "\n" not in replace(odd, changes={"activation": "../x\n"}).file_name
