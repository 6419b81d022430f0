"""What may watch a run: the protocol, and the watchers that come with numnet.

The loop calls each callback in the order given and knows none by name. To add one, subclass `Callback` and
override what you need; everything there is to see is in the `Run`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from numnet.data.batches import Batch
from numnet.data.datasets import Split
from numnet.errors import MissingLibraryError, RecipeError
from numnet.nn.network import Network
from numnet.nn.optim import Optimizer
from numnet.training.metrics import Metrics, evaluate, evaluate_batch
from numnet.training.outcome import Best, is_in_vain, outcome, whole_epochs


@dataclass
class History:
    """What a run left behind.

    losses : the mean loss of each step's batch, before that step's update
    rows : what callbacks logged, one dict a time, each with its "step"
    seconds : from the first update to the last, logging in
    best : the best epoch so far, where `EarlyStopping` looks for it
    """

    losses: list[float] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    best: Best | None = None

    def column(self, name: str) -> list[float]:
        """The values that rows have under `name`, in order."""
        return [row[name] for row in self.rows if name in row]


@dataclass
class Run:
    """A run as a callback sees it, after the update of step `step`.

    batch_size, images : of a step, and of an epoch
    taken : how many steps the network has taken, those before this process resumed the run included
    stopping : a callback sets it to end the run after this step
    """

    network: Network
    optimizer: Optimizer
    steps: int
    batch_size: int
    images: int
    batch: Batch
    history: History
    step: int = 0
    loss: float = float("nan")
    learning_rate: float = 0.0
    taken: int = 0
    stopping: bool = False
    _validated: tuple[int, Split, Metrics] | None = field(default=None, init=False, repr=False)

    @property
    def ends_epoch(self) -> bool:
        """Whether the step was the last one of an epoch, or of the run."""
        return self.is_last or self.epochs(self.step + 1) > self.epochs(self.step)

    def epochs(self, steps: int) -> int:
        """How many whole epochs so many steps are."""
        return whole_epochs(steps, self.batch_size, self.images)

    @property
    def steps_per_epoch(self) -> float:
        """How many steps an epoch is; it need not be whole."""
        return self.images / self.batch_size

    def validate(self, split: Split) -> Metrics:
        """Accuracy and loss on a split of the network as it would be used, which are logged.

        Whoever asks again after the same step gets the same answer, and it is neither computed nor logged again.
        """
        known = self._validated
        if known is None or known[0] != self.taken or known[1] is not split:
            with self.averaged() as network:
                found = evaluate(network, split)
            self.history.rows.append(
                {"step": self.step, "validation_loss": found.loss, "validation_accuracy": found.accuracy}
            )
            self._validated = known = (self.taken, split, found)
        return known[2]

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """Inside the block the network has the mean of its parameters, where the run keeps one: to be judged by."""
        kept = self.network.parameters.copy()
        self.network.parameters[:] = outcome(kept, self.optimizer.vectors, None)
        try:
            yield self.network
        finally:
            self.network.parameters[:] = kept

    @property
    def is_last(self) -> bool:
        """Whether no further step follows, unless a callback ends the run."""
        return self.step == self.steps - 1

    @property
    def ended_well(self) -> bool:
        """Whether the run is at its end, or at the end that a callback set; not amid a step that failed."""
        return self.stopping or self.taken == self.steps


class Callback:
    """Watches a run; every method may be left as it is."""

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    def on_step(self, run: Run) -> None:
        """After each step's update."""

    def on_end(self, run: Run) -> None:
        """After the last step, and also when a run is broken off."""


class BatchLog(Callback):
    """Every so many steps, loss and accuracy on the batch just trained on, dropout off, as the tutorial prints them.

    every : steps between two rows; step 0 has one
    show : called with each line of text
    """

    def __init__(self, every: int = 100, show: Callable[[str], object] | None = None) -> None:
        if every < 1:
            raise RecipeError(f"a log every {every} steps: expected at least 1")
        self.every, self.show = every, show

    def on_step(self, run: Run) -> None:
        if run.step % self.every:
            return
        accuracy, loss = evaluate_batch(run.network, run.batch.images, run.batch.labels)
        run.history.rows.append({"step": run.step, "loss": loss, "accuracy": accuracy})
        if self.show:
            self.show(f"Iteration {run.step} \t| Loss = {loss:.6g} \t| Accuracy = {accuracy:.6g}")


class Validation(Callback):
    """At each epoch's end, and after the last step, loss and accuracy on a split that is not trained on."""

    def __init__(self, split: Split, show: Callable[[str], object] | None = None) -> None:
        self.split, self.show = split, show

    def on_step(self, run: Run) -> None:
        if not run.ends_epoch:
            return
        accuracy, loss = run.validate(self.split)
        if self.show:
            epoch = round((run.step + 1) / run.steps_per_epoch, 2)
            self.show(f"Epoch {epoch:g}: validation loss {loss:.4f}, {accuracy:.2%}")


class EarlyStopping(Callback):
    """Looks at each epoch's end how good the network is, keeps the best, and ends a run that has not become better.

    Better is: more images right or, with as many, a lower loss (`Best`).

    split : not trained on    patience : epochs without a better one after which the run ends
    """

    def __init__(self, split: Split, patience: int) -> None:
        self.split, self.patience = split, patience

    def on_start(self, run: Run) -> None:
        self._end_if_in_vain(run)  # a run that had ended so ends again when it is resumed

    def on_step(self, run: Run) -> None:
        if run.ends_epoch:
            self._look(run)
            self._end_if_in_vain(run)

    def _look(self, run: Run) -> None:
        accuracy, loss = run.validate(self.split)
        best = run.history.best
        if best is None or best.is_beaten_by(accuracy, loss):
            used = outcome(run.network.parameters, run.optimizer.vectors, None)
            run.history.best = Best(run.taken, accuracy, loss, used.copy())

    def _end_if_in_vain(self, run: Run) -> None:
        best = run.history.best
        if best and is_in_vain(best, run.taken, self.patience, batch_size=run.batch_size, images=run.images):
            run.stopping = True


class ProgressBar(Callback):
    """A bar on stderr with loss, images a second and time left; needs tqdm (the extra `cli`)."""

    REDRAW_SECONDS = 0.1  # as often as an eye can follow; a redraw costs as much as a small step

    def on_start(self, run: Run) -> None:
        try:
            from tqdm import tqdm
        except ModuleNotFoundError:
            raise MissingLibraryError('a progress bar needs tqdm: pip install "tqdm>=4.66"') from None
        self._bar = tqdm(total=run.steps, initial=run.taken, unit="step", leave=False, mininterval=self.REDRAW_SECONDS)
        self._images, self._start, self._drawn = 0, time.perf_counter(), 0.0

    def on_step(self, run: Run) -> None:
        self._images += len(run.batch.labels)
        now = time.perf_counter()
        if now - self._drawn > self.REDRAW_SECONDS:
            self._drawn = now
            logged = run.history.column("accuracy")[-1:]
            accuracy = "".join(f"accuracy {share:.3f}, " for share in logged)
            rate = self._images / (now - self._start)
            self._bar.set_postfix_str(f"loss {run.loss:.4f}, {accuracy}{rate:,.0f} images/s", refresh=False)
            self._bar.update(run.step + 1 - self._bar.n)

    def on_end(self, run: Run) -> None:
        self._bar.close()
