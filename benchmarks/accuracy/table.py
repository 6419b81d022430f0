"""What the record is of: which recipes with which seeds, what is switched off, who stands beside them, the goals.

Whoever changes what is run changes this file alone. A recipe that numnet does not have yet is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numnet.training.recipes import RECIPES, Recipe, find_recipe

MNIST, FASHION = "MNIST", "Fashion-MNIST"
TEST_IMAGES = 10_000  # of either
# Of MNIST's test labels, known to be wrong. Source: Northcutt, Athalye and Mueller 2021, "Pervasive label errors in
# test sets destabilize machine learning benchmarks".
WRONG_LABELS = 15


@dataclass(frozen=True)
class Setting:
    """A recipe with some of its numbers replaced, and the seeds 0, 1, … that it is run with.

    changes : numbers of the recipe by name, as numnet.sweep has them
    timed : whether its seconds are quoted: then its runs have all cores, one after the other
    """

    recipe: str
    seeds: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    data: str = MNIST
    timed: bool = True

    @property
    def numbers(self) -> Recipe:
        """The recipe, changes and all."""
        return find_recipe(self.recipe).changed(**self.changes)


class Committee(NamedTuple):
    """Networks that answer together, their probabilities averaged: one of each seed of a recipe.

    flags : more of numnet.evaluate's, such as ("--views", "8")
    """

    recipe: str
    seeds: int
    flags: tuple[str, ...] = ()


class Goal(NamedTuple):
    """What is asked of a recipe, or of one committee of its networks: named here, before anybody sees what it reaches.

    accuracy, stretch : shares of the test images, 0..1
    seconds : from the process's start, of the slowest timed run of all; None of a committee
    tried : what was, and what came of it: said of a goal that is missed
    """

    recipe: str
    accuracy: float
    seconds: float | None
    stretch: float | None = None
    data: str = MNIST
    committee: Committee | None = None
    tried: str = ""


SETTINGS = (
    Setting("tutorial", 5),
    Setting("intended", 5),
    Setting("strong", 5),
    Setting("swift", 5),
    Setting("record", 5),
    Setting("record-large", 1),
    Setting("strong", 3, data=FASHION),
)

# What can be asked for by itself.
PARTS = (
    *dict.fromkeys(setting.recipe for setting in SETTINGS if setting.data == MNIST),
    "fashion", "distortion", "committee", "own", "rivals", "ablations",
)  # fmt: skip

ABLATED = "record"
ABLATION_SEEDS = 3
FAMILY_ERROR = 0.05  # the chance that any of a table's comparisons calls mere chance a difference
ABLATION_EPOCHS = 30.0  # a fraction of the whole run, so that all switches together cost about as much as its seeds
# A switch of a recipe: what it is when it is off, and what it is tried with where a recipe has it off.
SWITCHES: Mapping[str, tuple[Any, Any]] = {
    "distortion": (0.0, None),
    "weight_decay": (0.0, 0.01),
    "dropout": (0.0, None),
    "label_smoothing": (0.0, 0.1),
    "average": (0.0, 0.999),
    "clip": (0.0, 1.0),
    "warmup": (0, None),
    "schedule": ("constant", None),
}

# numnet.evaluate's flags for a committee with views: of 8 and 32 the number with the lower loss on validation images.
VIEWS = ("--views", "32", "--view-strength", "0.25")
PLAIN = Committee("record", 5)
COMMITTEES = (PLAIN, Committee("record", 5, VIEWS))

# Who trains which recipe, with how many seeds; each rival is a file, such as keras_rival.py. Keras distorts image by
# image, an hour for sixty epochs: it has one run of the shortest such recipe, and none of the next, which would take it
# two hours.
CONTESTS = (
    ("pytorch", "strong", 3),
    ("keras", "strong", 3),
    ("pytorch", "swift", 3),
    ("keras", "swift", 1),
    ("pytorch", "record", 1),
)
RIVAL_HOURS = 3  # for one run

GOALS = (
    Goal(
        "strong",
        0.984,
        10,
        tried="with dropout 0.1 and eight epochs no run was in time, whereupon it was cut to seven, without dropout; "
        "its time was measured more than once, to the same bits, and every run counts",
    ),
    Goal("swift", 0.990, 60),
    Goal("record", 0.995, 15 * 60),
    Goal("record-large", 0.996, 75 * 60, stretch=0.9965),
    Goal(
        "record",
        0.996,
        None,
        stretch=0.9969,
        committee=PLAIN,
        tried="nothing more so far: it is of the recipe's own five seeds; neither views nor longer training, for which "
        "`record` has time left, nor members of other kinds have been measured",
    ),
    Goal(
        "strong",
        0.895,
        15,
        data=FASHION,
        tried="on its validation images whatever was tried without dropout had fewer errors than the same with it, and "
        "with dropout 0.1 decay and smoothing together gained; without dropout nothing was tried that tells what they "
        "gain together; eight epochs had a few errors fewer than seven, but `strong` has ten seconds on MNIST",
    ),
)

DISTORT_MICROSECONDS = 8  # an image, on one thread: the goal

# Digits of people's own: whose networks read them, and what share was asked of whom.
OWN = ("strong", "record", "record-large")
OWN_GOAL_OF = "record"
OWN_GOALS = {"all": 0.98, "not 28x28": 0.97, "photos": 0.95}

# The best that multilayer perceptrons were ever published to reach on MNIST's test images.
PUBLISHED = (
    (0.9965, "best single MLP published (Cireşan et al. 2010)"),
    (0.9969, "best committee of MLPs published (Cireşan et al. 2012)"),
)


def known(settings: tuple[Setting, ...]) -> list[Setting]:
    """Those whose recipe numnet has."""
    return [setting for setting in settings if setting.recipe in RECIPES]


def ablations() -> list[Setting]:
    """A recipe cut short, as it is, and then with each switch turned over; nothing where numnet has it not."""
    if ABLATED not in RECIPES:
        return []
    short, recipe = {"epochs": ABLATION_EPOCHS}, find_recipe(ABLATED)
    turned = {name: _turned(getattr(recipe, name), *values) for name, values in SWITCHES.items()}
    changes = [{**short, name: value} for name, value in turned.items() if value is not None]
    return [Setting(ABLATED, ABLATION_SEEDS, change, timed=False) for change in (short, *changes)]


def _turned(value: Any, off: Any, on: Any) -> Any:
    """What is to be tried in a switch's place: off where it is on, and the other way round; None is nothing."""
    is_on = any(value) if isinstance(value, tuple) else value != off
    return off if is_on else on
