"""What several seeds come to: mean, spread, interval, and whether two settings differ by more than chance would."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from benchmarks.accuracy.lines import Run
from benchmarks.accuracy.table import TEST_IMAGES, Goal
from numnet.training.metrics import wilson_interval
from numnet.training.standings import Spread, spread

Z = 1.959964  # two-sided 95 % of a normal distribution


class Difference(NamedTuple):
    """How many more errors a setting has than another, on average over seeds.

    noise : what chance reaches in one case of twenty; None where no setting has two seeds
    """

    errors: float
    noise: float | None

    @property
    def is_beyond_noise(self) -> bool | None:
        """Whether chance would seldom do it; None where that can't be said."""
        return None if self.noise is None else abs(self.errors) > self.noise


Verdict = Literal["met", "missed", "not run"]


def errors(runs: Iterable[Run]) -> Spread | None:
    """Errors of the test images over seeds."""
    return spread(run.errors for run in runs)


def accuracy_of(wrong: float) -> float:
    """The share of the test images that so many errors leave."""
    return 1 - wrong / TEST_IMAGES


def interval(wrong: float) -> tuple[float, float]:
    """Wilson's 95 % interval of the accuracy, from so many errors of the test images, 0..1."""
    return wilson_interval(TEST_IMAGES - round(wrong), TEST_IMAGES)


def pooled_deviation(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """The standard deviation within groups, taken to be the same in all, and its degrees of freedom."""
    known = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in known)
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in known)
    return (math.sqrt(squares / freedom) if freedom else 0.0), freedom


def difference(one: Sequence[float], other: Sequence[float], groups: Iterable[Sequence[float]]) -> Difference:
    """How much more `one` is than `other`; chance is judged by the deviation within all groups.

    Welch's unpooled deviations would rest on two degrees of freedom each at three seeds, and call next to anything
    noise. Source: Student's t with a pooled deviation, as after an analysis of variance.
    """
    deviation, freedom = pooled_deviation(groups)
    more = statistics.fmean(one) - statistics.fmean(other)
    if not freedom:
        return Difference(more, None)
    return Difference(more, student(freedom) * deviation * math.sqrt(1 / len(one) + 1 / len(other)))


def student(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t; 3 % too small at 2 degrees of freedom, 0.3 % at 4.

    Source: Abramowitz and Stegun 1964, "Handbook of mathematical functions", 26.7.5.
    """
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    quantile: float = Z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
    return quantile


def verdict(goal: Goal, runs: Sequence[Run], seeds: int) -> Verdict:
    """Whether the mean accuracy of all seeds, and the seconds of the slowest, are as the goal has them."""
    found = errors(runs)
    if found is None or len(runs) < seeds:
        return "not run"
    seconds = [run.seconds for run in runs if run.seconds is not None]
    if goal.seconds is not None and not seconds:
        return "not run"
    in_time = goal.seconds is None or max(seconds) <= goal.seconds
    return "met" if in_time and reaches(found.mean, goal.accuracy) else "missed"


def reaches(wrong: float, accuracy: float) -> bool:
    """Whether so many errors leave an accuracy; in whole errors, as 1 - 0.984 is not quite 0.016 to a computer."""
    return wrong <= round((1 - accuracy) * TEST_IMAGES)
