"""`numnet.evaluate`: figures worked by hand, files as a person finds them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numnet.data.datasets import Split, load_folder
from numnet.data.idx import write_idx
from numnet.errors import DataError, NonFiniteError
from numnet.nn.network import Network
from numnet.training.committee import Committee, average_views, judge
from numnet.training.metrics import Report, evaluate, wilson_interval
from numnet.training.saving import save_model
from numnet.training.views import STRENGTH, Views

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def three_classes() -> Report:
    """Six images: two of class 0, three of class 1, one of class 2, which is never answered."""
    return answering(0, 1, 1, 1, 0, 1)


def answering(*answers: int) -> Report:
    sure = {0: [0.8, 0.1, 0.1], 1: [0.05, 0.9, 0.05], 2: [0, 0, 1]}
    probabilities = np.array([sure[answer] for answer in answers], np.float32)
    return Report(probabilities, np.array([0, 0, 1, 1, 1, 2], np.uint8))


def test_confusion_precision_and_recall_by_hand() -> None:
    found = three_classes()
    assert found.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    assert found.accuracy == pytest.approx(3 / 6)
    np.testing.assert_allclose(found.precision, [1 / 2, 2 / 4, np.nan])
    np.testing.assert_allclose(found.recall, [1 / 2, 2 / 3, 0])


def test_loss_by_hand() -> None:
    right = [0.8, 0.05, 0.9, 0.9, 0.1, 0.05]
    assert three_classes().loss == pytest.approx(-np.log(right).mean(), rel=1e-6)


def test_the_worst_mistakes_are_those_it_was_surest_of() -> None:
    assert three_classes().worst(9).tolist() == [1, 5, 4]
    assert three_classes().worst(1).tolist() == [1]


def test_changed_answers_by_hand() -> None:
    """From one wrong answer to another is no change."""
    before, after = answering(0, 1, 1, 0, 0, 1), answering(1, 0, 1, 1, 2, 2)
    assert after.changes_from(before) == (3, 1)
    assert before.changes_from(after) == (1, 3)
    assert before.changes_from(before) == (0, 0)
    assert (before.wrong, after.wrong) == (4, 2)


def test_a_committee_by_hand() -> None:
    """Of 6 right: 3, 2 and 4. Their mean is 3; the squares of how far off they are add up to 2, over n - 1 = 2."""
    members = (answering(0, 1, 1, 1, 0, 1), answering(0, 1, 1, 0, 0, 1), answering(1, 0, 1, 1, 2, 2))
    assert Committee(members).spread == pytest.approx((3 / 6, 1 / 6, 2 / 6, 4 / 6))
    assert Committee(members[:1]).spread is None
    np.testing.assert_allclose(Committee(members).together.probabilities[0], [1.65 / 3, 1.1 / 3, 0.25 / 3], rtol=1e-6)


def test_wilson_interval_against_published_figures() -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, total), interval in published.items():
        np.testing.assert_allclose(wilson_interval(right, total), interval, atol=5e-5)
    np.testing.assert_allclose(wilson_interval(20, 20), (1 - 0.1611, 1), atol=5e-5)


def networks(*seeds: int) -> list[Network]:
    return [Network.mlp((30, 8, 3), seed=seed, kernels="textbook") for seed in seeds]


def test_one_network_reports_what_evaluate_says(tiny_folder: Path) -> None:
    split = load_folder(tiny_folder).test
    found = judge(networks(1), split).together
    assert (found.accuracy, found.loss) == pytest.approx(evaluate(networks(1)[0], split), rel=1e-5)


def test_several_networks_average_their_probabilities(tiny_folder: Path) -> None:
    split = load_folder(tiny_folder).test
    apart = [judge([network], split).together.probabilities for network in networks(1, 2, 3)]
    together = judge(networks(1, 2, 3), split).together
    np.testing.assert_allclose(together.probabilities, sum(apart) / 3, rtol=1e-6)


def test_a_committee_of_a_network_with_itself_is_the_network(tiny_folder: Path) -> None:
    split = load_folder(tiny_folder).test
    alone, doubled = judge(networks(1), split), judge(networks(1, 1), split)
    np.testing.assert_array_equal(doubled.together.probabilities, alone.together.probabilities)
    assert doubled.spread == (alone.together.accuracy, 0, alone.together.accuracy, alone.together.accuracy)


def test_the_order_of_networks_changes_no_more_than_the_last_bits(tiny_folder: Path) -> None:
    """A mean of M numbers above 0 is off by M roundings of 2**-53 at most, so two orders differ by twice that."""
    split = load_folder(tiny_folder).test
    orders = [judge(networks(*seeds), split).together.probabilities for seeds in ((1, 2, 3), (3, 1, 2), (2, 3, 1))]
    for other in orders[1:]:
        np.testing.assert_allclose(other, orders[0], rtol=2 * 3 * 2**-53)


def test_networks_that_cannot_vote_together_are_refused() -> None:
    split = Split(np.zeros((2, 30), np.uint8), np.zeros(2, np.uint8))
    with pytest.raises(DataError, match="3, 4 classes can't vote"):
        judge([*networks(1), Network.mlp((30, 4), kernels="textbook")], split)
    broken = networks(1)
    broken[0].parameters[:] = np.nan
    with pytest.raises(NonFiniteError, match="NaN"):
        judge(broken, split)


@pytest.fixture
def command(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> Command:
    for seed, network in enumerate(networks(1, 2)):
        save_model(network, tmp_path / f"m{seed}.npz")

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return numnet_command("-m", "numnet.evaluate", *arguments, "--data", tiny_folder, cwd=tmp_path)

    return run


def test_the_command_prints_the_table(command: Command, tiny_folder: Path) -> None:
    run = command("m0.npz")
    found = judge(networks(1), load_folder(tiny_folder).test).together
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("m0.npz on tiny, test: 48 images\n\naccuracy  ")
    assert f"accuracy  {found.accuracy:.4f}, 95 % interval {found.interval[0]:.4f}" in run.stdout
    last = run.stdout.splitlines()[-3:]
    assert [[int(number) for number in line.replace(".", "0").split("|")[1].split()] for line in last] == (
        found.confusion.tolist()
    )


def test_json_of_two_models_and_a_sheet_of_the_worst(command: Command, tmp_path: Path) -> None:
    run = command("m0.npz", "m1.npz", "--split", "validation", "--worst", 4, "worst.png", "--json")
    found = json.loads(run.stdout)
    assert (found["models"], found["split"], found["images"]) == (["m0.npz", "m1.npz"], "validation", 20)
    assert np.sum(found["confusion"]) == 20
    with Image.open(tmp_path / "worst.png") as sheet:
        assert sheet.format == "PNG"
        assert len(set(sheet.convert("L").tobytes())) > 20  # not a blank one


def test_two_models_tell_what_each_is_alone(command: Command, tiny_folder: Path) -> None:
    found = judge(networks(1, 2), load_folder(tiny_folder).test)
    lines = command("m0.npz", "m1.npz").stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if line.split() == ["each", "alone", "accuracy"])
    spread = dict(zip(("mean", "deviation", "least", "most"), found.spread or (), strict=True))
    alone = {f"m{i}.npz": member.accuracy for i, member in enumerate(found.members)}
    assert dict(line.split() for line in lines[first + 1 : first + 7]) == {
        name: f"{share:.4f}" for name, share in (alone | spread).items()
    }


def test_views_stand_beside_the_plain_figures(command: Command, tiny_folder: Path) -> None:
    split, views = load_folder(tiny_folder).validation, Views(5, 0.8, seed=3)
    plain = judge(networks(1, 2), split)
    averaged = average_views(networks(1, 2), split, plain, views)
    flags = ("m0.npz", "m1.npz", "--views", 5, "--view-strength", 0.8, "--seed", 3, "--split", "validation")
    found = json.loads(command(*flags, "--kernels", "textbook", "--json").stdout)
    for report, said in ((averaged.together, found), (plain.together, found["views"]["plain"])):
        assert (said["accuracy"], said["wrong"]) == (report.accuracy, report.wrong)
        assert said["interval"] == list(report.interval)
    assert [member["wrong"] for member in found["members"]] == [member.wrong for member in averaged.members]
    assert [member["wrong"] for member in found["views"]["plain"]["members"]] == [m.wrong for m in plain.members]
    assert averaged.spread
    assert found["spread"] == averaged.spread._asdict()
    assert found["confusion"] == averaged.together.confusion.tolist()
    mended, spoilt = found["views"]["wrong_to_right"], found["views"]["right_to_wrong"]
    assert (mended, spoilt) == averaged.together.changes_from(plain.together)
    text = command(*flags, "--kernels", "textbook", "--worst", 3, "worst.png").stdout
    assert f"accuracy  {averaged.together.accuracy:.4f}, " in text
    assert f"plain     {plain.together.accuracy:.4f}, " in text
    assert f"changed   {mended} from wrong to right, {spoilt} from right to wrong" in text
    assert "1 as it is,\n4 distorted (strength 0.8, seed 3)." in text


def test_views_are_compiled_codes_unless_said_otherwise(command: Command) -> None:
    alone, views = (json.loads(command("m0.npz", *flags, "--json").stdout) for flags in ((), ("--views", 3)))
    assert (alone["kernels"], alone["views"], alone["spread"]) == ("textbook", None, None)
    assert views["kernels"] == "numba"
    assert {name: views["views"][name] for name in ("count", "strength", "seed")} == {
        "count": 3, "strength": STRENGTH, "seed": 0
    }  # fmt: skip
    assert views["views"]["plain"]["accuracy"] == alone["accuracy"]


def test_views_of_coloured_images_are_refused(numnet_command: Command, tmp_path: Path) -> None:
    for name, count in (("train", 24), ("t10k", 6)):
        write_idx(tmp_path / f"{name}-images-idx4-ubyte", np.zeros((count, 4, 4, 3), np.uint8))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 3)
    save_model(Network.mlp((48, 3), kernels="textbook"), tmp_path / "m.npz")
    line = ("-m", "numnet.evaluate", tmp_path / "m.npz", "--data", tmp_path, "--kernels", "textbook")
    assert numnet_command(*line).returncode == 0
    run = numnet_command(*line, "--views", 2)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "images of shape (4, 4, 3): distortions are of height and width, without colours" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.npz",), "none.npz: No such file or directory; make one with"),
        (("m0.npz", "--worst", "none", "w.png"), "--worst none w.png: expected how many"),
        (("m0.npz", "--worst", "3", "nowhere/w.png"), "nowhere/w.png"),
        (("m0.npz", "--worst", "3", "m1.npz"), "the name of a .png file"),
        (("m0.npz", "--kernels", "fast"), "unknown kernels 'fast'"),
        (("m0.npz", "--views", "0"), "0 views of each image: expected 1 to 10,000"),
        (("m0.npz", "--views", "many"), "argument --views: invalid int value: 'many'"),
        (("m0.npz", "--views", "2", "--view-strength", "nan"), "views of strength nan: expected 0 to less than 10"),
        (("m0.npz", "--views", "2", "--view-strength", "10"), "views of strength 10.0: expected 0 to less than 10"),
        (("m0.npz", "--views", "2", "--seed", "-1"), "seed -1: expected 0 to"),
        (("m0.npz", "--view-strength", "1"), "--view-strength says how views are distorted, and there are none"),
        (("m0.npz", "--seed", "1"), "--seed says how views are distorted, and there are none: give --views N, too"),
        ((), "MODEL.npz"),
    ],
)
def test_a_refusal_is_one_line(command: Command, arguments: tuple[str, ...], words: str) -> None:
    run = command(*arguments)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert words in run.stderr


def test_who_was_trained_on_the_validation_images_is_named(
    command: Command, numnet_command: Command, tmp_path: Path
) -> None:
    """m0 and m1 were trained on nothing; `all` on these very images; `other` on all of another folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name, count in (("train", 24), ("t10k", 6)):
        write_idx(folder / f"{name}-images-idx3-ubyte", np.zeros((count, 6, 5), np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 3)
    flags = ("--kernels", "textbook", "--hidden", 8, "--steps", 2, "--quiet")
    for model, data, images in (("all", "tiny", "all"), ("some", "tiny", "train"), ("other", folder, "all")):
        line = ("--data", data, "--images", images, "--save", f"{model}.npz")
        assert numnet_command("-m", "numnet.train", *flags, *line, cwd=tmp_path).returncode == 0
    run = command("m0.npz", "all.npz", "some.npz", "other.npz", "--split", "validation")
    said = "numnet: all.npz was trained on these images too: it looks better here than it is\n"
    assert (run.returncode, run.stderr) == (0, said)
    assert command("all.npz").stderr == ""


def test_help_has_the_words_of_the_field(numnet_command: Command) -> None:
    told = {door: numnet_command("-m", f"numnet.{door}", "--help").stdout for door in ("train", "evaluate")}
    for door, word in (
        ("train", "AdamW"),
        ("train", "exponential moving average (EMA)"),
        ("evaluate", "ensemble"),
        ("evaluate", "test-time augmentation"),
    ):
        assert word.replace(" ", "") in "".join(told[door].split())  # wherever its lines were broken


def test_a_hurt_model_file_is_refused_and_the_one_before_named(command: Command, tmp_path: Path) -> None:
    save_model(networks(3)[0], tmp_path / "m0.npz")
    (tmp_path / "m0.npz").write_bytes((tmp_path / "m0.npz").read_bytes()[:-100])
    run = command("m0.npz")
    assert run.returncode == 2
    assert "damaged" in run.stderr
    assert "the one before is whole: m0.previous.npz" in run.stderr
