"""What was measured: every sample a line of JSON in results/JOB.jsonl, keyed so that a run can stop and go on."""

import hashlib
import json
import os
import platform
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from numnet.doctor import cpu_name

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numnet", "numpy", "numba", "llvmlite", "tensorflow-cpu", "keras", "torch", "jax", "scikit-learn")

# of benchmarks/: what changes no figure, and what besides numnet decides whether a rival's work is equal
WITHOUT_A_CLOCK = ("results", "report", "check.py", "own_digits.py")
OF_EQUALITY = ("rivals", "problem.py", "nets.py", "equal.py", "worker.py", "session.py", "requirements.txt")

SLOWER = 1.15  # times the probe's least, from which on cores count as disturbed; a busy sibling makes it 1.8
SESSION = uuid.uuid4().hex[:8]  # of this process: what two runs measured is never paired


@cache
def commit(job: str) -> str:
    """The last commit that changed what a job measures, or how; with a + and a digest where there are changes since."""
    how = [f"benchmarks/{name}" for name in OF_EQUALITY]
    if job != "equal":
        how = ["benchmarks", *(f":!benchmarks/{name}" for name in WITHOUT_A_CLOCK)]
    what = ["--", "numnet", *how]
    changes = _git("status", "--porcelain", *what) and _git("diff", "HEAD", *what)
    return _git("log", "-1", "--format=%h", *what) + (f"+{_digest(changes)}" if changes else "")


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def environment() -> str:
    """The machine and the versions of what is measured on it."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{len(os.sched_getaffinity(0))} cores of an {cpu_name()}, {system}, {', '.join(map(_version, PACKAGES))}"


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


@dataclass(frozen=True)
class Sample:
    """One measurement.

    case : the job's settings for it, such as {"net": "tutorial", "threads": 2}
    round : within one round of a session all rivals of a case took their turn, in an order that was drawn
    value : what was measured, in the job's own unit, or several figures by name; {"failed": why} where nothing could be
    probe : seconds that the noise probe took, the slower of just before and just after; None where it did not look
    quiet : whether the cores were undisturbed, as far as the probe tells; said when samples are read back
    """

    job: str
    rival: str
    case: dict[str, Any]
    round: int
    value: Any
    probe: float | None = None
    quiet: bool = True
    commit: str = ""
    environment: str = field(default_factory=lambda: _digest(environment()))
    session: str = SESSION

    @property
    def key(self) -> str:
        """What no two samples that count share."""
        return json.dumps([self.job, self.rival, self.case, self.round, self.commit, self.environment], sort_keys=True)


class Store:
    """The samples in a folder, those of other commits and machines included."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self._samples = {s.key: s for file in sorted(folder.glob("*.jsonl")) for s in _read(file)}

    @property
    def samples(self) -> list[Sample]:
        """The newest of each key."""
        return list(self._samples.values())

    def add(self, sample: Sample) -> None:
        """Keep a sample, on disk at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe_environment()
        with (self.folder / f"{sample.job}.jsonl").open("a") as file:
            file.write(json.dumps(asdict(sample), sort_keys=True) + "\n")
        self._samples.pop(sample.key, None)  # so that the newest is the last
        self._samples[sample.key] = sample

    def has(self, job: str, rival: str, case: dict[str, Any], round: int) -> bool:
        """Whether this code has been measured so on this machine."""
        return Sample(job, rival, case, round, None, commit=commit(job)).key in self._samples

    def of(self, job: str, **case: Any) -> list[Sample]:
        """A job's samples whose case has these settings: of the commit and machine that has most rivals, or is newest.

        So a part measured anew does not take the place of the whole.
        """
        ours = [s for s in self.samples if s.job == job and case.items() <= s.case.items()]
        groups: dict[tuple[str, str], list[Sample]] = {}
        for sample in ours:
            groups.setdefault((sample.commit, sample.environment), []).append(sample)
        best = max(reversed(groups.values()), key=lambda group: len({s.rival for s in group}), default=[])
        least = self._least(best[0].environment) if best else 0.0
        return [replace(s, quiet=s.probe is None or s.probe <= SLOWER * least) for s in best]

    def environments(self) -> dict[str, str]:
        """Digest and text of each machine that samples are of."""
        file = self.folder / "environments.json"
        found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def _describe_environment(self) -> None:
        known = self.environments()
        if _digest(environment()) not in known:
            text = json.dumps(known | {_digest(environment()): environment()}, indent=1, sort_keys=True)
            (self.folder / "environments.json").write_text(text + "\n")

    def _least(self, environment: str) -> float:
        """The least that the probe is known to take on a machine: a low quantile, since a timer may err."""
        seen = [s.probe for s in self.samples if s.probe is not None and s.environment == environment]
        return float(np.quantile(seen, 0.02)) if seen else 0.0


def _read(file: Path) -> Iterator[Sample]:
    """The samples in a file; a last line that was cut off in writing is left out."""
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield Sample(**json.loads(line))
