"""How good a network is: accuracy and loss, dropout off."""

import math
from typing import NamedTuple

from numnet.data.datasets import Split
from numnet.errors import DataError, NonFiniteError
from numnet.kernels import FloatArray, IntArray
from numnet.nn.loss import cross_entropy
from numnet.nn.network import PREDICT_ROWS, Network


class Metrics(NamedTuple):
    """accuracy : share of images whose largest logit is their label's, 0..1    loss : mean cross-entropy in nats"""

    accuracy: float
    loss: float


def evaluate(network: Network, split: Split) -> Metrics:
    """Accuracy and mean loss over all images of a split, a thousand at a time.

    Raises DataError where the split doesn't fit the network, NonFiniteError where the loss is NaN or infinite.
    """
    check_fits(network, split)
    correct, loss = 0, 0.0
    flat = split.images.reshape(len(split), split.inputs)
    for start in range(0, len(split), PREDICT_ROWS):
        images, labels = flat[start : start + PREDICT_ROWS], split.labels[start : start + PREDICT_ROWS]
        part_correct, part_loss = _score(network, network.to_floats(images), labels)
        correct, loss = correct + part_correct, loss + part_loss * len(labels)
    if not math.isfinite(loss):
        raise NonFiniteError(
            f"the loss on {len(split):,} images is {loss}: some parameter is no longer finite; "
            "most often the learning rate was too high: try a tenth of it"
        )
    return Metrics(correct / len(split), loss / len(split))


def check_fits(network: Network, split: Split) -> None:
    """Raises DataError unless a network can be trained or judged on a split."""
    if not isinstance(split, Split):
        raise DataError(f"a {type(split).__name__}: expected a split, such as load_mnist().train")
    if not len(split):
        raise DataError("a split without images")
    if split.inputs != network.inputs:
        raise DataError(f"images of {split.inputs} numbers for a network of {network.inputs} inputs")
    if (largest := int(split.labels.max())) >= network.classes:
        raise DataError(f"label {largest} out of range for a network of {network.classes} classes")


def evaluate_batch(network: Network, images: FloatArray, labels: IntArray) -> Metrics:
    """Accuracy and mean loss on one batch: images float (B, D) of 0..1, labels int (B,)."""
    correct, loss = _score(network, images, labels)
    return Metrics(correct / len(labels), loss)


def _score(network: Network, images: FloatArray, labels: IntArray) -> tuple[int, float]:
    """How many are right, and the mean loss."""
    logits = network.forward(images, draw=None)
    loss, _ = cross_entropy(network.kernels, logits, labels)
    return int((logits.argmax(axis=1) == labels).sum()), loss
