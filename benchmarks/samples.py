"""What was measured: every sample a line of JSON in results/JOB.jsonl, keyed so that a run can stop and go on."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from numnet.doctor import cpu_name

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
# of benchmarks/: what changes no figure, and what besides decides whether a rival's work is equal
WITHOUT_A_CLOCK = ("results", "report", "check.py", "own_digits.py")
OF_EQUALITY = ("rivals", "problem.py", "nets.py", "equal.py", "worker.py", "session.py", "requirements.txt")


@cache
def commit(job: str) -> str:
    """The last commit that changed what a job measures, or how; with a + where there are changes since."""
    how = [f"benchmarks/{name}" for name in OF_EQUALITY]
    if job != "equal":
        how = ["benchmarks", *(f":!benchmarks/{name}" for name in WITHOUT_A_CLOCK)]
    what = ["--", "numnet", *how]
    changed = bool(_git("status", "--porcelain", *what))
    return _git("log", "-1", "--format=%h", *what) + "+" * changed


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


@cache
def machine() -> str:
    """A short name for this kind of machine: a digest of its description."""
    return hashlib.sha256(describe_machine().encode()).hexdigest()[:8]


def describe_machine() -> str:
    """The CPU, its cores, the system."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{len(os.sched_getaffinity(0))} cores of an {cpu_name()}, {system}"


@dataclass(frozen=True)
class Sample:
    """One measurement.

    case : the job's settings for it, such as {"net": "tutorial", "threads": 2}
    round : rivals of one case and round were measured one right after the other
    value : what was measured, in the job's own unit, or several figures by name
    quiet : whether the noise probe found the cores undisturbed just before and after
    """

    job: str
    rival: str
    case: dict[str, Any]
    round: int
    value: Any
    quiet: bool = True
    commit: str = ""
    machine: str = field(default_factory=machine)

    @property
    def key(self) -> str:
        """What no two samples of a run share."""
        return json.dumps([self.job, self.rival, self.case, self.round, self.commit, self.machine], sort_keys=True)


class Store:
    """The samples in a folder, those of other commits and machines included."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self.samples = [sample for file in sorted(folder.glob("*.jsonl")) for sample in _read(file)]
        self._keys = {sample.key for sample in self.samples}

    def add(self, sample: Sample) -> None:
        """Keep a sample, on disk at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{sample.job}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(sample), sort_keys=True) + "\n")
        self.samples.append(sample)
        self._keys.add(sample.key)

    def has(self, job: str, rival: str, case: dict[str, Any], round: int) -> bool:
        """Whether this code has been measured so on this machine."""
        return Sample(job, rival, case, round, None, commit=commit(job)).key in self._keys

    def of(self, job: str, **case: Any) -> list[Sample]:
        """A job's samples whose case has these settings, of the newest commit and machine that it was run on."""
        ours = [s for s in self.samples if s.job == job and case.items() <= s.case.items()]
        newest = ours[-1:]
        return [s for s in ours if (s.commit, s.machine) == (newest[0].commit, newest[0].machine)]


def _read(file: Path) -> Iterable[Sample]:
    return (Sample(**json.loads(line)) for line in file.read_text().splitlines() if line.strip())
