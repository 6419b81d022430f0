"""Training: one step (batch -> forward -> loss -> backward -> update), and the loop round it."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from numnet.data.augment import Distortion
from numnet.data.batches import Batch, BatchStream
from numnet.data.datasets import Dataset, Split
from numnet.errors import NonFiniteError, RecipeError
from numnet.kernels import FloatArray
from numnet.nn.aids import Aids, aided
from numnet.nn.loss import cross_entropy
from numnet.nn.network import PREDICT_ROWS, Network
from numnet.nn.optim import OPTIMIZERS, Optimizer
from numnet.randomness import Draw
from numnet.training.callbacks import BatchLog, Callback, EarlyStopping, History, Run
from numnet.training.metrics import check_fits, evaluate
from numnet.training.outcome import Best, outcome
from numnet.training.recipes import Recipe, check_aids, check_learning_rate
from numnet.training.schedules import SCHEDULES, rate_factor


def training_step(
    network: Network, optimizer: Optimizer, batch: Batch, *, draw: Draw, learning_rate: float, smoothing: float = 0.0
) -> float:
    """One step of training, and the mean loss before it.

    The network says what it thinks of the images; the loss says how wrong that is, and which way each logit
    should move; going backward, each layer says which way its parameters should; and the optimizer moves them.
    """
    logits = network.forward(batch.images, draw=draw)
    loss, dlogits = cross_entropy(network.kernels, logits, batch.labels, smoothing)
    _stop_unless_finite(loss, network, batch, draw)
    network.backward(dlogits)
    optimizer.update(network.parameters, network.gradients, step=draw.step, learning_rate=learning_rate)
    return loss


def fit(
    network: Network,
    split: Split,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 128,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    schedule: str = "constant",
    warmup: int = 0,
    distortion: float = 0.0,
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    average: float = 0.0,
    clip: float = 0.0,
    patience: int = 0,
    validation: Split | None = None,
    seed: int = 0,
    callbacks: Iterable[Callback] = (),
    taken: int = 0,
    vectors: Mapping[str, FloatArray] | None = None,
    best: Best | None = None,
) -> History:
    """Train a network, in place, on a split; what happened on the way.

    With `average` the network ends with the moving average of its parameters, with `patience` with those of its best
    epoch: more images right or, with as many, a lower loss. While it trains, callbacks see those that it goes on from.

    steps, epochs : how long; give one of the two
    batch_size : B, images a step
    optimizer : "adam" or "sgd"
    learning_rate : at its highest; `schedule`, one of SCHEDULES, says how it moves
    warmup : steps before that over which it rises in a line
    distortion : of each image anew in each epoch, so many times as strong as Distortion is by itself; 0 is none
    weight_decay : each step takes learning rate * weight_decay of every weight away, as in AdamW; 0 is none
    label_smoothing : the share of each label that is given to all classes alike, 0 <= s < 1
    average : the decay of an exponential moving average of the parameters, which the run ends with; 0 is none
    clip : the norm that gradients are scaled down to where theirs is larger; 0 is none
    patience : epochs that were no better on `validation` after which the run ends; 0 is none
    seed : which shuffles, dropout masks and distortions
    callbacks : what watches, in this order
    taken, vectors, best : to go on with a run: how many of its steps the network has taken, the optimizer's vectors
        after them, and the best so far; the result is the one that the whole run would have had, to the bit

    What one goes on with is the network as training left it. With `average` or `patience` that is another than `fit`
    left: Checkpoint.network(to_train=True) of the run's model file has it.

    Raises RecipeError for settings that make no sense, DataError where the split doesn't fit the network,
    NonFiniteError, naming the tensor, at the first step whose loss is NaN or infinite.
    """
    aids = Aids(clip=clip, weight_decay=weight_decay, average=average)
    others = {"warmup": warmup, "distortion": distortion, "label_smoothing": label_smoothing, "patience": patience}
    check_settings(optimizer, learning_rate, schedule, {**aids._asdict(), **others})
    check_fits(network, split)
    batches = stream(network, split, batch_size, seed, distortion)
    total = count_steps(steps, epochs, batch_size, len(split))
    check_warmup(warmup, total)
    watchers = [*_stopping(network, validation, patience, best), *callbacks]
    updater = updater_of(network, optimizer, aids)
    restore(updater, vectors, taken, total)
    history = History(best=best)
    run = Run(network, updater, total, batch_size, len(split), batches.batch(0), history, taken=taken)

    def rate(step: int) -> float:
        return learning_rate * rate_factor(schedule, step, total, warmup)

    _run(run, batches, rate, label_smoothing, watchers)
    network.parameters[:] = outcome(network.parameters, updater.vectors, run.history.best)
    return run.history


def stream(network: Network, split: Split, batch_size: int, seed: int, distortion: float) -> BatchStream:
    """The batches that a network is trained on; `distortion` is a factor of the usual strengths, 0 is none."""
    strengths = Distortion().times(distortion) if distortion else None
    return BatchStream(
        split, batch_size, seed=seed, kernels=network.kernels, dtype=network.dtype, distortion=strengths
    )  # fmt: skip


def updater_of(network: Network, optimizer: str, aids: Aids) -> Optimizer:
    """The optimizer of that name for a network, with its aids."""
    plain = OPTIMIZERS[optimizer](network.kernels, network.parameters)
    return aided(plain, network.kernels, network.parameters, len(network.weights), aids)


def _stopping(network: Network, validation: Split | None, patience: int, best: Best | None) -> list[Callback]:
    """What ends a run early; nothing without patience."""
    if not patience and best is None:
        return []
    if not patience:
        raise RecipeError("a best epoch so far without `patience`: only a run with patience looks for one; give both")
    if validation is None:
        raise RecipeError(f"a patience of {patience} without `validation`: give a split that is not trained on")
    check_fits(network, validation)
    return [EarlyStopping(validation, patience)]


def _run(
    run: Run, batches: BatchStream, rate: Callable[[int], float], smoothing: float, callbacks: list[Callback]
) -> None:
    """Take every step of a run, telling the callbacks."""
    started: list[Callback] = []
    start = time.perf_counter()
    try:
        for callback in callbacks:
            callback.on_start(run)
            started.append(callback)
        start = time.perf_counter()
        for step in range(run.taken, run.steps):
            if run.stopping:
                break
            run.step = step
            run.batch = batches.batch(step)
            run.learning_rate = rate(step)
            run.loss = training_step(
                run.network, run.optimizer, run.batch,
                draw=Draw(batches.seed, step), learning_rate=run.learning_rate, smoothing=smoothing,
            )  # fmt: skip
            run.history.losses.append(run.loss)
            run.taken = step + 1
            for callback in callbacks:
                callback.on_step(run)
    finally:
        run.history.seconds = time.perf_counter() - start
        for callback in started:
            callback.on_end(run)


def restore(optimizer: Optimizer, vectors: Mapping[str, FloatArray] | None, taken: int, total: int) -> None:
    """Give an optimizer the vectors that it had; raises RecipeError unless they are its own, at a step of the run."""
    if not 0 <= taken <= total:
        raise RecipeError(f"{taken} steps taken of {total}: expected 0 to all of them")
    kept = vectors or {}
    shapes = {name: vector.shape for name, vector in optimizer.vectors.items()}
    if (taken or kept) and {name: vector.shape for name, vector in kept.items()} != shapes:
        raise RecipeError(f"vectors {', '.join(kept) or 'none'}: expected {', '.join(shapes)}, a number each parameter")
    for name, vector in kept.items():
        optimizer.vectors[name][:] = vector


def count_steps(steps: int | None, epochs: float | None, batch_size: int, images: int) -> int:
    """Steps of a run that is given by steps or by epochs; an epoch's last batch counts whole.

    Raises RecipeError unless exactly one is given, and it is positive.
    """
    if (steps is None) == (epochs is None):
        raise RecipeError("give either steps or epochs, and not both")
    if steps is not None and not (isinstance(steps, int) and steps >= 1):
        raise RecipeError(f"{steps} steps: expected at least 1, a whole number")
    if epochs is not None and not 0 < epochs < 1e9:
        raise RecipeError(f"{epochs} epochs: expected more than 0, and less than a billion")
    return steps if steps is not None else math.ceil((epochs or 0) * images / batch_size)


def check_settings(optimizer: str, learning_rate: float, schedule: str, aids: Mapping[str, Any]) -> None:
    """Raises RecipeError for a name that is not known, or a number that no run can have; `aids` has those of AIDS."""
    if optimizer not in OPTIMIZERS:
        raise RecipeError(f"unknown optimizer {optimizer!r}: expected one of {', '.join(OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise RecipeError(f"unknown schedule {schedule!r}: expected one of {', '.join(SCHEDULES)}")
    check_learning_rate(learning_rate)
    check_aids(aids, learning_rate)


def check_warmup(warmup: int, total: int) -> None:
    """Raises RecipeError where a warm-up, in steps, leaves nothing of a run of `total` steps."""
    if warmup >= total:
        raise RecipeError(f"a warm-up of {warmup} steps in a run of {total}: expected fewer than the run has")


def _stop_unless_finite(loss: float, network: Network, batch: Batch, draw: Draw) -> None:
    """Raises NonFiniteError where a loss is NaN or infinite, naming the first tensor that is.

    To find it the forward pass is taken once more, layer by layer.
    """
    if math.isfinite(loss):
        return
    x, suspects = batch.images, [("the images", batch.images)]
    for layer in network.layers:
        suspects += [(f"layer {layer.index} {name}", getattr(layer, name)) for name in layer.parameter_shapes()]
        x = layer.forward(x, draw=draw).copy()
        suspects.append((f"the output of layer {layer.index}, {layer!r}", x))
    where = next((name for name, values in suspects if not np.isfinite(values).all()), "the loss alone")
    raise NonFiniteError(
        f"step {draw.step}: the loss is {loss}; the first tensor that is not finite is {where}; "
        "most often the learning rate is too high: try a tenth of it"
    )


def warm_up(recipe: Recipe, dataset: Dataset, kernels: str, threads: int) -> None:
    """Have every kernel ready that a run of this recipe will call: take its first step, and throw it away.

    Which kernels those are depends on sizes and on how many pixels are zero, so it is a step of the run itself.
    """
    if kernels == "numba":
        from numnet.kernels.threads import set_threads

        set_threads(threads)
    network = recipe.network(dataset.inputs, dataset.classes, seed=0, kernels=kernels)
    one_step = {**recipe.training(), "steps": 1, "epochs": None, "learning_rate": 1e-6, "warmup": 0, "patience": 0}
    if recipe.clip:
        one_step["clip"] = 1e-6  # so that this step's gradient is scaled down, as some later one's will be
    fit(network, dataset.train, **one_step, seed=0, callbacks=[BatchLog()])
    evaluate(network, Split(dataset.train.images[:PREDICT_ROWS], dataset.train.labels[:PREDICT_ROWS]))
