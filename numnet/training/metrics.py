"""How good a network is: accuracy and loss, dropout off; and a closer look, class by class."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from numnet.data.datasets import Split
from numnet.errors import DataError, NonFiniteError
from numnet.kernels import BoolArray, FloatArray, IntArray
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


def training_flops(network: Network, images: int) -> int:
    """The floating-point operations of all dense products in training a network on so many images, repeats counted.

    Each dense layer takes three products of one size, forward, dw and dx; but nobody asks for the first one's dx.
    """
    width, forward = network.inputs, []
    for layer in network.layers:
        forward.append(layer.flops(width))
        width = layer.outputs_for(width)
    dense = [flops for flops in forward if flops]
    return images * (3 * sum(dense) - dense[0])


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


class Changes(NamedTuple):
    """How many answers were mended, and how many spoilt."""

    wrong_to_right: int
    right_to_wrong: int


@dataclass(frozen=True)
class Report:
    """What one network, or several together, make of a split.

    probabilities : float (N, C), 0..1    labels : uint8 (N,)
    """

    probabilities: FloatArray
    labels: IntArray

    @property
    def answers(self) -> npt.NDArray[np.int64]:
        """The likeliest class of each image, int64 (N,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def right(self) -> BoolArray:
        """Whether each answer is the label, bool (N,)."""
        return np.asarray(self.answers == self.labels)

    @property
    def wrong(self) -> int:
        """How many answers are not the label."""
        return int((~self.right).sum())

    @property
    def accuracy(self) -> float:
        """The share of answers that are right, 0..1."""
        return float(self.right.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Between what accuracies the truth lies with 95 % confidence, these images being a sample."""
        return wilson_interval(len(self.labels) - self.wrong, len(self.labels))

    @property
    def loss(self) -> float:
        """The mean cross-entropy in nats, where a probability too small for a float32 counts as the smallest."""
        right = self.probabilities[np.arange(len(self.labels)), self.labels].astype(float)
        return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """How many images of class i were answered j: int64 (C, C), [i, j]."""
        classes = self.probabilities.shape[1]
        pairs = self.labels.astype(np.int64) * classes + self.answers
        return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Of the answers j, the share that is right: float64 (C,), NaN where there was no such answer."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Of the images of class i, the share that was found: float64 (C,), NaN where there is no such image."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    def changes_from(self, before: "Report") -> Changes:
        """How the answers changed from those of another report on the same split."""
        return Changes(int((~before.right & self.right).sum()), int((before.right & ~self.right).sum()))

    def worst(self, count: int) -> npt.NDArray[np.int64]:
        """The mistakes, those that the network was surest of first, at most `count`: int64, rows of the split."""
        wrong = np.flatnonzero(~self.right)
        surest = np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")
        return wrong[surest[:count]]


def _shares(parts: npt.NDArray[np.int64], wholes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0))


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `total` are a sample.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    z = 1.959964  # two-sided 95 % of a normal distribution
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
