"""The work that every rival is given: one network, one order of the images, one optimizer, initial weights in a file.

NumPy alone is imported, so that a rival's process carries nothing of numnet's.
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

MNIST = Path(__file__).parent.parent / "numnet" / "data" / "mnist"
VALIDATION, TRAINING = 5_000, 55_000  # of the training images the tutorial sets the first ones aside
BETA1, BETA2 = 0.9, 0.999


def flops(sizes: Sequence[int], batch_size: int) -> int:
    """Floating-point operations of a step's products: forward, dw, and dx but for the first layer."""
    products = [d * h for d, h in pairwise(sizes)]
    return 2 * batch_size * (3 * sum(products) - products[0])


STEP_FLOPS = flops((784, 512, 256, 128, 10), 128)  # of the tutorial's step


class Split(NamedTuple):
    """float32 images (N, 784) of 0..1 and int64 labels (N,)."""

    images: FloatArray
    labels: IntArray


@dataclass(frozen=True)
class Problem:
    """A training run.

    sizes : inputs, hidden widths, classes
    activation : "linear" or "relu", after each hidden layer
    drop_rate : of dropout before the output layer; what is kept is divided by 1 - drop_rate
    learning_rates : a step each; the last one holds for all steps beyond
    epsilon : Adam's, added to the root of v before the bias correction ("epsilon hat", as TensorFlow has it):
        w -= learning_rate * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + epsilon), t = step + 1
    seed : of weights and order
    file : the .npz with w0, b0, w1, … (weights are inputs x outputs) and `order`, int64 (55000,): how the training
        images are visited, batch after batch; what is left at the end is dropped, and it begins again
    """

    sizes: tuple[int, ...]
    activation: str
    drop_rate: float
    batch_size: int
    learning_rates: tuple[float, ...]
    epsilon: float
    seed: int
    file: str

    def learning_rate(self, step: int) -> float:
        """The rate of step 0, 1, 2, …"""
        return self.learning_rates[min(step, len(self.learning_rates) - 1)]

    def layers(self) -> list[tuple[FloatArray, FloatArray]]:
        """Initial weights (D, H) and biases (H,) of each dense layer, from the input on."""
        with np.load(self.file) as file:
            return [(file[f"w{i}"], file[f"b{i}"]) for i in range(len(self.sizes) - 1)]

    def train_bytes(self) -> tuple[npt.NDArray[np.uint8], IntArray]:
        """The training images in the order in which they are visited: uint8 (55000, 784), int64 (55000,).

        Who keeps them in a tensor of the framework's own makes its floats from these, so that nobody has them twice.
        """
        with np.load(self.file) as file:
            order = file["order"]
        pixels, labels = read_bytes("train")
        return pixels[VALIDATION:][order], labels[VALIDATION:][order]

    def train_split(self) -> Split:
        """The same as floats, for who keeps them in NumPy."""
        pixels, labels = self.train_bytes()
        return Split(to_floats(pixels), labels)

    @property
    def batches(self) -> int:
        """How many whole batches there are in an epoch."""
        return TRAINING // self.batch_size

    def flops(self) -> int:
        """Floating-point operations of a step's products."""
        return flops(self.sizes, self.batch_size)

    def flops_of_ink(self, share: float) -> float:
        """The same, where of the first layer's products only that share is done that pixels other than 0 ask for."""
        first = 2 * self.batch_size * self.sizes[0] * self.sizes[1]
        return self.flops() - 2 * (1 - share) * first  # forward and dw

    def to_json(self) -> str:
        """One line from which `from_json` makes the same problem."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Problem":
        """The problem that `to_json` wrote."""
        fields = json.loads(text)
        lists = {name: tuple(fields[name]) for name in ("sizes", "learning_rates")}
        return cls(**(fields | lists))


def read(name: str) -> Split:
    """MNIST's "train" (60,000) or "t10k" (10,000)."""
    pixels, labels = read_bytes(name)
    return Split(to_floats(pixels), labels)


def validation_split() -> Split:
    """The first training images, which nobody trains on."""
    pixels, labels = read_bytes("train")
    return Split(to_floats(pixels[:VALIDATION]), labels[:VALIDATION])


def to_floats(pixels: npt.NDArray[np.uint8]) -> FloatArray:
    """Pixels as floats of 0..1, without a second copy on the way."""
    floats = pixels.astype(np.float32)
    floats /= np.float32(255)
    return floats


def read_bytes(name: str) -> tuple[npt.NDArray[np.uint8], IntArray]:
    """A part of MNIST as bundled: pixels, uint8 (N, 784), and labels, int64 (N,)."""
    images = gzip.decompress((MNIST / f"{name}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((MNIST / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def accuracy(scores: npt.NDArray[np.floating], labels: Sequence[int] | IntArray) -> float:
    """The share of rows whose highest score is at the label."""
    return float(np.mean(np.argmax(scores, axis=1) == labels))
