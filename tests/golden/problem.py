"""The small problem that PyTorch and TensorFlow have solved for us: a 20-16-12-10 network, 20 steps, no files.

Every number comes from integer arithmetic alone and has at most 16 bits, so weights, images, labels and masks are the
same bits on every machine, under every NumPy, and in float32 as in float64. `record.py` hands them to the frameworks
and writes `frameworks.json`; the tests hand them to numnet and compare.
"""

import math
from itertools import pairwise

import numpy as np

INPUTS, HIDDEN, CLASSES = 20, (16, 12), 10  # D, H, C: a half of the images' values is zero, as with pixels
BATCH, STEPS = 32, 20
DROP_RATE = 0.5  # of the values that enter the last layer

# name: (the activation after each hidden layer, whether `keep_mask` is applied to the last one)
NETS = {
    "linear": ("linear", False),
    "relu": ("relu", False),
    "tanh": ("tanh", False),
    "sigmoid": ("sigmoid", False),
    "relu_dropout": ("relu", True),
}

# PyTorch adds Adam's eps after the bias correction, TensorFlow before it ("epsilon hat"): with 1e-2 it is plain to see
OPTIMIZERS = {
    "momentum": {"lr": 0.1, "momentum": 0.9},  # v = momentum v + g, then w = w - lr v
    "adam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adam_large_eps": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-2},
}


def initial_parameters(dtype: type = np.float64) -> dict[str, np.ndarray]:
    """`w1, b1, w2, b2, w3, b3`: weights (D, H) in [-1/2, 1/2), biases (H,) in [-1/8, 1/8)."""
    sizes = (INPUTS, *HIDDEN, CLASSES)
    parameters = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        parameters[f"w{layer}"] = (_values(10 + layer, (fan_in, fan_out)) / 2).astype(dtype)
        parameters[f"b{layer}"] = (_values(20 + layer, (fan_out,)) / 8).astype(dtype)
    return parameters


def batch(step: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """The batch of `step`: images (B, D) in [0, 1), labels int64 (B,), each the place of its image's largest value."""
    images = np.maximum(_values(100 + step, (BATCH, INPUTS)), 0).astype(dtype)
    return images, np.argmax(images[:, :CLASSES], axis=1)


def keep_mask(step: int) -> np.ndarray:
    """bool (B, H): which values of the last hidden layer stay in `step`. Those are divided by 1 - DROP_RATE."""
    return _values(200 + step, (BATCH, HIDDEN[-1])) >= 0


def summary(array: np.ndarray) -> dict[str, float | list[float]]:
    """What is recorded of a tensor: its sum, its L2 norm and its first three entries."""
    values = [float(value) for value in np.ravel(array)]
    return {"sum": math.fsum(values), "norm": math.sqrt(math.fsum(v * v for v in values)), "first": values[:3]}


def distance(found: dict, recorded: dict) -> float:
    """The largest difference of two summaries, in units of the recorded norm (some sums are zero but for rounding)."""
    differences = [found["norm"] - recorded["norm"], found["sum"] - recorded["sum"]]
    differences += [a - b for a, b in zip(found["first"], recorded["first"], strict=True)]
    return max(map(abs, differences)) / recorded["norm"]


def fingerprint() -> dict[str, float]:
    """Sums over all the inputs, exact: if these differ from the recorded ones, the problem is not the recorded one."""
    batches = [batch(step) for step in range(STEPS)]
    return {
        "parameters": math.fsum(float(array.sum()) for array in initial_parameters().values()),
        "images": math.fsum(float(images.sum()) for images, _ in batches),
        "labels": float(sum(labels.sum() for _, labels in batches)),
        "kept": float(sum(keep_mask(step).sum() for step in range(STEPS))),
    }


def _values(stream: int, shape: tuple[int, ...]) -> np.ndarray:
    """float64 multiples of 2^-15 in [-1, 1): the top 16 bits of SplitMix64 at (stream, index)."""
    words = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) + np.uint64(stream << 32)
    words *= np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return ((words >> np.uint64(48)).astype(np.float64) / 2**15 - 1).reshape(shape)
