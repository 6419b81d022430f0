"""The results of a sweep: a file with one line of JSON for each run that ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numnet.errors import DataError
from numnet.training.grid import Trial
from numnet.training.json_lines import LineFile, made

FORMAT = 1  # of a line; raised when a field changes its meaning
BEGINS = f'{{"format": {FORMAT}, '.encode()  # every line


@dataclass(frozen=True)
class Entry:
    """How a run ended.

    trial : what was run
    train : the object that numnet.train --json printed; None where the run failed
    error : its last words where it failed, else None
    exit_code : its process's; negative is the signal that killed it
    peak_mib : the most memory that its process had, in MiB, and no less than the sweep's own, with which a process
        begins; None where the system doesn't tell
    resumed : whether it went on from its model file, so that its times are those of its last part
    started, ended : the process's times, UTC, ISO 8601
    jobs : how many runs at a time its sweep had; with more than one its seconds are shared ones
    commit : for people, where its code can be found again; None where that is not known
    """

    trial: Trial
    train: dict[str, Any] | None
    error: str | None
    exit_code: int
    peak_mib: float | None
    resumed: bool
    started: str
    ended: str
    jobs: int | None = None
    commit: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether there is a result, and so nothing more to be done."""
        return self.train is not None


class Results:
    """The file of a sweep's results.

    Whoever adds to it must have been its sole writer since before it was opened.

    finished : the runs that have a result, by their trial's key
    mended : whether a last line was torn, and is left out

    Raises DataError where the file holds anything but such lines.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._file = path, LineFile(path, BEGINS)
        self.mended = self._file.is_torn
        self.finished = {entry.trial.key: entry for entry in _entries(self._file) if entry.is_finished}

    def add(self, entry: Entry) -> None:
        """Put an entry into the file; raises OSError where the disk is full, and then it has the lines that it had."""
        self._file.add({"format": FORMAT, **asdict(entry)})
        if entry.is_finished:
            self.finished[entry.trial.key] = entry


def read_entries(path: Path) -> list[Entry]:
    """Every entry of a file, in its order, failures included; raises DataError where it holds anything else."""
    return _entries(LineFile(path, BEGINS))


def _entries(file: LineFile) -> list[Entry]:
    return [_entry(values, file.where(number)) for number, values in enumerate(file.lines, start=1)]


def _entry(values: Mapping[str, Any], where: str) -> Entry:
    try:
        return made(Entry, {**values, "trial": made(Trial, values["trial"])})
    except (AttributeError, KeyError, TypeError) as error:  # AttributeError: no object where one is expected
        raise DataError(f"{where}: damaged ({error!s:.60}); take the line out, and its run is done again") from error
