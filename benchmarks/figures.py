"""From samples to figures: medians, ratios within a round, and the intervals that hold them."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.samples import Sample

ENOUGH = 6  # undisturbed rounds, below which disturbed ones count too: fewer hold no median with 95 %
COVER = 0.95
# What is left out where too few rounds are undisturbed: of the products' twelve rounds nine are left, of which the
# interval does without the least and the largest, and with them without what no probe notices.
WORST = 0.25


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


def rounds(samples: Sequence[Sample]) -> list[list[Sample]]:
    """A rival's turns of each round of each case and session; numnet has many in a round, the others one."""
    found: dict[tuple[object, ...], list[Sample]] = {}
    for sample in samples:
        case = sorted(item for item in sample.case.items() if item[0] != "turn")
        found.setdefault((sample.session, sample.round, *case), []).append(sample)
    return list(found.values())


def by_round(samples: Sequence[Sample]) -> list[Sample]:
    """One sample a round, whose values are numbers: the median of the turns, undisturbed where all of them were.

    Its probe, by which rounds are told apart where too few were undisturbed, is the median of theirs.

    Turns of one round share what the machine did in it, so that an interval may not count each of them.
    """
    return [
        replace(
            turns[0],
            value=statistics.median(s.value for s in turns),
            probe=statistics.median(s.probe or 0.0 for s in turns),
            quiet=all(s.quiet for s in turns),
        )
        for turns in rounds(samples)
    ]


def alike(found: Mapping[str, Sequence[Sample]]) -> dict[str, list[Sample]]:
    """Of rivals that are compared, no round of any as undisturbed where one of them has too few such rounds.

    The calmest three quarters of everybody's then count. Else who took more turns, and so found a few quiet ones, would
    be shown by his best rounds beside others by all.
    """
    enough = all(_enough([all(s.quiet for s in turns) for turns in rounds(each)]) for each in found.values())
    return {name: [replace(s, quiet=s.quiet and enough) for s in each] for name, each in found.items()}


def median(samples: Sequence[Sample]) -> Figure:
    """The median of one rival's samples, whose values are numbers; undisturbed ones where there are enough."""
    return _calm([(s.value, s.quiet, s.probe) for s in samples])


def ratio(slow: Sequence[Sample], fast: Sequence[Sample]) -> Figure:
    """How many times slower one is: the median over rounds of the ratio within a round.

    Within a round the two took their turns within seconds, so that a machine that slows down slows both.
    """
    partners = {(s.session, s.round): s for s in fast}
    pairs = [(s, partners[s.session, s.round]) for s in slow if (s.session, s.round) in partners]
    return _calm([
        (s.value / f.value, s.quiet and f.quiet, max(s.probe or 0.0, f.probe or 0.0)) for s, f in pairs
    ])  # fmt: skip


def beside(samples: Sequence[Sample], part: str) -> Figure:
    """How many times slower than numnet one is that took its turns between two of numnet's."""
    return _calm([(s.value[part] / s.value["numnet"], s.quiet, s.probe) for s in samples if "numnet" in s.value])


def inside(samples: Sequence[Sample], top: str, bottom: str) -> Figure:
    """The median of the ratio of two figures of the same sample."""
    return _calm([(s.value[top] / s.value[bottom], s.quiet, s.probe) for s in samples])


def _calm(values: Sequence[tuple[float, bool, float | None]]) -> Figure:
    """Of values, whether each is of an undisturbed round, and its probe: the undisturbed where they are enough.

    Else all but those of the quarter whose probe was the worst, ENOUGH at least: it alone chooses, and sees no value.
    """
    quiet = _enough([quiet for _, quiet, _ in values])
    if quiet:
        return figure([value for value, quiet, _ in values if quiet])
    calmest = sorted(values, key=lambda one: one[2] or 0.0)[: max(ENOUGH, len(values) - int(WORST * len(values)))]
    return figure([value for value, _, _ in calmest], quiet=False)


def _enough(quiet: Sequence[bool]) -> bool:
    """Whether undisturbed rounds alone are to count."""
    return all(quiet) or sum(quiet) >= ENOUGH


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
