"""What a run of the suite measures, and what of it is there already."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.samples import Sample, Store, commit

Case = dict[str, Any]


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

    def add(self, job: str, rival: str, case: Case, round: int, value: Any, quiet: bool = True) -> None:
        """Keep a sample, and say so."""
        self.store.add(Sample(job, rival, case, round, value, quiet, commit(job)))
        shown = f"{value:.4g}" if isinstance(value, float) else json.dumps(value)[:110]
        settings = ", ".join(f"{name} {setting}" for name, setting in case.items())
        print(f"{job}: {settings}, round {round}, {rival}: {shown}{'' if quiet else ' (disturbed)'}", flush=True)

    def measure(
        self, job: str, rival: str, case: Case, round: int, block: Callable[..., tuple[Any, bool]], *arguments: Any
    ) -> None:
        """Add what block(*arguments) measures, and whether it was undisturbed, unless that sample is there already."""
        if not self.store.has(job, rival, case, round):
            self.add(job, rival, case, round, *block(*arguments))

    def lacks(self, job: str, case: Case, names: Iterable[str]) -> bool:
        """Whether any sample of a case is still to be taken."""
        return any(not self.store.has(job, name, case, i) for name in names for i in range(self.rounds))
