"""The results of a sweep: a file with one line of JSON for each run that ended, and which code made them.

A line is added and flushed to the disk in one piece, so whatever happens, no more than the last line is torn. That one
is cut off when the file is next opened, and its run is done again.
"""

import errno
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from numnet.errors import DataError
from numnet.training.grid import Trial
from numnet.version import __version__

FORMAT = 1  # of a line; raised when a field changes its meaning
BEGINS = f'{{"format": {FORMAT}, '.encode()  # every line


@dataclass(frozen=True)
class Entry:
    """How a run ended.

    trial : what was run
    train : the object that numnet.train --json printed; None where the run failed
    error : its last words where it failed, else None
    exit_code : its process's; negative is the signal that killed it
    peak_mib : the most memory that its process had, in MiB; None where the system doesn't tell
    resumed : whether it went on from its model file, so that its times are those of its last part
    started, ended : the process's times, UTC, ISO 8601
    """

    trial: Trial
    train: dict[str, Any] | None
    error: str | None
    exit_code: int
    peak_mib: float | None
    resumed: bool
    started: str
    ended: str

    @property
    def is_finished(self) -> bool:
        """Whether there is a result, and so nothing more to be done."""
        return self.train is not None

    def line(self) -> bytes:
        """The entry as it stands in the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False).encode() + b"\n"


class Results:
    """The file of a sweep's results.

    Whoever opens it must be its sole writer.

    finished : the runs that have a result, by their trial's key
    mended : whether a torn last line was cut off

    Raises DataError where the file holds anything but such lines; then it is left as it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = path.read_bytes() if path.exists() else b""
        whole, _, torn = content.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        entries = [_entry(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
        self.finished = {entry.trial.key: entry for entry in entries if entry.is_finished}
        self.mended = bool(torn)
        if torn:
            _check_beginning(torn, f"{path}, line {len(lines) + 1}")
            os.truncate(path, len(content) - len(torn))

    def add(self, entry: Entry) -> None:
        """Put an entry into the file; raises OSError where the disk is full, and then the file is as it was."""
        line = entry.line()
        with open(self.path, "ab", buffering=0) as file:
            before = os.fstat(file.fileno()).st_size
            try:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, "no room for a line", str(self.path))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
        if entry.is_finished:
            self.finished[entry.trial.key] = entry


def _check_beginning(line: bytes, where: str) -> None:
    length = min(len(line), len(BEGINS))
    if line[:length] != BEGINS[:length]:
        raise DataError(f"{where}: {line[:40]!r} is not what a sweep writes; choose another file with --out")


def _entry(line: bytes, where: str) -> Entry:
    """The entry in a line; raises DataError where there is none."""
    _check_beginning(line, where)
    try:
        values = json.loads(line)
        trial: Trial = _made(Trial, values["trial"])
        entry: Entry = _made(Entry, {**values, "trial": trial})
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: damaged ({error!s:.60}); take the line out, and its run is done again") from error
    return entry


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass of those of the values that it has fields for; TypeError where one is missing."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})


def code_version() -> str:
    """Which code this is: its commit, with + and a digest of the changes where it has any, such as 6a353b2+1f9c02ab.

    The version where the package is no part of a checkout, or there is no git.
    """
    folder = Path(__file__).parent.parent  # the package's
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return __version__
    commit, changes = _git(folder, "rev-parse", "--short", "HEAD"), _git(folder, "diff", "HEAD", "--", ".")
    if not commit or changes is None:
        return __version__
    return commit.decode().strip() + (f"+{hashlib.sha256(changes).hexdigest()[:8]}" if changes else "")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it refuses or is not there."""
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return run.stdout if run.returncode == 0 else None
