"""Training: one step (batch -> forward -> loss -> backward -> update), and the loop round it."""

import math
import time
from collections.abc import Iterable, Mapping

import numpy as np

from numnet.data.batches import Batch, BatchStream
from numnet.data.datasets import Dataset, Split
from numnet.errors import NonFiniteError, RecipeError
from numnet.kernels import FloatArray
from numnet.nn.loss import cross_entropy
from numnet.nn.network import PREDICT_ROWS, Network
from numnet.nn.optim import OPTIMIZERS, Optimizer
from numnet.randomness import Draw
from numnet.training.callbacks import BatchLog, Callback, History, Run
from numnet.training.metrics import check_fits, evaluate
from numnet.training.recipes import Recipe, check_learning_rate
from numnet.training.schedules import SCHEDULES


def training_step(network: Network, optimizer: Optimizer, batch: Batch, *, draw: Draw, learning_rate: float) -> float:
    """One step of training, and the mean loss before it.

    The network says what it thinks of the images; the loss says how wrong that is, and which way each logit
    should move; going backward, each layer says which way its parameters should; and the optimizer moves them.
    """
    logits = network.forward(batch.images, draw=draw)
    loss, dlogits = cross_entropy(network.kernels, logits, batch.labels)
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
    seed: int = 0,
    callbacks: Iterable[Callback] = (),
    taken: int = 0,
    vectors: Mapping[str, FloatArray] | None = None,
) -> History:
    """Train a network, in place, on a split; what happened on the way.

    steps, epochs : how long; give one of the two
    batch_size : B, images a step
    optimizer : "adam" or "sgd"
    learning_rate : at its highest; `schedule`, one of SCHEDULES, says how it moves
    seed : which shuffles and dropout masks
    callbacks : what watches, in this order
    taken, vectors : to go on with a run: how many of its steps the network has taken, and the optimizer's vectors
        after them; the result is the one that the whole run would have had, to the bit

    Raises RecipeError for settings that make no sense, DataError where the split doesn't fit the network,
    NonFiniteError, naming the tensor, at the first step whose loss is NaN or infinite.
    """
    check_settings(optimizer, learning_rate, schedule)
    check_fits(network, split)
    batches = BatchStream(split, batch_size, seed=seed, kernels=network.kernels, dtype=network.dtype)
    total = count_steps(steps, epochs, batch_size, len(split))
    updater = OPTIMIZERS[optimizer](network.kernels, network.parameters)
    _restore(updater, vectors, taken, total)
    run = Run(network, updater, total, len(split) / batch_size, batches.batch(0), History(), taken=taken)
    return _run(run, batches, learning_rate, schedule, list(callbacks))


def _run(run: Run, batches: BatchStream, learning_rate: float, schedule: str, callbacks: list[Callback]) -> History:
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
            run.learning_rate = learning_rate * SCHEDULES[schedule](step, run.steps)
            draw = Draw(batches.seed, step)
            run.loss = training_step(run.network, run.optimizer, run.batch, draw=draw, learning_rate=run.learning_rate)
            run.history.losses.append(run.loss)
            run.taken = step + 1
            for callback in callbacks:
                callback.on_step(run)
    finally:
        run.history.seconds = time.perf_counter() - start
        for callback in started:
            callback.on_end(run)
    return run.history


def _restore(optimizer: Optimizer, vectors: Mapping[str, FloatArray] | None, taken: int, total: int) -> None:
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


def check_settings(optimizer: str, learning_rate: float, schedule: str) -> None:
    """Raises RecipeError for a name that is not known or a learning rate that is not a positive number."""
    if optimizer not in OPTIMIZERS:
        raise RecipeError(f"unknown optimizer {optimizer!r}: expected one of {', '.join(OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise RecipeError(f"unknown schedule {schedule!r}: expected one of {', '.join(SCHEDULES)}")
    check_learning_rate(learning_rate)


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
    one_step = {**recipe.training(), "steps": 1, "epochs": None, "learning_rate": 1e-6}
    fit(network, dataset.train, **one_step, seed=0, callbacks=[BatchLog()])
    evaluate(network, Split(dataset.test.images[:PREDICT_ROWS], dataset.test.labels[:PREDICT_ROWS]))
