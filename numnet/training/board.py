"""How a sweep shows how it gets on: a table that is drawn in place on a terminal, or a line for each run that ended."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from numnet.errors import CheckpointError
from numnet.training.grid import Trial, changes_in_words
from numnet.training.results import Entry

REDRAW_SECONDS = 0.5  # between two pictures: as often as one can read them
STATES = ("running", "failed", "waiting", "done")  # in the order of what a person wants to see first


@dataclass
class Row:
    """A trial and where it stands.

    attempts : how often it was started by this sweep
    began : when it was started, time.monotonic()
    entry : how it ended, once it did
    """

    trial: Trial
    model: Path
    state: Literal["running", "failed", "waiting", "done"] = "waiting"
    attempts: int = 0
    began: float = 0.0
    entry: Entry | None = None
    _seen: tuple[int, float] = (0, 0.0)  # when the model file was written, and the share that it held

    @property
    def name(self) -> str:
        """What tells it from the others of its sweep, for people."""
        return ", ".join([f"seed {self.trial.seed}", *changes_in_words(self.trial.changes)])

    def share(self) -> float | None:
        """The share of its steps that its model file holds, 0 to 1; None where it saved nothing yet."""
        from numnet.training.checkpoint import read

        try:
            written = self.model.stat().st_mtime_ns
            if written != self._seen[0]:
                header = read(self.model).header
                self._seen = (written, header.step / max(1, header.horizon))
        except (OSError, CheckpointError):
            return None
        return self._seen[1]


class Watch:
    """Is told how a sweep gets on, and keeps it to itself."""

    def tick(self, rows: Sequence[Row]) -> None:
        """At every look at the processes."""

    def ended(self, row: Row) -> None:
        """A run is done, or has failed for good."""

    def close(self) -> None:
        """The sweep has ended."""


def _figures(row: Row) -> tuple[str, str, str]:
    """Seconds, validation and test accuracy of a run, as far as they are known."""
    if row.state == "running":
        return f"{time.monotonic() - row.began:.0f}", "", ""
    train = row.entry.train if row.entry and row.entry.train else {}
    seconds = train.get("train_seconds")
    accuracies = (train.get(f"{split}_accuracy") for split in ("validation", "test"))
    validation, test = ("-" if share is None else f"{100 * share:.2f} %" for share in accuracies)
    return "-" if seconds is None else f"{seconds:.1f}", validation, test


class Lines(Watch):
    """For a file or a pipe: a line for each run that ends."""

    def ended(self, row: Row) -> None:
        """Print how it went."""
        seconds, validation, test = _figures(row)
        print(f"{row.name}: {row.state}, validation {validation}, test {test}, {seconds} s", flush=True)


class Board(Watch):
    """For a terminal: all runs, drawn in place, as many as fit."""

    def __init__(self) -> None:
        self._drawn, self._last = 0, 0.0

    def tick(self, rows: Sequence[Row]) -> None:
        """Draw anew, if it is time."""
        if time.monotonic() - self._last < REDRAW_SECONDS:
            return
        width, height = _terminal_size()
        lines = [line[: width - 1] for line in _board(rows, height - 1)]
        self.close()
        print("\n".join(lines), file=sys.stderr, flush=True)
        self._drawn, self._last = len(lines), time.monotonic()

    def close(self) -> None:
        """Take the picture away."""
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[J", end="", file=sys.stderr, flush=True)
        self._drawn = 0


def _terminal_size() -> tuple[int, int]:
    """Columns and lines of the terminal behind stderr; 80 and 24 where it doesn't tell."""
    try:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        columns, lines = 0, 0
    return columns or 80, lines or 24


def _board(rows: Sequence[Row], height: int) -> list[str]:
    """The live table in at most `height` lines, at least 3; what is left out is counted."""
    head = ", ".join(f"{sum(row.state == state for row in rows)} {state}" for state in STATES)
    room = max(1, height - 2)
    left_out = []
    if len(rows) > room:
        left_out = [f"… and {len(rows) - room + 1} more"]
        rows = sorted(rows, key=lambda row: STATES.index(row.state))[: room - 1]
    table = [
        ("state", "seconds", "validation", "test", "run"),
        *((_state(row), *_figures(row), row.name) for row in rows),
    ]
    return [head, *("{:<14}{:<9}{:<12}{:<10}{}".format(*line) for line in table), *left_out]


def _state(row: Row) -> str:
    share = row.share() if row.state == "running" else None
    return row.state if share is None else f"{row.state} {share:.0%}"
