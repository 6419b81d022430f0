"""What a run of the suite measures, and what of it is there already."""

import json
import random
import subprocess
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.rival import Unable
from benchmarks.samples import Sample, Store, commit

Case = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Who is measured, how often, and where the samples go.

    rivals : names, in the report's order
    rounds : how often each case is measured
    folder : for problems and other files in passing
    """

    store: Store
    rivals: Sequence[str]
    rounds: int
    folder: Path

    def measure(
        self, job: str, rival: str, case: Case, round: int, block: Callable[..., tuple[Any, float | None]], *args: Any
    ) -> None:
        """Keep what block(*args) measures and what the probe took beside it; a failure is a sample with its reason."""
        try:
            value, probe = block(*args)
        except (Unable, subprocess.SubprocessError, OSError) as error:
            value, probe = {"failed": " ".join(str(error).split())}, None
        self.store.add(Sample(job, rival, case, round, value, probe, commit=commit(job)))
        shown = f"{value:.4g}" if isinstance(value, float) else json.dumps(value)[:110]
        settings = ", ".join(f"{name} {setting}" for name, setting in case.items())
        watched = "" if probe is None else f" (probe {probe * 1e6:.0f} µs)"
        print(f"{job}: {settings}, round {round}, {rival}: {shown}{watched}", flush=True)

    def measure_once(
        self, job: str, rival: str, case: Case, round: int, block: Callable[..., tuple[Any, float | None]], *args: Any
    ) -> None:
        """The same, unless that sample is there already."""
        if not self.store.has(job, rival, case, round):
            self.measure(job, rival, case, round, block, *args)

    def lacking(self, job: str, case: Case, names: Collection[str], rounds: int | None = None) -> list[int]:
        """The rounds of a case, in which rivals are compared, that are still to be taken, or to be taken again whole.

        rounds : how many there are to be, at most the plan's own
        """
        wanted = range(min(self.rounds, rounds or self.rounds))
        return [i for i in wanted if any(not self.store.has(job, name, case, i) for name in names)]


def in_turn(items: Iterable[T], round: int) -> list[T]:
    """In the order that is drawn for a round: nobody always follows the same neighbour."""
    return random.Random(round).sample(found := list(items), len(found))
