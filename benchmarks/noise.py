"""Is anybody else at work here? A probe before and after each block of measurement.

On a shared machine the same code runs at half the speed when a neighbour uses the other half of a core, and no counter
tells. So the probe is a fixed product on each core: what it takes beyond the least that it is known to take, somebody
else had.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

SIDE, TIMES = 256, 5  # 33.6 MFLOP, some 0.4 ms; the median of five passes over a timer's interrupt
SLOWER = 1.15  # the share above the least at which cores count as disturbed; a busy sibling makes it 1.8
FEW = 20  # times before the least of them means anything
PAUSE = 0.05  # before a look: threads that wait for work at a barrier spin for up to 30 ms, and are no neighbours
TRIES = 4  # blocks measured again before a disturbed one is kept, and marked

T = TypeVar("T")


class Probe:
    """Tells whether the cores are undisturbed.

    threads : how many cores are looked at, one after the other
    """

    def __init__(self, threads: int) -> None:
        self.cores = sorted(os.sched_getaffinity(0))[:threads]
        rng = np.random.default_rng(0)
        self.a, self.b, self.out = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(3))
        self.seen: list[float] = []
        while len(self.seen) < FEW:
            self.look()

    def look(self) -> float:
        """The slowest core's time over the least that any has taken so far, at least 1."""
        time.sleep(PAUSE)
        took = [self._time_on(core) for core in self.cores]
        self.seen += took
        return max(took) / float(np.quantile(self.seen, 0.05))

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

    def watch(self, block: Callable[..., T], *arguments: Any) -> tuple[T, bool]:
        """What block(*arguments) measures, and whether it was undisturbed; a disturbed one is done again."""
        for _ in range(TRIES):
            before = self.look()
            found = block(*arguments)
            if quiet := max(before, self.look()) < SLOWER:
                break
        return found, quiet
