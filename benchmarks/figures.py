"""From samples to figures: medians, ratios and their 95 % intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.samples import Sample

ENOUGH = 3  # undisturbed rounds, below which the disturbed ones count too
RESAMPLES = 10_000


class Figure(NamedTuple):
    """A median with the 95 % interval that a bootstrap over rounds gives it, and of how many rounds it is."""

    median: float
    low: float
    high: float
    rounds: int
    quiet: bool

    def __str__(self) -> str:
        """Such as "1.31 (1.28–1.35)"."""
        return f"{self.median:.3g} ({self.low:.3g}–{self.high:.3g})"


def median(samples: Sequence[Sample]) -> Figure:
    """The median of one rival's samples, whose values are numbers; undisturbed ones where there are enough."""
    kept, quiet = _undisturbed({s.round: s for s in samples})
    return _bootstrap(np.array([s.value for s in kept.values()]), quiet)


def ratio(slow: Sequence[Sample], fast: Sequence[Sample]) -> Figure:
    """How many times slower one is: the median over rounds of the ratio within a round.

    Within a round the two were measured one after the other, so that a machine that slows down slows both.
    """
    pairs = {s.round: (s, f) for s in slow for f in fast if s.round == f.round}
    kept = {i: pair for i, pair in pairs.items() if pair[0].quiet and pair[1].quiet}
    quiet = len(kept) >= ENOUGH
    used = kept if quiet else pairs
    return _bootstrap(np.array([s.value / f.value for s, f in used.values()]), quiet)


def _undisturbed(by_round: dict[int, Sample]) -> tuple[dict[int, Sample], bool]:
    kept = {i: sample for i, sample in by_round.items() if sample.quiet}
    return (kept, True) if len(kept) >= ENOUGH else (by_round, False)


def _bootstrap(values: np.ndarray, quiet: bool) -> Figure:
    """Median and interval: the median of as many values drawn anew, 10,000 times."""
    drawn = np.random.default_rng(0).choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return Figure(float(np.median(values)), float(low), float(high), len(values), quiet)
