"""How good a network is: accuracy and loss, dropout off."""

from typing import NamedTuple

from numnet.data.datasets import Split
from numnet.kernels import FloatArray, IntArray
from numnet.nn.loss import cross_entropy
from numnet.nn.network import PREDICT_ROWS, Network


class Metrics(NamedTuple):
    """accuracy : share of images whose largest logit is their label's, 0..1    loss : mean cross-entropy in nats"""

    accuracy: float
    loss: float


def evaluate(network: Network, split: Split) -> Metrics:
    """Accuracy and mean loss over all images of a split, a thousand at a time."""
    correct, loss = 0, 0.0
    flat = split.images.reshape(len(split), split.inputs)
    for start in range(0, len(split), PREDICT_ROWS):
        images, labels = flat[start : start + PREDICT_ROWS], split.labels[start : start + PREDICT_ROWS]
        part_correct, part_loss = _score(network, network.to_floats(images), labels)
        correct, loss = correct + part_correct, loss + part_loss * len(labels)
    return Metrics(correct / len(split), loss / len(split))


def evaluate_batch(network: Network, images: FloatArray, labels: IntArray) -> Metrics:
    """Accuracy and mean loss on one batch: images float (B, D) of 0..1, labels int (B,)."""
    correct, loss = _score(network, images, labels)
    return Metrics(correct / len(labels), loss)


def _score(network: Network, images: FloatArray, labels: IntArray) -> tuple[int, float]:
    """How many are right, and the mean loss."""
    logits = network.forward(images, draw=None)
    loss, _ = cross_entropy(network.kernels, logits, labels)
    return int((logits.argmax(axis=1) == labels).sum()), loss
