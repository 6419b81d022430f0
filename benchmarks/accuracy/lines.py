"""The lines that the record is assembled from, and which of them count.

    runs.jsonl         what numnet.sweep writes, a line a run
    conditions.jsonl   the recipe's numbers, the data and the machine, noted before each sweep begins
    committees.jsonl, own.jsonl, rivals.jsonl, distortion.jsonl
    choice.jsonl       by which the recipes were chosen; no command of this package writes it

A line of older code counts as long as the recipe still has the numbers that it had then; the page marks it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.accuracy.choice import Choice
from benchmarks.accuracy.table import Committee, Setting
from benchmarks.samples import ROOT, environment
from numnet.errors import DataError
from numnet.training.json_lines import LineFile, made
from numnet.training.recipes import Recipe
from numnet.training.results import Entry, read_entries
from numnet.training.safe_file import sole_writer
from numnet.training.sources import PACKAGE, code_digest, commit, digest_of

Values = dict[str, Any]

# Of benchmarks/: what a rival's run depends on, beside numnet, which tells it the recipe.
RIVAL_FILES = (
    "accuracy/contest.py", "accuracy/keras_rival.py", "accuracy/pytorch_rival.py",
    "rivals/keras_fit.py", "problem.py", "worker.py",
)  # fmt: skip
COMMITTEE_FILES = ("evaluate.py", "training/committee.py", "training/views.py")  # of numnet/
OWN_FILES = ("own_digits.py",)  # of benchmarks/; how pictures are read is this numnet's


@dataclass(frozen=True)
class Run:
    """One seed of a setting.

    errors : test images that were answered wrongly    flops : floating-point operations
    seconds : of the whole process; None where it was interrupted and went on, or was not alone
    model : its model file    commit : for people; None where there was no git
    """

    seed: int
    errors: int
    seconds: float | None
    peak_mib: float | None
    epochs: float
    flops: float
    sha256: str
    model: str
    code: str
    commit: str | None
    environment: str


@dataclass(frozen=True)
class Note:
    """What held when a sweep began.

    data, data_sha256 : the data set's name, and Dataset.sha256 of what has it
    numbers : all that the recipe said    noted : when, UTC, ISO 8601
    """

    recipe: str
    changes: Values
    data: str
    data_sha256: str
    numbers: Values
    code: str
    environment: str
    noted: str


@dataclass(frozen=True)
class CommitteeLine:
    """What a committee came to: `errors` test images wrong; `members` are the SHA-256 of its networks' parameters."""

    recipe: str
    flags: list[str]
    members: list[str]
    errors: int
    code: str
    commit: str | None
    environment: str
    noted: str


@dataclass(frozen=True)
class OwnLine:
    """How many of people's own digits were read: shares and numbers by kind; `members` as of a committee."""

    members: list[str]
    accuracy: Values
    pictures: Values
    mean_over_hands: float
    code: str
    commit: str | None
    environment: str
    noted: str


@dataclass(frozen=True)
class DistortionLine:
    """Microseconds an image of several epochs, by the number of threads."""

    microseconds: Values
    code: str
    commit: str | None
    environment: str
    noted: str


@dataclass(frozen=True)
class Measured:
    """What a rival came to; seconds from the start of its process to the end."""

    title: str
    about: str
    errors: int
    seconds: float
    peak_mib: float


@dataclass(frozen=True)
class RivalLine:
    """How a rival trained with a recipe's numbers: `measured`, or `failed` and why."""

    rival: str
    recipe: str
    seed: int
    numbers: Values
    code: str
    commit: str | None
    environment: str
    noted: str
    measured: Measured | None
    failed: str | None = None


Noted = TypeVar("Noted", CommitteeLine, OwnLine, DistortionLine, RivalLine)


class Record:
    """What a folder's lines say.

    code : sources.code_digest of this numnet

    since : a time, UTC, ISO 8601: what began before does not count
    """

    def __init__(self, folder: Path, *, since: str = "") -> None:
        self.folder, self.since = folder, since
        self.code = code_digest()
        self._read: dict[Path, tuple[tuple[int, int], list[Any]]] = {}

    @cached_property
    def rivals_code(self) -> str:
        """This numnet's digest, and that of the rivals' own files."""
        files = (ROOT / "benchmarks" / name for name in RIVAL_FILES)
        return f"{self.code}-{digest_of(ROOT, files)}"

    @cached_property
    def committees_code(self) -> str:
        """This numnet's digest, and that of what answers for several networks, which no training depends on."""
        return f"{self.code}-{digest_of(PACKAGE, (PACKAGE / name for name in COMMITTEE_FILES))}"

    @cached_property
    def own_code(self) -> str:
        """This numnet's digest, which has how pictures are read, and that of what counts the right answers."""
        return f"{self.code}-{digest_of(ROOT, (ROOT / 'benchmarks' / name for name in OWN_FILES))}"

    @property
    def runs_file(self) -> Path:
        """Where numnet.sweep's lines are."""
        return self.folder / "runs.jsonl"

    def runs(self, setting: Setting) -> list[Run]:
        """A run of each seed that counts, by seed, all of one machine: of that which has most, or has run last.

        It is the newest of the seed; but none without a time takes the place of one that has it.
        """
        machines: dict[str, dict[int, Run]] = {}
        for run in self._runs_of(setting):
            found = machines.pop(run.environment, {})
            before = found.get(run.seed)
            if not before or run.seconds is not None or before.seconds is None:
                found[run.seed] = run
            machines[run.environment] = found  # now the last
        best = max(reversed(machines.values()), key=len, default={})
        return [best[seed] for seed in sorted(best)]

    def every(self, setting: Setting) -> list[Run]:
        """All runs of a setting on the machine of its row, the oldest first, a seed's older ones among them."""
        machine = next((run.environment for run in self.runs(setting)), None)
        return [run for run in self._runs_of(setting) if run.environment == machine]

    def seconds(self, setting: Setting) -> list[float]:
        """What every timed run took, not the newest alone: who measures again can't choose what is told."""
        return [run.seconds for run in self.every(setting) if run.seconds is not None]

    def lacking(self, setting: Setting) -> list[int]:
        """The seeds to be run here: none where one machine has them all, and their seconds where those are quoted."""
        every = set(range(setting.seeds))

        def whole(runs: list[Run]) -> set[int]:
            return {run.seed for run in runs if run.seconds is not None or not setting.timed}

        if whole(self.runs(setting)) == every:
            return []
        here = [run for run in self._runs_of(setting) if run.environment == environment()]
        return sorted(every - whole(here))

    def note(self, setting: Setting, data_sha256: str) -> None:
        """Say what the recipe's numbers are, on which data and which machine, before runs of this code begin."""
        note = Note(
            setting.recipe, dict(setting.changes), setting.data, data_sha256, numbers(setting.numbers), self.code,
            environment(), now(),
        )  # fmt: skip
        self._append("conditions", asdict(note))

    def committee(self, committee: Committee, members: list[Run]) -> CommitteeLine | None:
        """What these very members came to together, in the newest line that counts."""
        sha256 = [run.sha256 for run in members]
        lines: list[CommitteeLine] = self._lines("committees", lambda values: made(CommitteeLine, values))
        return self._newest(lines, lambda line: line.members == sha256 and line.flags == list(committee.flags))

    def own(self, members: list[str]) -> OwnLine | None:
        """What these networks read of people's own digits, in the newest line that counts."""
        lines: list[OwnLine] = self._lines("own", lambda values: made(OwnLine, values))
        return self._newest(lines, lambda line: line.members == members)

    def lacks_own(self, members: list[str]) -> bool:
        """Whether networks are to read the pictures: no other code's figures will do, as it may see them otherwise."""
        line = self.own(members)
        return line is None or line.code != self.own_code

    def distortion(self) -> DistortionLine | None:
        """What a distortion takes, in the newest line that counts."""
        lines: list[DistortionLine] = self._lines("distortion", lambda values: made(DistortionLine, values))
        return self._newest(lines, lambda _: True)

    def lacks_distortion(self) -> bool:
        """Whether it is to be timed here: it takes seconds, so no other code's and no other machine's will do."""
        line = self.distortion()
        return line is None or (line.code, line.environment) != (self.code, environment())

    def choices(self) -> list[Choice]:
        """The runs by which recipes were chosen."""
        return self._lines("choice", lambda values: made(Choice, values))

    def rival(self, name: str, recipe: Recipe, seed: int, machine: str | None = None) -> RivalLine | None:
        """What a rival came to with a recipe's numbers, or why it failed, in the newest line that counts.

        machine : only on this one; None is any
        """
        lines: list[RivalLine] = self._lines("rivals", _rival_line)
        wanted = _recipe(numbers(recipe))

        def is_it(line: RivalLine) -> bool:
            ours = (line.rival, line.seed) == (name, seed) and machine in (None, line.environment)
            return ours and _recipe(line.numbers) == wanted

        return self._newest(lines, is_it)

    def lacks_rival(self, name: str, recipe: Recipe, seed: int) -> bool:
        """Whether a rival is to be run here; one that has failed would fail again, unless its code is another."""
        line = self.rival(name, recipe, seed, environment())
        return line is None or (line.measured is None and line.code != self.rivals_code)

    def add(self, kind: str, line: Mapping[str, Any]) -> None:
        """Keep a line of "committees", "own", "distortion" or "rivals", with its code, its machine and the time."""
        codes = {
            "committees": self.committees_code, "own": self.own_code, "distortion": self.code,
            "rivals": self.rivals_code,
        }  # fmt: skip
        marks = {"code": codes[kind], "commit": commit(), "environment": environment(), "noted": now()}
        self._append(kind, {**line, **marks})

    def _newest(self, lines: Sequence[Noted], is_it: Callable[[Noted], bool]) -> Noted | None:
        """The last line that is the one in question and is not older than what counts."""
        return next((line for line in reversed(lines) if line.noted >= self.since and is_it(line)), None)

    def _append(self, kind: str, values: Mapping[str, Any]) -> None:
        file = self.folder / f"{kind}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with sole_writer(file):
            LineFile(file).add(values)

    def _lines(self, kind: str, understood: Callable[[Values], Any]) -> list[Any]:
        """A file's lines, as what they are; raises DataError for what is none."""

        def read(path: Path) -> list[Any]:
            file = LineFile(path)
            return [_checked(understood, values, file.where(n)) for n, values in enumerate(file.lines, start=1)]

        return self._once(self.folder / f"{kind}.jsonl", read)

    def _once(self, file: Path, read: Callable[[Path], list[Any]]) -> list[Any]:
        """What is read of a file, once for as long as nobody writes it."""
        state = (file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else (0, 0)
        if file not in self._read or self._read[file][0] != state:
            self._read[file] = (state, read(file))
        return self._read[file][1]

    def _runs_of(self, setting: Setting) -> Iterator[Run]:
        """All runs of a setting that count, the oldest first."""
        wanted = _recipe(numbers(setting.numbers))
        plain = json.loads(json.dumps(setting.changes))  # as it comes out of a file
        entries: list[Entry] = self._once(self.runs_file, read_entries)
        for entry in sorted(entries, key=lambda entry: entry.started):
            trial = entry.trial
            if not entry.is_finished or entry.started < self.since or trial.seed not in range(setting.seeds):
                continue
            if (trial.recipe, trial.changes) != (setting.recipe, plain):
                continue
            note = self._note(entry, setting.data)
            if note and _recipe(note.numbers) == wanted:
                where = f"{self.runs_file}: {trial.recipe}, seed {trial.seed}, of {entry.started}"
                yield _checked(lambda values: made(Run, values), _run_values(entry, note), where)

    def _note(self, entry: Entry, data: str) -> Note | None:
        """What was noted last before a run began; of the same code the numbers are the same in any case."""
        trial = entry.trial
        ours = (trial.recipe, trial.changes, trial.code, data, trial.data_sha256)
        lines: list[Note] = self._lines("conditions", lambda values: made(Note, values))
        notes = [one for one in lines if (one.recipe, one.changes, one.code, one.data, one.data_sha256) == ours]
        before = [note for note in notes if note.noted <= entry.started]
        return next(iter(before[-1:] or notes), None)


def now() -> str:
    """The time, UTC, ISO 8601: as text, in the order of time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def numbers(recipe: Recipe) -> Values:
    """All that a recipe says but its name and what it is about."""
    return {name: value for name, value in asdict(recipe).items() if name not in ("name", "about")}


def _recipe(found: Mapping[str, Any]) -> Recipe | None:
    """The recipe of these numbers, a later one being what it is by itself; None with one that a recipe has no more."""
    if not found.keys() <= {field.name for field in fields(Recipe)}:
        return None
    values: Values = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Recipe("", "", **values)


def _run_values(entry: Entry, note: Note) -> Values:
    """The fields of a Run, of kinds that are still to be checked."""
    train = entry.train or {}
    alone = entry.jobs == 1 and not entry.resumed
    lived = datetime.fromisoformat(entry.ended) - datetime.fromisoformat(entry.started)
    return {
        **train,
        "errors": train.get("test_errors"),
        "seconds": lived.total_seconds() if alone else None,
        "peak_mib": entry.peak_mib,
        "sha256": train.get("parameters_sha256"),
        "model": train.get("saved"),
        "code": entry.trial.code,
        "commit": entry.commit,
        "environment": note.environment,
    }


def _rival_line(values: Values) -> RivalLine:
    measured = None if values.get("failed") else made(Measured, values)
    return made(RivalLine, {**values, "measured": measured})


def _checked(understood: Callable[[Values], Any], values: Values, where: str) -> Any:
    try:
        return understood(values)
    except TypeError as error:
        raise DataError(f"{where}: {error!s:.80}; this is none of this file's: take the line out") from error
