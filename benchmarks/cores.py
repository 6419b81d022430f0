"""Jobs that run at once, each on a core of its own: a system may leave two threads on one, where they take turns."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What each job returns; they begin together, the first in this thread. At most one for each core."""
    cores = sorted(os.sched_getaffinity(0))
    gate = threading.Barrier(len(jobs))
    found: list[T | None] = [None] * len(jobs)

    def run(i: int) -> None:
        with _bound_to(cores[i]):
            gate.wait()
            found[i] = jobs[i]()

    others = [threading.Thread(target=run, args=(i,)) for i in range(1, len(jobs))]
    for other in others:
        other.start()
    run(0)
    for other in others:
        other.join()
    return found  # type: ignore[return-value]  # all are there


@contextmanager
def _bound_to(core: int) -> Iterator[None]:
    """Keep this thread on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
