"""Ctrl-C and SIGTERM, noted and not obeyed on the spot, so that what is at work can end well."""

import signal
from typing import Any


class NotedSignals:
    """The first such signal that comes inside a `with` block, or from `start` to `stop`.

    An exception amid the bookkeeping could lose what is to be kept. A second signal does what it always did, and one
    that is ignored, as in the background of a script, stays so.

    received : its number, or None
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def start(self) -> None:
        """From now on a signal is noted."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if (how := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                self._before[number] = how
                signal.signal(number, self._note)

    def stop(self) -> None:
        """From now on it does what it did before."""
        while self._before:
            number, how = self._before.popitem()
            signal.signal(number, how)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _note(self, number: int, frame: object) -> None:
        self.received = number
        self.stop()
