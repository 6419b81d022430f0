"""Is anybody else at work here? A probe before and after each block of measurement.

On a shared machine the same code runs at half the speed when a neighbour uses the other half of a core, or when the
host puts two of our cores on the halves of one; no counter tells. So the probe is a fixed product on all cores at once:
what it takes beyond the least that it is known to take on this machine, in any run, somebody else had. It says nothing
of memory that others use.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cores import at_once
from benchmarks.problem import FloatArray

SIDE, TIMES = 256, 5  # 33.6 MFLOP, some 0.4 ms; the median of five passes over a timer's interrupt
# Threads that wait for work spin (OpenBLAS's for 2^28 cycles, some 110 ms) on cores that others are to be timed on.
PAUSE = 0.15

T = TypeVar("T")


class Probe:
    """Looks whether the cores are undisturbed, between blocks that follow each other.

    threads : how many cores are looked at
    """

    def __init__(self, threads: int) -> None:
        rng = np.random.default_rng(0)
        side = (SIDE, SIDE)
        factors = [(rng.standard_normal(side), rng.standard_normal(side)) for _ in range(threads)]
        self._jobs = [partial(_time, a.astype(np.float32), b.astype(np.float32)) for a, b in factors]
        self._look()  # wakes up what sleeps, and does not count
        self._before = self._look()

    def watch(self, block: Callable[..., T], *arguments: Any) -> tuple[T, float]:
        """What block(*arguments) measures, and the probe's seconds: now or after the block before, which are more."""
        found = block(*arguments)
        before, self._before = self._before, self._look()
        return found, max(before, self._before)

    def _look(self) -> float:
        """Seconds of the product on the slowest core."""
        time.sleep(PAUSE)
        with threadpool_limits(1):
            return max(at_once(self._jobs))


def _time(a: FloatArray, b: FloatArray) -> float:
    """Median seconds of a product."""
    return statistics.median(_time_once(a, b, np.empty_like(a)) for _ in range(TIMES))


def _time_once(a: FloatArray, b: FloatArray, out: FloatArray) -> float:
    began = time.perf_counter()
    np.matmul(a, b, out=out)
    return time.perf_counter() - began
