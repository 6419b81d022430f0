"""Many runs over processes of their own: each a `python -m numnet.train` that is started, watched, and tried once more.

A run saves its model file every so often, so one that was killed, or whose sweep was, goes on from there to the bits
that it would have ended with undisturbed. This process computes nothing.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from numnet.errors import CheckpointError
from numnet.training.board import Row, Watch
from numnet.training.grid import Trial
from numnet.training.results import Entry, Results
from numnet.training.safe_file import previous_of, sole_writer

POLL_SECONDS = 0.1  # between two looks at the processes: a thousandth of a core, and no run waits for its place
ATTEMPTS = 2  # at a run: what killed the first may be gone; what kills the second will be there a third time
MIB = 2**20


@dataclass
class Worker:
    """A run's process.

    output, errors : the files that it prints to: a pipe that nobody reads would stop it when full
    resumed : whether it goes on from its model file
    """

    row: Row
    process: "subprocess.Popen[bytes]"
    output: BinaryIO
    errors: BinaryIO
    resumed: bool
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    peak_mib: float | None = None

    def poll(self) -> int | None:
        """The exit code, None while it runs; negative is the signal that killed it."""
        if self.process.returncode is None and hasattr(os, "wait4"):
            with suppress(ChildProcessError):  # whoever has SIGCHLD ignored is told nothing of its children
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                if pid:
                    self.process.returncode = os.waitstatus_to_exitcode(status)
                    self.peak_mib = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MIB
        return self.process.poll()

    def entry(self, code: int) -> Entry:
        """What is to be remembered of a process that ended."""
        with self.output, self.errors:
            result = _result(self.output) if code == 0 else None
            error = None if result else _last_words(self.errors, code)
        times = (moment.isoformat(timespec="milliseconds") for moment in (self.started, datetime.now(UTC)))
        return Entry(self.row.trial, result, error, code, self.peak_mib, self.resumed, *times)


def start(row: Row, *, threads: int, save_every: str) -> Worker:
    """Start a run in a process of its own; it goes on from its model file where there is one."""
    resumed = row.model.exists() or previous_of(row.model).exists()
    line = [sys.executable, "-m", "numnet.train", *row.trial.flags(), f"--threads={threads}", "--json"]
    line += [f"--save-every={save_every}", f"--{'resume' if resumed else 'save'}={row.model}"]
    output, errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - Worker.entry closes them
    # A group of its own, as Ctrl-C reaches every process of the terminal's: this one alone decides who is to end.
    apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, **apart)
    row.state, row.began, row.attempts = "running", time.monotonic(), row.attempts + 1
    return Worker(row, process, output, errors, resumed)


def _result(output: BinaryIO) -> dict[str, Any] | None:
    """The object that a run printed."""
    output.seek(0)
    try:
        found = json.loads(output.read())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _last_words(errors: BinaryIO, code: int) -> str:
    """Why a run failed, on one line."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{how}: {said}"


class Sweep:
    """Runs every trial that has no result yet, a few at a time.

    rows : the trials, in the order in which they are run, and where each stands
    received : the number of the signal that ended the sweep early, or None

    trials : what is to be run
    results : the file that knows what is done, and is told
    models : the folder of the model files
    jobs : how many runs at a time, at least 1
    threads : of each run; the result has the same bits with any number
    save_every : how often a run saves, as numnet.train has it
    """

    def __init__(
        self, trials: Sequence[Trial], results: Results, models: Path, *, jobs: int, threads: int, save_every: str
    ) -> None:
        self.results, self.jobs, self.threads, self.save_every = results, jobs, threads, save_every
        self.rows = [Row(trial, models / trial.file_name) for trial in trials]
        self.received: int | None = None
        self._workers: list[Worker] = []
        self._ending = False
        for row in self.rows:
            if row.trial.key in results.finished:
                row.state, row.entry = "done", results.finished[row.trial.key]

    def run(self, watch: Watch) -> None:
        """Run until every row is done or failed, or Ctrl-C or SIGTERM comes: then every process saves and ends.

        Raises OSError where the results can't be written; the processes end all the same.
        """
        with self._signals_noted():
            try:
                while self.received is None and self._advance(watch):
                    watch.tick(self.rows)
                    time.sleep(POLL_SECONDS)
            finally:
                self._end_workers(watch)

    def _advance(self, watch: Watch) -> bool:
        """Settle what has ended, start what there is room for; whether anything is left to do."""
        self._settle_ended(watch)
        for row in self.rows:
            if row.state == "waiting" and len(self._workers) < self.jobs and _is_free(row.model):
                self._workers.append(start(row, threads=self.threads, save_every=self.save_every))
        return any(row.state in ("waiting", "running") for row in self.rows)

    def _settle_ended(self, watch: Watch) -> None:
        for worker in tuple(self._workers):
            if (code := worker.poll()) is not None:
                self._workers.remove(worker)
                self._settle(worker, code, watch)

    def _settle(self, worker: Worker, code: int, watch: Watch) -> None:
        """Write down how a run ended, or let it wait: for its second attempt, or for the next sweep."""
        row, entry = worker.row, worker.entry(code)
        tried = row.attempts >= ATTEMPTS and not self._ending
        row.state = "done" if entry.is_finished else "failed" if tried else "waiting"
        if row.state != "waiting":
            self.results.add(entry)
            row.entry = entry
            watch.ended(row)

    def _end_workers(self, watch: Watch) -> None:
        """Ask every process to save and end, and wait for it; one that was through already has its result kept."""
        self._ending = True
        for worker in self._workers:
            worker.process.terminate()
        while self._workers:
            self._settle_ended(watch)
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        """Inside the block Ctrl-C or SIGTERM ends the sweep between two looks; a second one does what it always did.

        An exception amid the bookkeeping could lose a process. A signal that is ignored stays so.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        heeded: dict[int, Any] = {number: how for number, how in before.items() if how not in (signal.SIG_IGN, None)}

        def restore() -> None:
            for number, how in heeded.items():
                signal.signal(number, how)

        def note(number: int, frame: FrameType | None) -> None:
            self.received = number
            restore()

        for number in heeded:
            signal.signal(number, note)
        try:
            yield
        finally:
            restore()


def _is_free(model: Path) -> bool:
    """Whether no process writes a model file; the run of a sweep that was killed may still be at it.

    Raises CheckpointError where it can't be written.
    """
    try:
        with sole_writer(model):
            return True
    except CheckpointError as error:
        if error.__cause__:  # no lock is in the way, but the folder
            raise
        return False
