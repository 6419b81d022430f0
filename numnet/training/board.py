"""How a sweep shows how it gets on: a table that is drawn in place on a terminal, or a line for each run that ended.

Both are progress, and go to stderr.
"""

import os
import sys
import time
from collections.abc import Sequence

from numnet.training.sweeping import Row, Watch

REDRAW_SECONDS = 0.5  # between two pictures: as often as one can read them
STATES = ("running", "failed", "waiting", "done")  # in the order of what a person wants to see first


class Shown(Watch):
    """What is shown of a run.

    test : whether its accuracy on the test images is; who still chooses among settings had better not see it
    """

    def __init__(self, *, test: bool = False) -> None:
        self.splits: tuple[str, ...] = ("validation", "test") if test else ("validation",)

    def figures(self, row: Row) -> tuple[str, ...]:
        """Seconds, then the accuracy on each of the splits, as far as they are known."""
        if row.state == "running":
            return (f"{time.monotonic() - row.began:.0f}", *("" for _ in self.splits))
        train = row.entry.train if row.entry and row.entry.train else {}
        seconds = train.get("train_seconds")
        accuracies = (train.get(f"{split}_accuracy") for split in self.splits)
        shares = ("-" if share is None else f"{100 * share:.2f} %" for share in accuracies)
        return ("-" if seconds is None else f"{seconds:.1f}", *shares)


class Lines(Shown):
    """For a file or a pipe: a line for each run that ends."""

    def ended(self, row: Row) -> None:
        """Print how it went."""
        seconds, *shares = self.figures(row)
        accuracies = ", ".join(f"{split} {share}" for split, share in zip(self.splits, shares, strict=True))
        print(f"{row.name}: {row.state}, {accuracies}, {seconds} s", file=sys.stderr, flush=True)


class Board(Shown):
    """For a terminal: all runs, drawn in place, as many as fit."""

    def __init__(self, *, test: bool = False) -> None:
        super().__init__(test=test)
        self._drawn, self._last = 0, 0.0

    def tick(self, rows: Sequence[Row]) -> None:
        """Draw anew, if it is time."""
        if time.monotonic() - self._last < REDRAW_SECONDS:
            return
        width, height = _terminal_size()
        lines = [line[: width - 1] for line in self._lines(rows, height - 1)]
        self.close()
        print("\n".join(lines), file=sys.stderr, flush=True)
        self._drawn, self._last = len(lines), time.monotonic()

    def close(self) -> None:
        """Take the picture away."""
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[J", end="", file=sys.stderr, flush=True)
        self._drawn = 0

    def _lines(self, rows: Sequence[Row], height: int) -> list[str]:
        """The live table in at most `height` lines, at least 3; what is left out is counted."""
        head = ", ".join(f"{sum(row.state == state for row in rows)} {state}" for state in STATES)
        room = max(1, height - 2)
        left_out = []
        if len(rows) > room:
            left_out = [f"… and {len(rows) - room + 1} more"]
            rows = sorted(rows, key=lambda row: STATES.index(row.state))[: room - 1]
        table = [
            ("state", "seconds", *self.splits, "run"),
            *((_state(row), *self.figures(row), _name(row)) for row in rows),
        ]
        form = "{:<14}{:<9}" + "{:<12}" * len(self.splits) + "{}"
        return [head, *(form.format(*line) for line in table), *left_out]


def _terminal_size() -> tuple[int, int]:
    """Columns and lines of the terminal behind stderr; 80 and 24 where it doesn't tell."""
    try:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
    except OSError:
        columns, lines = 0, 0
    return columns or 80, lines or 24


def _state(row: Row) -> str:
    share = row.share() if row.state == "running" else None
    return row.state if share is None else f"{row.state} {share:.0%}"


def _name(row: Row) -> str:
    """A run's name; it may wait for what is not on the board."""
    return f"for another process: {row.name}" if row.held and row.state == "waiting" else row.name
