"""What was measured: every sample a line of JSON in results/JOB.jsonl, keyed so that a run can stop and go on."""

import hashlib
import json
import os
import platform
import re
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
from numnet.training.sources import NOT_TRAINING

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numnet", "numpy", "numba", "llvmlite", "tensorflow-cpu", "keras", "torch", "jax", "scikit-learn")

# of benchmarks/: what changes no figure, and what besides numnet decides whether a rival's work is equal
WITHOUT_A_CLOCK = ("results", "report", "accuracy", "check.py", "own_digits.py")
OF_EQUALITY = (
    "__init__.py", "rival.py", "rivals", "problem.py", "nets.py", "equal.py", "worker.py", "session.py",
    "requirements.txt", "constraints.txt",
)  # fmt: skip

THREADS = 2  # of all jobs that do not compare numbers of threads
SLOWER = 1.15  # times the probe's least, from which on cores count as disturbed; a busy sibling makes it 1.8
WHOLE = "whole"  # the job of a sample that says that a run of a job, its rival, was whole
RUN_WITH = {"trial": "search", "memory": "start", "clock": "parts"}  # what is measured within another job's run
LEFT_OUT = "left out"  # in the case of a note that says why a rival was not measured
SESSION = uuid.uuid4().hex[:8]  # of this process: what two runs measured is never paired


@cache
def commit(job: str) -> str:
    """What `commit_now` was when this process asked first."""
    return commit_now(job)


def commit_now(job: str) -> str:
    """The last commit that changed what a job measures, or how; with a + and a digest where there are changes since.

    Not seen is what git does not, as a package that was installed anew, and what was changed and changed back.
    """
    how = [f"benchmarks/{name}" for name in OF_EQUALITY]
    if job != "equal":
        how = ["benchmarks", *(f":!benchmarks/{name}" for name in WITHOUT_A_CLOCK)]
    what = ["--", "numnet", *(f":!numnet/{name}" for name in NOT_TRAINING), *how]
    new = _git("ls-files", "--others", "--exclude-standard", *what).splitlines()
    changes = _git("diff", "HEAD", *what) + "".join(name + (ROOT / name).read_text(errors="replace") for name in new)
    return _git("log", "-1", "--format=%h", *what) + (f"+{_digest(changes)}" if changes else "")


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def environment() -> str:
    """The machine and the versions of what is measured on it."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"
    return f"{machine()}, {system}, {', '.join(map(_version, PACKAGES))}"


def machine() -> str:
    """The cores, whose they are, their caches and the memory, as far as Linux tells."""
    info = dict(re.findall(r"(?m)^([^\t\n]+?)\s*: (.*)$", _text("/proc/cpuinfo")))
    kind = f"{cpu_name()} (family {info['cpu family']}, model {info['model']})" if "cpu family" in info else cpu_name()
    cores = "virtual cores, a guest's," if "hypervisor" in info.get("flags", "").split() else "cores"
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    sizes = [f"L{_text(f / 'level')} {_text(f / 'size')}" for f in folders if _text(f / "type") != "Instruction"]
    kilobytes = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    memory = [f"{int(kilobytes[1]) / 2**20:.0f} GiB of memory"] if kilobytes else []
    return ", ".join([f"{len(os.sched_getaffinity(0))} {cores} of an {kind}", *sizes, *memory])


def _text(file: str | Path) -> str:
    return Path(file).read_text().strip() if Path(file).exists() else ""


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
    quiet : whether the cores were undisturbed, as far as the probe tells, which says nothing where it did not look;
        found out when samples are read back
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

    @property
    def line(self) -> str:
        """It as a file has it."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    def of(self, part: str) -> "Sample":
        """The same with one of several figures as its value."""
        return replace(self, value=self.value[part])

    @property
    def threads(self) -> int:
        """On how many cores the work was, and the probe's."""
        return int(self.case.get("threads", THREADS))


def failure(sample: Sample) -> str:
    """Why a sample is none; empty where it is one."""
    return str(sample.value.get("failed", "")) if isinstance(sample.value, dict) else ""


class Store:
    """The samples in a folder, those of other commits and machines included."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self._samples: dict[str, Sample] = {}
        self._probes: dict[tuple[str, int], list[float]] = {}  # by environment and threads
        for file in sorted(folder.glob("*.jsonl")):
            for sample in _read(file):
                self._remember(sample)

    @property
    def samples(self) -> list[Sample]:
        """The newest of each key."""
        return list(self._samples.values())

    def add(self, sample: Sample) -> None:
        """Keep a sample, on disk at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._describe_environment()
        with (self.folder / f"{sample.job}.jsonl").open("a") as file:
            file.write(sample.line)
        self._remember(sample)

    def take_back(self, job: str) -> None:
        """Remove what this process has added of a job, and of what is measured within its run."""
        jobs = {job} | {part for part, whole in RUN_WITH.items() if whole == job}
        for file in (found for name in jobs if (found := self.folder / f"{name}.jsonl").exists()):
            new = file.with_suffix(".new")
            new.write_text("".join(sample.line for sample in _read(file) if sample.session != SESSION))
            new.replace(file)
        self._samples = {key: s for key, s in self._samples.items() if s.session != SESSION or s.job not in jobs}

    def mark_whole(self, job: str) -> None:
        """Say that a job was run whole: all its rounds, with every rival, by this code on this machine."""
        mark = Sample(WHOLE, job, {}, 0, True, commit=commit(job))
        if mark.key not in self._samples:
            self.add(mark)

    def has(self, job: str, rival: str, case: dict[str, Any], round: int) -> bool:
        """Whether this code has been measured so on this machine."""
        return self.current(job, rival, case, round) is not None

    def current(self, job: str, rival: str, case: dict[str, Any], round: int = 0) -> Sample | None:
        """The sample that this code has taken on this machine, if it has."""
        return self._samples.get(Sample(job, rival, case, round, None, commit=commit(job)).key)

    def undisturbed(self, job: str, rival: str, case: dict[str, Any], rounds: int) -> int:
        """In how many of the first rounds this code was measured undisturbed on this machine."""
        found = [self.current(job, rival, case, i) for i in range(rounds)]
        return sum(s is not None and s.probe is not None and self._is_quiet(s) for s in found)

    def of(self, job: str, **case: Any) -> list[Sample]:
        """A job's samples whose case has these settings, all of one commit and machine: of the newest whole run.

        Where no run was whole, of the one that has most rivals, or is the newest of those. So a part measured anew does
        not take the place of the whole, and a whole run does that leaves a rival out which an older one had.
        """
        ours = [s for s in self.samples if s.job == job and case.items() <= s.case.items()]
        groups: dict[tuple[str, str], list[Sample]] = {}
        for sample in ours:
            groups.setdefault((sample.commit, sample.environment), []).append(sample)
        runs = {(s.commit, s.environment) for s in self.samples if s.job == WHOLE and s.rival == RUN_WITH.get(job, job)}
        whole = [group for run, group in groups.items() if run in runs][-1:] or list(groups.values())
        best = max(reversed(whole), key=lambda group: len({s.rival for s in group}), default=[])
        return [replace(s, quiet=self._is_quiet(s)) for s in best]

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

    def _is_quiet(self, sample: Sample) -> bool:
        return sample.probe is None or sample.probe <= SLOWER * self._least(sample.environment, sample.threads)

    def _least(self, environment: str, threads: int) -> float:
        """The least that the probe is known to take on so many cores: a low quantile, as a timer may err."""
        probes = self._probes.setdefault((environment, threads), [])
        return float(np.quantile(probes, 0.02)) if probes else 0.0

    def _remember(self, sample: Sample) -> None:
        self._samples.pop(sample.key, None)  # so that the newest is the last
        self._samples[sample.key] = sample
        if sample.probe is not None:
            self._probes.setdefault((sample.environment, sample.threads), []).append(sample.probe)


def _read(file: Path) -> Iterator[Sample]:
    """The samples in a file; a last line that was cut off in writing is left out."""
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield Sample(**json.loads(line))
