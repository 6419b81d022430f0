"""Files with an object of JSON on each line, which grow by whole lines.

A line is written and flushed to the disk in one piece, so whatever happens, no more than the last one is torn. It is
left out by who reads, and the next line that is added takes its place.
"""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from numnet.errors import DataError

Made = TypeVar("Made")


class LineFile:
    """Such a file as it was when it was read; none is one without lines.

    lines : its objects
    is_torn : whether there is a torn last line

    path : the file; who adds to it must have been its sole writer since before it was read
    begins : how each line begins that is this file's own

    Raises DataError, naming the line, for anything but objects that begin so.
    """

    def __init__(self, path: Path, begins: bytes = b"{") -> None:
        self.path, self.begins = path, begins
        content = path.read_bytes() if path.exists() else b""
        *whole, last = content.split(b"\n")
        self.lines = [self._parsed(line, number) for number, line in enumerate(whole, start=1)]
        self._check_beginning(last, len(whole) + 1)
        unfinished = _object(last)  # a line that lacks its end alone, as an editor may leave it
        if unfinished is not None:
            self.lines.append(unfinished)
        self.is_torn = bool(last) and unfinished is None
        self._end = len(content) - len(last) * self.is_torn
        self._lacking = b"" if unfinished is None else b"\n"

    def where(self, number: int) -> str:
        """What a message calls a line; the first is number 1."""
        return f"{self.path}, line {number}"

    def add(self, values: Mapping[str, Any]) -> None:
        """Add an object; raises OSError where the disk is full, and then the file has the lines that it had."""
        piece = self._lacking + json.dumps(values, allow_nan=False).encode() + b"\n"
        with open(self.path, "ab", buffering=0) as file:
            file.truncate(self._end)  # what was torn is gone
            try:
                if file.write(piece) != len(piece):
                    raise OSError(errno.ENOSPC, "no room for a line", str(self.path))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._end)
                raise
        self._end, self._lacking = self._end + len(piece), b""

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        self._check_beginning(line, number)
        found = _object(line)
        if found is None:
            raise DataError(f"{self.where(number)}: damaged; expected an object of JSON: take the line out")
        return found

    def _check_beginning(self, line: bytes, number: int) -> None:
        length = min(len(line), len(self.begins))
        if line[:length] != self.begins[:length]:
            raise DataError(
                f"{self.where(number)}: {line[:40]!r} is not what numnet writes here; name another file, "
                "or take the line out"
            )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def made(kind: type[Made], values: Mapping[str, Any]) -> Made:
    """A dataclass of those values that it has fields for.

    Raises TypeError where one is missing, or of another kind than its field: what is read is checked here, once.
    """
    kinds = get_type_hints(kind)
    known = {name: value for name, value in values.items() if name in kinds}
    for name, value in known.items():
        if not _is_a(value, kinds[name]):
            raise TypeError(f"{name} is {value!r:.30}")
    return kind(**known)


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type, as far as its outermost layer goes; a whole number is a float, too."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return any(isinstance(value, (int, float) if one is float else get_origin(one) or one) for one in kinds)
