"""Recipes and schedules: numbers that can be changed by name, and only to what a run can have."""

import dataclasses
import math

import pytest

from numnet.errors import RecipeError
from numnet.training.recipes import RECIPES, find_recipe
from numnet.training.schedules import SCHEDULES, constant, cosine, linear, one_cycle


def test_the_tutorials_numbers() -> None:
    """As in the tutorial's steps 3 and 4."""
    recipe = find_recipe("tutorial")
    assert (recipe.hidden, recipe.batch_size, recipe.steps) == ((512, 256, 128), 128, 1000)
    assert (recipe.activation, recipe.dropout) == ("linear", (0, 0, 0))
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 1e-4, "constant")
    assert (recipe.initializer, recipe.bias) == ("truncated_normal", 0.1)


def test_intended_differs_from_the_tutorial_in_activation_and_dropout_alone() -> None:
    one, other = (dataclasses.asdict(find_recipe(name)) for name in ("tutorial", "intended"))
    assert {key for key in one if one[key] != other[key]} == {"name", "about", "activation", "dropout"}
    assert other["dropout"] == (0, 0, 0.5)


def test_every_recipe_is_possible_and_described() -> None:
    for name, recipe in RECIPES.items():
        recipe.check()
        assert recipe.name == name
        assert (recipe.steps is None) != (recipe.epochs is None)
        sizes = "-".join(map(str, (784, *recipe.hidden, 10)))
        assert recipe.describe(784, 10).startswith(f"{name}: {sizes}, {recipe.activation}, dropout ")


@pytest.mark.parametrize("name", ["tutorial", "intended", "strong"])
def test_the_tutorials_layer_sizes_are_kept_where_it_is_measured_against(name: str) -> None:
    assert find_recipe(name).hidden == (512, 256, 128)


@pytest.mark.parametrize("name", ["swift", "record", "record-large"])
def test_a_recipe_for_the_record_ends_with_its_last_epoch_on_all_images(name: str) -> None:
    """It could not look for a better one: there is no image left that it was not trained on, but for the test's."""
    recipe = find_recipe(name)
    assert (recipe.images, recipe.patience) == ("all", 0)


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="did you mean strong"):
        find_recipe("stong")
    with pytest.raises(RecipeError, match="expected one of tutorial, intended, strong"):
        find_recipe("xyz")


def test_steps_and_epochs_replace_one_another() -> None:
    assert find_recipe("tutorial").changed(epochs=2).steps is None
    assert find_recipe("strong").changed(steps=5).epochs is None


def test_one_drop_rate_replaces_those_that_are_not_zero() -> None:
    assert find_recipe("intended").changed(dropout=0.3).dropout == (0, 0, 0.3)
    assert find_recipe("intended").changed(dropout=(0.1, 0.2, 0.3)).dropout == (0.1, 0.2, 0.3)
    assert find_recipe("tutorial").changed(dropout=0).dropout == (0, 0, 0)
    with pytest.raises(RecipeError, match=r"such as 0,0,0\.5"):
        find_recipe("tutorial").changed(dropout=0.3)


def test_drop_rates_follow_other_hidden_layers_from_the_output_backward() -> None:
    intended = find_recipe("intended")
    assert intended.changed(hidden=(100,)).dropout == (0.5,)
    assert intended.changed(hidden=(9, 8)).dropout == (0, 0.5)
    assert intended.changed(hidden=(9, 8, 7, 6, 5)).dropout == (0, 0, 0, 0, 0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden": (5, 0)}, "at least 1"),
        ({"hidden": (5, 10**9, 5)}, "at most 1,000,000"),
        ({"batch_size": 10**12}, "at most 1,000,000"),
        ({"dropout": (0.1,)}, "1 drop rates for 3"),
        ({"dropout": (0, 0, 1.0)}, "drop rate of 1"),
        ({"dropout": (0, 0, math.nan)}, "drop rate of nan"),
        ({"batch_size": 0}, "batch size of 0"),
        ({"learning_rate": math.nan}, "learning rate of nan"),
        ({"learning_rate": -1}, "learning rate of -1"),
        ({"learning_rate": math.inf}, "learning rate of inf"),
    ],
)
def test_numbers_that_no_run_can_have_are_refused(changes: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        find_recipe("strong").changed(**changes)


def test_schedules_at_their_marks() -> None:
    assert constant(0, 10) == constant(9, 10) == 1
    assert [linear(step, 4) for step in range(4)] == [1, 0.75, 0.5, 0.25]
    assert [cosine(step, 4) for step in (0, 2)] == pytest.approx([1, 0.5])
    assert [one_cycle(step, 10) for step in (0, 3)] == pytest.approx([1 / 25, 1])
    assert one_cycle(9, 10) < 0.06


@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_stays_between_0_and_1(name: str, steps: int) -> None:
    assert all(0 < SCHEDULES[name](step, steps) <= 1 for step in range(steps))
