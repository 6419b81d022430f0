"""From samples to figures: medians, ratios within a round, and the intervals that hold them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.samples import Sample

ENOUGH = 6  # undisturbed rounds, below which the disturbed ones count too: fewer hold no median with 95 %
COVER = 0.95


class Figure(NamedTuple):
    """A median and its interval.

    low, high : values of the sample that hold the true median with at least 95 %; the least and the largest where
        there are fewer than six
    rounds : how many values it is of
    quiet : whether all of them are of undisturbed rounds
    """

    median: float
    low: float
    high: float
    rounds: int
    quiet: bool


def median(samples: Sequence[Sample]) -> Figure:
    """The median of one rival's samples, whose values are numbers; undisturbed ones where there are enough."""
    return _undisturbed([(s.value, s.quiet) for s in samples])


def ratio(slow: Sequence[Sample], fast: Sequence[Sample]) -> Figure:
    """How many times slower one is: the median over rounds of the ratio within a round.

    Within a round the two took their turns within seconds, so that a machine that slows down slows both.
    """
    partners = {(s.session, s.round): s for s in fast}
    pairs = [(s, partners[s.session, s.round]) for s in slow if (s.session, s.round) in partners]
    return _undisturbed([(s.value / f.value, s.quiet and f.quiet) for s, f in pairs])


def beside(samples: Sequence[Sample], part: str) -> Figure:
    """How many times slower than numnet one is that took its turns between two of numnet's."""
    pairs = [(s.value[part] / s.value["numnet"], s.quiet) for s in samples if "numnet" in s.value]
    return _undisturbed(pairs)


def inside(samples: Sequence[Sample], top: str, bottom: str) -> Figure:
    """The median of the ratio of two figures of the same sample."""
    return _undisturbed([(s.value[top] / s.value[bottom], s.quiet) for s in samples])


def _undisturbed(values: Sequence[tuple[float, bool]]) -> Figure:
    """Of values and whether each is of an undisturbed round: those that are where there are enough, or all."""
    kept = [value for value, quiet in values if quiet]
    quiet = len(kept) == len(values) or len(kept) >= ENOUGH
    return figure(kept if quiet else [value for value, _ in values], quiet)


def across(slow: Sequence[Sample], fast: Sequence[Sample]) -> Figure:
    """The ratio of two medians that were not measured in the same rounds: with no interval but the widest."""
    a, b = median(slow), median(fast)
    return Figure(a.median / b.median, a.low / b.high, a.high / b.low, min(a.rounds, b.rounds), a.quiet and b.quiet)


def figure(values: Sequence[float], quiet: bool = True) -> Figure:
    """Median and interval of some values, without an assumption on how they are distributed.

    The k-th least and k-th largest of n miss the true median if fewer than k of the n fall on one side of it, each
    of which is as likely as heads. Source: David and Nagaraja 2003, "Order statistics", section 7.1.
    """
    ordered, n = sorted(values), len(values)
    if n == 0:
        return Figure(math.nan, math.nan, math.nan, 0, False)
    k = max((k for k in range(1, n // 2 + 1) if _cover(n, k) >= COVER), default=1)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Figure(middle, ordered[k - 1], ordered[n - k], n, quiet)


def _cover(n: int, k: int) -> float:
    """The chance that the k-th least and k-th largest of n values have the true median between them."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n
