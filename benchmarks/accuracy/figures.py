"""What several seeds come to: mean, spread, interval, and whether two settings differ by more than chance would."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from benchmarks.accuracy.lines import Run
from benchmarks.accuracy.table import FAMILY_ERROR, TEST_IMAGES, Goal
from numnet.training.metrics import wilson_interval
from numnet.training.standings import Spread, spread

LEAST_FREEDOM = 3  # degrees, for a deviation to judge by: with two it errs by half as a rule


class Pooled(NamedTuple):
    """The standard deviation within groups, taken to be the same in all, and its degrees of freedom."""

    deviation: float
    freedom: int

    @property
    def is_enough(self) -> bool:
        """Whether anything can be judged by it."""
        return self.freedom >= LEAST_FREEDOM and self.deviation > 0


class Difference(NamedTuple):
    """How many more errors a setting has than another, on average over seeds.

    noise : what chance reaches in FAMILY_ERROR of all tables; None where there are too few seeds to say
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


def pooled(groups: Iterable[Sequence[float]]) -> Pooled:
    """What groups of numbers scatter by around their own means."""
    known = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in known)
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in known)
    return Pooled(math.sqrt(squares / freedom) if freedom else 0.0, freedom)


def difference(one: Sequence[float], other: Sequence[float], within: Pooled, comparisons: int) -> Difference:
    """How much more `one` is than `other`; chance is judged by the deviation within all groups.

    comparisons : how many a table has, all with `other`: each may err in FAMILY_ERROR / comparisons of all cases, so
        that all together err in no more than FAMILY_ERROR, however they hang together (Bonferroni)

    Welch's unpooled deviations would rest on two degrees of freedom each at three seeds, and call next to anything
    noise. Source: Dunn 1961, "Multiple comparisons among means", with a pooled deviation, as after an analysis of
    variance.
    """
    more = statistics.fmean(one) - statistics.fmean(other)
    if not within.is_enough:
        return Difference(more, None)
    quantile = student(within.freedom, 1 - FAMILY_ERROR / comparisons)
    return Difference(more, quantile * within.deviation * math.sqrt(1 / len(one) + 1 / len(other)))


def student(freedom: int, share: float) -> float:
    """The t between which and -t lies a share of Student's distribution, 0 < share < 1: halved in until it is found."""
    low, high = 0.0, 1e6
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if within_student(middle, freedom) < share else (low, middle)
    return high


def within_student(t: float, freedom: int) -> float:
    """The share of Student's distribution that lies between -t and t.

    Source: Abramowitz and Stegun 1964, "Handbook of mathematical functions", 26.7.3 and 26.7.4: a finite sum in the
    cosine of arctan(t / sqrt(freedom)), one for odd and one for even degrees of freedom.
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    total, term = 0.0, cosine if odd else 1.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def verdict(goal: Goal, runs: Sequence[Run], seconds: Sequence[float], seeds: int) -> Verdict:
    """Whether the mean accuracy of all seeds is as the goal has it, and the slowest of all timed runs within its time.

    runs : one of each seed    seconds : of every timed run of these numbers, so that measuring again chooses nothing

    Where a seed is missing, or its seconds are, nothing is said.
    """
    found = errors(runs)
    if found is None or len(runs) < seeds:
        return "not run"
    if goal.seconds is None:
        return "met" if reaches(found.mean, goal.accuracy) else "missed"
    if any(run.seconds is None for run in runs):
        return "not run"
    return "met" if max(seconds) <= goal.seconds and reaches(found.mean, goal.accuracy) else "missed"


def reaches(wrong: float, accuracy: float) -> bool:
    """Whether so many errors leave an accuracy; in whole errors, as 1 - 0.984 is not quite 0.016 to a computer."""
    return wrong <= round((1 - accuracy) * TEST_IMAGES)
