"""The lines that the record is assembled from, and which of them count.

    runs.jsonl         what numnet.sweep writes, a line a run
    conditions.jsonl   the recipe's numbers and the machine, noted before each sweep begins: its lines have neither
    committees.jsonl, rivals.jsonl

A line of an older commit counts as long as the recipe still has the numbers that it had then.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.accuracy.table import MNIST, TEST_IMAGES, Committee, Setting
from benchmarks.samples import environment
from numnet.errors import DataError
from numnet.training.recipes import Recipe
from numnet.training.results import code_version

Line = dict[str, Any]

# What is read of each file's lines.
NEEDED = {
    "runs": frozenset({"trial", "train", "started", "resumed", "peak_mib"}),
    "conditions": frozenset({"recipe", "changes", "code", "numbers", "environment", "noted"}),
    "committees": frozenset({"recipe", "flags", "members", "errors", "code", "environment"}),
    "rivals": frozenset({"rival", "recipe", "seed", "numbers", "code", "environment"}),
}


@dataclass(frozen=True)
class Run:
    """One seed of a setting.

    errors : test images that were answered wrongly    flops : floating-point operations; epochs : None where not told
    seconds : from the process's start to its end; None where it was interrupted and went on
    """

    seed: int
    errors: int
    seconds: float | None
    peak_mib: float | None
    epochs: float | None
    flops: float | None
    sha256: str
    model: str
    code: str
    environment: str


class Record:
    """What a folder's lines say.

    anew : lines of other code than this do not count
    """

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self.folder, self.anew = folder, anew

    @property
    def runs_file(self) -> Path:
        """Where numnet.sweep's lines are."""
        return self.folder / "runs.jsonl"

    def runs(self, setting: Setting) -> list[Run]:
        """The newest run of each seed that counts, by seed."""
        found: dict[int, Run] = {}
        for line in self._sweep_lines:
            trial = line["trial"]
            if not _is_of(trial, setting) or not self._is_current(trial["code"]):
                continue
            if (note := self._note(line)) and _recipe(note["numbers"]) == _recipe(numbers(setting.numbers)):
                found[trial["seed"]] = _run(line, note["environment"])
        return [found[seed] for seed in range(setting.seeds) if seed in found]

    def lacking(self, setting: Setting) -> list[int]:
        """The seeds of which no run counts."""
        done = {run.seed for run in self.runs(setting)}
        return [seed for seed in range(setting.seeds) if seed not in done]

    def note(self, setting: Setting) -> None:
        """Say what the recipe's numbers are, and on which machine, before runs of this code begin."""
        _append(
            self.folder / "conditions.jsonl",
            {
                "recipe": setting.recipe,
                "changes": setting.changes,
                "code": code_version(),
                "numbers": numbers(setting.numbers),
                "environment": environment(),
                "noted": datetime.now(UTC).isoformat(timespec="milliseconds"),
            },
        )

    def committee(self, committee: Committee, members: list[Run]) -> Line | None:
        """What these very members came to together, in the newest line that counts."""
        sha256 = [run.sha256 for run in members]

        def counts(line: Line) -> bool:
            return bool(line["members"] == sha256 and tuple(line["flags"]) == committee.flags)

        return self._newest("committees", counts)

    def rival(self, name: str, recipe: Recipe, seed: int) -> Line | None:
        """What a rival came to with a recipe's numbers, or why it failed, in the newest line that counts."""

        def counts(line: Line) -> bool:
            ours = (line["rival"], line["seed"]) == (name, seed)
            return ours and _recipe(line["numbers"]) == _recipe(numbers(recipe))

        return self._newest("rivals", counts)

    def add(self, kind: str, line: Mapping[str, Any]) -> None:
        """Keep a line of "committees" or "rivals", with the code and the machine that it is of."""
        _append(self.folder / f"{kind}.jsonl", {**line, "code": code_version(), "environment": environment()})

    def _newest(self, kind: str, counts: Callable[[Line], bool]) -> Line | None:
        lines = [line for line in _read(self.folder / f"{kind}.jsonl") if counts(line)]
        return next((line for line in reversed(lines) if self._is_current(line["code"])), None)

    def _is_current(self, code: str) -> bool:
        return not self.anew or code == code_version()

    @property
    def _sweep_lines(self) -> list[Line]:
        """Those with a result, the oldest first."""
        return sorted((line for line in _read(self.runs_file) if line["train"]), key=lambda line: str(line["started"]))

    def _note(self, line: Line) -> Line | None:
        """What was noted last before a run began; of the same code the numbers are the same in any case."""
        trial = line["trial"]
        notes = [
            note
            for note in _read(self.folder / "conditions.jsonl")
            if all(note[name] == trial[name] for name in ("recipe", "changes", "code"))
        ]
        before = [note for note in notes if note["noted"] <= line["started"]]
        return next(iter(before[-1:] or notes), None)


def numbers(recipe: Recipe) -> Line:
    """All that a recipe says but its name and what it is about."""
    return {name: value for name, value in asdict(recipe).items() if name not in ("name", "about")}


def _recipe(found: Mapping[str, Any]) -> Recipe | None:
    """The recipe of these numbers, a later one being what it is by itself; None with one that a recipe has no more."""
    if not found.keys() <= {field.name for field in fields(Recipe)}:
        return None
    values: Line = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    return Recipe("", "", **values)


def _is_of(trial: Mapping[str, Any], setting: Setting) -> bool:
    """Whether a sweep ran it for a setting; the one other data set than the bundled MNIST here is Fashion-MNIST."""
    same_data = (trial["data"] is None) == (setting.data == MNIST)
    plain = json.loads(json.dumps(setting.changes))  # as it comes out of a file
    return bool(same_data and trial["recipe"] == setting.recipe and trial["changes"] == plain)


def _run(line: Line, environment: str) -> Run:
    train = line["train"]
    return Run(
        seed=train["seed"],
        errors=errors_of(train["test_accuracy"]),
        seconds=None if line["resumed"] else train["total_seconds"],
        peak_mib=line["peak_mib"],
        epochs=train.get("epochs"),
        flops=train.get("flops"),
        sha256=train["parameters_sha256"],
        model=train["saved"],
        code=line["trial"]["code"],
        environment=environment,
    )


def errors_of(accuracy: float) -> int:
    """Of the test images, how many a share of right answers leaves."""
    return round((1 - accuracy) * TEST_IMAGES)


def _append(file: Path, line: Mapping[str, Any]) -> None:
    """Add a line in one piece, on disk at once; what a line before it was torn off to is taken out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "ab") as out:
        whole = file.read_bytes().rpartition(b"\n")
        out.truncate(len(whole[0]) + len(whole[1]))
        out.write(json.dumps(line).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> Iterator[Line]:
    """The lines of a file, without a last one that was cut off; raises DataError for what is none."""
    text = file.read_text() if file.exists() else ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.endswith("\n"):
            yield _parsed(line, NEEDED[file.stem], f"{file}, line {number}")


def _parsed(text: str, needed: frozenset[str], where: str) -> Line:
    try:
        line: Line = json.loads(text)
        lacking = needed - line.keys()
    except (ValueError, AttributeError) as error:
        raise DataError(f"{where}: {error}; expected an object of JSON: take the line out") from error
    if lacking:
        raise DataError(f"{where}: no {', '.join(sorted(lacking))}; this is none of this file's: take the line out")
    return line
