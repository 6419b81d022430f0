"""Is anybody else at work here? A probe before and after each block of measurement.

On a shared machine the same code runs at half the speed when a neighbour uses the other half of a core, and no counter
tells. So the probe is a fixed product on each core: what it takes beyond the least that it is known to take on this
machine, in any run, somebody else had. It says nothing of memory that others use.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

SIDE, TIMES = 256, 5  # 33.6 MFLOP, some 0.4 ms; the median of five passes over a timer's interrupt
PAUSE = 0.15  # before a look: threads that wait for work spin for up to 110 ms (OpenBLAS's), and are no neighbours

T = TypeVar("T")


class Probe:
    """Looks whether the cores are undisturbed.

    threads : how many cores are looked at, one after the other
    """

    def __init__(self, threads: int) -> None:
        self.cores = sorted(os.sched_getaffinity(0))[:threads]
        rng = np.random.default_rng(0)
        self.a, self.b, self.out = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(3))
        self.look()  # wakes up what sleeps, and does not count

    def look(self) -> float:
        """Seconds of the product on the slowest core."""
        time.sleep(PAUSE)
        return max(self._time_on(core) for core in self.cores)

    def _time_on(self, core: int) -> float:
        """Median seconds of the product on one core."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, [core])
        try:
            with threadpool_limits(1):
                return statistics.median(self._time_once() for _ in range(TIMES))
        finally:
            os.sched_setaffinity(0, before)

    def _time_once(self) -> float:
        began = time.perf_counter()
        np.matmul(self.a, self.b, out=self.out)
        return time.perf_counter() - began

    def watch(self, block: Callable[..., T], *arguments: Any) -> tuple[T, float]:
        """What block(*arguments) measures, and what the probe took, the slower of before and after."""
        before = self.look()
        found = block(*arguments)
        return found, max(before, self.look())
