"""A run written out by hand: nothing is left of `fit` but the parts it is made of."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from numnet.data.batches import BatchStream
from numnet.data.datasets import Dataset, Split
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.nn.optim import Adam
from numnet.randomness import Draw
from numnet.training.callbacks import BatchLog
from numnet.training.loop import fit, warm_up
from numnet.training.metrics import evaluate_batch
from numnet.training.recipes import find_recipe
from numnet.training.schedules import one_cycle

SEED, STEPS, BATCH_SIZE, RATE = 5, 9, 8, 0.01  # nine batches of 8 are more than two epochs of 30 images


def noise() -> Split:
    """Thirty images of 4x4 and labels 0, 1, 2, with nothing to learn: any step in the wrong place leaves a trace."""
    rng = np.random.default_rng(1)
    return Split(rng.integers(0, 256, (30, 4, 4)).astype(np.uint8), rng.integers(0, 3, 30).astype(np.uint8))


def network(dtype: type = np.float64) -> Network:
    return Network.mlp((16, 12, 9, 3), dropout=0.5, kernels="textbook", dtype=dtype)


def stream(like: Network) -> BatchStream:
    return BatchStream(noise(), BATCH_SIZE, seed=SEED, kernels=like.kernels, dtype=like.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_run_replayed_by_hand_ends_with_the_same_bits(dtype: type) -> None:
    fitted = network(dtype)
    history = fit(
        fitted, noise(), steps=STEPS, batch_size=BATCH_SIZE, learning_rate=RATE, schedule="one_cycle", seed=SEED
    )

    replayed, losses = network(dtype), []
    batches, adam = stream(replayed), Adam(replayed.kernels, replayed.parameters)
    for step in range(STEPS):
        batch = batches.batch(step)
        logits = replayed.forward(batch.images, draw=Draw(SEED, step))
        loss, dlogits = cross_entropy(replayed.kernels, logits, batch.labels)
        replayed.backward(dlogits)
        rate = RATE * one_cycle(step, STEPS)
        adam.update(replayed.parameters, replayed.gradients, step=step, learning_rate=rate)
        losses.append(loss)

    assert history.losses == losses
    assert (fitted.parameters != network(dtype).parameters).mean() > 0.5  # a unit that is never awake stays
    np.testing.assert_array_equal(fitted.parameters, replayed.parameters)


def test_the_batch_log_measures_after_the_update_with_dropout_off() -> None:
    def trained(steps: int) -> tuple[Network, list[dict[str, float]], list[float]]:
        made = network()
        settings = {"batch_size": BATCH_SIZE, "learning_rate": RATE, "seed": SEED}
        history = fit(made, noise(), steps=steps, **settings, callbacks=[BatchLog(2)])
        return made, history.rows, history.losses

    before, (after, rows, losses) = trained(2)[0], trained(3)
    batch = stream(after).batch(2)
    accuracy, loss = evaluate_batch(after, batch.images, batch.labels)
    assert rows[-1] == {"step": 2, "loss": loss, "accuracy": accuracy}
    # what it would have said at another moment, or with dropout on, is something else
    dropped, _ = cross_entropy(after.kernels, after.forward(batch.images, draw=Draw(SEED, 2)), batch.labels)
    for other in (losses[2], dropped, evaluate_batch(before, batch.images, batch.labels).loss):
        assert abs(rows[-1]["loss"] - other) > 1e-3


@pytest.fixture
def restored_threads() -> Iterator[None]:
    from numnet.kernels.threads import set_threads, threads

    before = threads()
    yield
    set_threads(before)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="without a compiler there are no threads")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.usefixtures("restored_threads")
def test_warming_up_leaves_the_threads_that_the_run_asked_for(count: int) -> None:
    from numnet.kernels.threads import max_threads, set_threads, threads

    if max_threads() < 2:
        pytest.skip("one core: there is no other number of threads to come from")
    set_threads(3 - count)
    dataset = Dataset("noise", 3, noise(), noise(), noise())
    warm_up(find_recipe("tutorial").changed(hidden=(8, 8, 8), batch_size=BATCH_SIZE), dataset, "numba", count)
    assert threads() == count
