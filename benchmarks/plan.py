"""What a run of the suite measures, and what of it is there already."""

import json
import random
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.figures import ENOUGH
from benchmarks.rival import Unable
from benchmarks.samples import LEFT_OUT, Sample, Store, commit, failure

Case = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """Who is measured, how often, and where the samples go.

    rivals : names, in the report's order
    rounds : how often each case is measured
    folder : for problems and other files in passing
    cap : how often at most, where the noise probe calls rounds disturbed
    """

    store: Store
    rivals: Sequence[str]
    rounds: int
    folder: Path
    cap: int = 0

    def measure(
        self, job: str, rival: str, case: Case, round: int, block: Callable[..., tuple[Any, float | None]], *args: Any
    ) -> None:
        """Keep what block(*args) measures and what the probe took beside it; a failure is a sample with its reason."""
        self.keep(job, rival, case, round, *attempt(block, *args))

    def keep(self, job: str, rival: str, case: Case, round: int, value: Any, probe: float | None = None) -> None:
        """Keep a sample, and print it."""
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

    def refuse(self, job: str, case: Case, reasons: Mapping[str, str]) -> None:
        """Keep why some rivals can't take part in a case."""
        for name, reason in reasons.items():
            self.keep(job, name, case, 0, {"failed": reason})

    def leave_out(
        self, job: str, case: Case, able: Sequence[str], instead: Mapping[str, str], reason: str
    ) -> list[str]:
        """Who takes part in a case: all who are able, but nobody beside the one that stands there instead of him.

        Keeps of each who is left out that he is, and why.
        """
        late = [name for name in able if instead.get(name) in able]
        for name in late:
            told = self.store.current("equal", instead[name], {"net": "tutorial"})
            title = told.value.get("title", instead[name]) if told else instead[name]
            note = case | {LEFT_OUT: True}  # a case of its own: run by himself, he is still to be measured
            if not self.store.has(job, name, note, 0):
                self.keep(job, name, note, 0, {"failed": f"{reason}: {title}"})
        return [name for name in able if name not in late]

    def turns(self, job: str, case: Case, names: Collection[str], minutes: float) -> Iterator[tuple[int, list[str]]]:
        """Each round that is still to be taken, and who takes a turn in it, in the order that is drawn for it.

        All do in the plan's rounds; then those of whom too few rounds were undisturbed, up to the cap, or until so
        many minutes have passed.
        """
        began = time.monotonic()
        for i in range(max(self.rounds, self.cap)):
            if i >= self.rounds and time.monotonic() - began > 60 * minutes:
                return
            if wanted := [name for name in names if self._wants(job, name, case, i)]:
                yield i, in_turn(wanted, i)

    def is_done(self, job: str, case: Case, names: Collection[str]) -> bool:
        """Whether no rival of a case wants a turn."""
        return next(self.turns(job, case, names, 0.0), None) is None

    def _wants(self, job: str, name: str, case: Case, round: int) -> bool:
        first = self.store.current(job, name, case)
        if self.store.has(job, name, case, round) or (first and failure(first)):
            return False
        return round < self.rounds or self.store.undisturbed(job, name, case, round) < ENOUGH

    def lacking(self, job: str, case: Case, names: Collection[str], rounds: int | None = None) -> list[int]:
        """The rounds of a case, in which rivals are compared, that are still to be taken, or to be taken again whole.

        rounds : how many there are to be, at most the plan's own
        """
        wanted = range(min(self.rounds, rounds or self.rounds))
        able = [name for name in names if not ((first := self.store.current(job, name, case)) and failure(first))]
        return [i for i in wanted if any(not self.store.has(job, name, case, i) for name in able)]


def attempt(block: Callable[..., tuple[Any, float | None]], *args: Any) -> tuple[Any, float | None]:
    """What block(*args) returns; where it fails, the reason, as a sample has it."""
    try:
        return block(*args)
    except (Unable, subprocess.SubprocessError, OSError) as error:
        return {"failed": " ".join(str(error).split())}, None


def in_turn(items: Iterable[T], round: int) -> list[T]:
    """In the order that is drawn for a round: nobody always follows the same neighbour."""
    return random.Random(round).sample(found := list(items), len(found))
