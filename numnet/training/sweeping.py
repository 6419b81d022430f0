"""Many runs over processes of their own: each a `python -m numnet.train` that is started, watched, and tried once more.

A run saves its model file every so often, so one that was killed, or whose sweep was, goes on from there to the bits
that it would have ended with undisturbed. This process computes nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from numnet.errors import CheckpointError, NumnetError
from numnet.training.grid import Trial, changes_in_words
from numnet.training.results import Entry, Results
from numnet.training.safe_file import LOCK, previous_of, sole_writer
from numnet.training.signals import NotedSignals
from numnet.training.sources import code_digest, commit

POLL_SECONDS = 0.1  # between two looks at the processes: a thousandth of a core, and no run waits for its place
ATTEMPTS = 2  # at a run: what killed the first may be gone; what kills the second will be there a third time
FINAL = (0, 2)  # exit codes that a second attempt would only repeat: an answer of no use, and a refusal
MIB = 2**20


@dataclass
class Row:
    """A trial and where it stands.

    attempts : how often it was started by this sweep
    began : when it was started, time.monotonic()
    entry : how it ended, once it did
    held : whether it waits for another process, which a sweep before this one has left at work
    """

    trial: Trial
    model: Path
    state: Literal["running", "failed", "waiting", "done"] = "waiting"
    attempts: int = 0
    began: float = 0.0
    entry: Entry | None = None
    held: bool = False
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


@dataclass
class Worker:
    """A run's process.

    output, errors : the files that it prints to: a pipe that nobody reads would stop it when full
    threads : how many it was given
    resumed : whether it goes on from its model file
    """

    row: Row
    process: "subprocess.Popen[bytes]"
    output: BinaryIO
    errors: BinaryIO
    threads: int
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

    def entry(self, code: int, jobs: int, commit: str | None) -> Entry:
        """What is to be remembered of a process that ended."""
        with self.output, self.errors:
            result = _result(self.output) if code == 0 else None
            error = _objection(self.row.trial, result) if result else _last_words(self.errors, code)
        started, ended = (moment.isoformat(timespec="milliseconds") for moment in (self.started, datetime.now(UTC)))
        found = None if error else result
        return Entry(self.row.trial, found, error, code, self.peak_mib, self.resumed, started, ended, jobs, commit)


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
    return Worker(row, process, output, errors, threads, resumed)


def _result(output: BinaryIO) -> dict[str, Any] | None:
    """The object that a run printed."""
    output.seek(0)
    try:
        found = json.loads(output.read())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _objection(trial: Trial, result: dict[str, Any]) -> str | None:
    """Why a result is not the trial's, in words; None where it is."""
    if result.get("code") != trial.code:
        return f"it ran other code, {result.get('code')}, not {trial.code}: was numnet changed, or is it another one?"
    if result.get("data_sha256") != trial.data_sha256:
        return f"it had other data, SHA-256 {str(result.get('data_sha256'))[:12]}…, not {trial.data_sha256[:12]}…"
    return None


def _last_words(errors: BinaryIO, code: int) -> str:
    """Why a run failed, on one line."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{how}: {said}"


def forget(model: Path) -> None:
    """Take a model file away, and the one before it, so that its run begins anew."""
    for file in (model, previous_of(model)):
        file.unlink(missing_ok=True)


class Sweep:
    """Runs every trial that has no result yet, a few at a time.

    rows : the trials, in the order in which they are run, and where each stands
    commit : of the code that runs, for people

    trials : what is to be run
    results : the file that knows what is done, and is told
    models : the folder of the model files
    jobs : how many runs at a time, at least 1; with 1 a run has the machine to itself, also if an earlier sweep was
        killed and has left a run at work
    cores : what the runs share; a result has the same bits on any number of threads
    save_every : how often a run saves, as numnet.train has it
    anew : whether every run begins from nothing, also one that has a result or a model file
    """

    def __init__(
        self, trials: Sequence[Trial], results: Results, models: Path, *, jobs: int, cores: int, save_every: str,
        anew: bool = False,
    ) -> None:  # fmt: skip
        self.results, self.models = results, models
        self.jobs, self.cores, self.save_every, self.anew = jobs, cores, save_every, anew
        self.rows = [Row(trial, models / trial.file_name) for trial in trials]
        self.commit = commit()
        self._signals = NotedSignals()
        self._workers: list[Worker] = []
        self._ending = False
        for row in self.rows:
            if row.trial.key in results.finished and not anew:
                row.state, row.entry = "done", results.finished[row.trial.key]

    @property
    def received(self) -> int | None:
        """The number of the signal that ended the sweep early, or None."""
        return self._signals.received

    def run(self, watch: Watch) -> None:
        """Run until every row is done or failed, or Ctrl-C or SIGTERM comes: then every process saves and ends.

        Raises OSError where the results can't be written, NumnetError where numnet's own code was changed meanwhile;
        the processes save and end all the same.
        """
        with self._signals:  # one that is heeded between two looks loses no process
            try:
                while self.received is None and self._advance(watch):
                    watch.tick(self.rows)
                    time.sleep(POLL_SECONDS)
            finally:
                self._end_workers(watch)

    def _advance(self, watch: Watch) -> bool:
        """Settle what has ended, start what there is room for; whether anything is left to do."""
        self._settle_ended(watch)
        self._start_some()
        return any(row.state in ("waiting", "running") for row in self.rows)

    def _start_some(self) -> None:
        waiting = [row for row in self.rows if row.state == "waiting"]
        room = self.jobs - len(self._workers)
        if not waiting or not room:
            return
        held = self._held_elsewhere()
        for row in waiting:
            row.held = row.model in held or (self.jobs == 1 and bool(held))
        chosen = [row for row in waiting if not row.held][:room]
        for i, row in enumerate(chosen):
            _refuse_other_code(row.trial)
            if self.anew:
                forget(row.model)
            threads = self._threads_for_one_of(len(chosen) - i)
            self._workers.append(start(row, threads=threads, save_every=self.save_every))

    def _held_elsewhere(self) -> set[Path]:
        """The model files that processes write which are not this sweep's: runs of one that was killed."""
        ours = {worker.row.model for worker in self._workers}
        locked = {lock.with_suffix("") for lock in self.models.glob(f"*.npz{LOCK}")} - ours
        return {model for model in locked if not _is_free(model)}

    def _threads_for_one_of(self, starting: int) -> int:
        """A fair share, rounded up, of the cores that no process has; those who start next share the rest."""
        left = self.cores - sum(worker.threads for worker in self._workers)
        return max(1, -(-left // starting))

    def _settle_ended(self, watch: Watch) -> None:
        for worker in tuple(self._workers):
            if (code := worker.poll()) is not None:
                self._workers.remove(worker)
                self._settle(worker, code, watch)

    def _settle(self, worker: Worker, code: int, watch: Watch) -> None:
        """Write down how a run ended, or let it wait: for its second attempt, or for the next sweep."""
        row, entry = worker.row, worker.entry(code, self.jobs, self.commit)
        is_final = (code in FINAL or row.attempts >= ATTEMPTS) and not self._ending
        row.state = "done" if entry.is_finished else "failed" if is_final else "waiting"
        if code == 0 and not entry.is_finished:
            forget(row.model)  # of other code or data: nobody may go on from it, or take it for this trial's
        if row.state != "waiting":
            self.results.add(entry)
            row.entry = entry
            watch.ended(row)
        if row.state == "done":
            previous_of(row.model).unlink(missing_ok=True)  # it has served: nothing writes the file any more

    def _end_workers(self, watch: Watch) -> None:
        """Ask every process to save and end, and wait for it; one that was through already has its result kept."""
        self._ending = True
        for worker in self._workers:
            worker.process.terminate()
        while self._workers:
            self._settle_ended(watch)
            time.sleep(POLL_SECONDS)


def _refuse_other_code(trial: Trial) -> None:
    """Raises NumnetError where a process that starts now would run other code than the trial is of."""
    if (now := code_digest()) != trial.code:
        raise NumnetError(
            f"numnet's own files were changed while the sweep ran (code {trial.code} is now {now}), and its next run "
            "would be of the new ones: undo that, or start again; runs of the old code then don't count"
        )


def _is_free(model: Path) -> bool:
    """Whether no process writes a model file; a lock whose holder was killed is taken away.

    Raises CheckpointError where it can't be written.
    """
    try:
        with sole_writer(model):
            return True
    except CheckpointError as error:
        if error.__cause__:  # no lock is in the way, but the folder
            raise
        return False
