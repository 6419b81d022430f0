"""Keeping a run: when its model file is written, and how a run ends early without losing anything."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from numnet.data.datasets import Dataset
from numnet.errors import CheckpointError, RecipeError
from numnet.nn.network import Network
from numnet.training.callbacks import Callback, Run
from numnet.training.checkpoint import Checkpoint, read, snapshot, write
from numnet.training.recipes import Recipe
from numnet.training.safe_file import sole_writer
from numnet.training.signals import NotedSignals


class Interval(NamedTuple):
    """How often: every `amount` of "steps", "epochs" or "minutes"."""

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """500 (steps), 5e (epochs) or 2m (minutes); raises RecipeError for anything else."""
        match = re.fullmatch(r"(\d+|\d*\.\d+(?=[em]))([em]?)", text.strip())
        if not match or not float(match[1]):
            raise RecipeError(f"an interval of {text!r}: expected steps, such as 500, epochs, 5e, or minutes, 2m")
        return cls(float(match[1]), {"": "steps", "e": "epochs", "m": "minutes"}[match[2]])


class Save(Callback):
    """Writes the run's model file every so often, and when the run ends.

    A disk that is full does not end the run: what happened is said, and it is tried again at the next point.

    path : the model file; what it was before is kept beside it
    every : how often, besides at the end; None is at the end only
    snapshot : makes the checkpoint of a run at the moment
    saved_steps : how many steps the network in the file has taken, where it is this very run's
    warn : called with a line of text where a file can't be written
    """

    def __init__(
        self,
        path: Path,
        every: Interval | None,
        snapshot: Callable[[Run], Checkpoint],
        saved_steps: int | None = None,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        self.path, self.every, self.snapshot = path, every, snapshot
        self.warn = warn or (lambda line: print(f"numnet: {line}", file=sys.stderr))
        self.saved_steps = self._tried = saved_steps

    @property
    def holds(self) -> str:
        """What is in the file, in words."""
        return f"step {self.saved_steps} is in {self.path}" if self.saved_steps is not None else "nothing was saved"

    @property
    def is_up_to_date(self) -> bool:
        """Whether the file holds the network as it was when it was last to be saved."""
        return self.saved_steps is not None and self.saved_steps == self._tried

    def on_start(self, run: Run) -> None:
        self._whole = _is_whole(self.path)
        self._last_seconds = time.monotonic()

    def on_step(self, run: Run) -> None:
        if self.every and self._is_due(self.every, run):
            self._save(run)

    def on_end(self, run: Run) -> None:
        if run.ended_well and self._tried != run.taken:
            self._save(run)

    def _is_due(self, every: Interval, run: Run) -> bool:
        if every.unit == "minutes":
            return time.monotonic() - self._last_seconds >= 60 * every.amount
        # in images, and not divided into steps: no rounding moves an epoch's end
        images = every.amount * (run.images if every.unit == "epochs" else run.batch_size)
        return run.taken * run.batch_size // images > (run.taken - 1) * run.batch_size // images

    def _save(self, run: Run) -> None:
        self._last_seconds, self._tried = time.monotonic(), run.taken
        try:
            write(self.snapshot(run), self.path, keep_previous=self._whole)
        except OSError as error:
            later = "" if run.ended_well else "; it is tried again at the next point"
            self.warn(f"step {run.taken}: {self.path} can't be written: {error.strerror}{later}")
        else:
            self._whole, self.saved_steps = True, run.taken


def _is_whole(path: Path) -> bool:
    try:
        read(path)
    except CheckpointError:
        return False
    return True


def saver(
    path: Path, every: Interval | None, recipe: Recipe, seed: int, dataset: Dataset, saved_steps: int | None = None
) -> Save:
    """What keeps a run of a recipe."""
    data = {"name": dataset.name, "sha256": dataset.training_sha256}

    def checkpoint(run: Run) -> Checkpoint:
        return snapshot(
            run.network, recipe=recipe, seed=seed, step=run.taken, horizon=run.steps, data=data,
            vectors=run.optimizer.vectors, best=run.history.best,
        )  # fmt: skip

    return Save(path, every, checkpoint, saved_steps)


@contextmanager
def reserved(path: Path, *, resuming: bool = False) -> Iterator[None]:
    """Inside the block no other run saves to `path`.

    resuming : whether it is the file that a run goes on from, which may be hurt

    Raises CheckpointError where another run does, and where `path` is something other than a whole model file, which
    saving would replace.
    """
    with sole_writer(path):
        if path.exists() and not resuming:
            try:
                read(path)
            except CheckpointError as error:
                raise CheckpointError(f"saving would replace what is no whole model file: {error}") from error
        yield


def save_model(network: Network, file: str | Path) -> None:
    """Keep a network in a model file; what `file` was before is kept beside it, as m.previous.npz.

    Raises CheckpointError for a network with layers of your own, and where `file` is no model file or another run's;
    NonFiniteError where a parameter is NaN or infinite; OSError where the disk is full. Then `file` is as it was.
    """
    with reserved(Path(file)):
        write(snapshot(network), Path(file), keep_previous=True)


class StopAt(Callback):
    """Ends a run early, after so many of its steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_start(self, run: Run) -> None:
        run.stopping = run.stopping or run.taken >= self.steps

    def on_step(self, run: Run) -> None:
        run.stopping = run.stopping or run.taken >= self.steps


class StopOnSignal(Callback):
    """Lets Ctrl-C or SIGTERM end a run after the step that it is in; a second one ends it on the spot."""

    def __init__(self) -> None:
        self._signals = NotedSignals()

    @property
    def received(self) -> int | None:
        """The signal's number, or None."""
        return self._signals.received

    def on_start(self, run: Run) -> None:
        self._signals.start()

    def on_step(self, run: Run) -> None:
        run.stopping = run.stopping or self.received is not None

    def on_end(self, run: Run) -> None:
        self._signals.stop()
