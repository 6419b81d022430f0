"""The values that weights start from: functions of (seed, layer), by name."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from numnet.randomness import Purpose, generator

Weights = npt.NDArray[np.float64]


def truncated_normal(seed: int, layer: int, inputs: int, outputs: int) -> Weights:
    """Normal with deviation 0.1, values beyond two deviations drawn again: the tutorial's choice for every layer.

    float64 (inputs, outputs), within ±0.2; what is left has a deviation of 0.088.
    """
    rng = generator(seed, Purpose.WEIGHTS, layer)
    draws = rng.standard_normal((inputs, outputs))
    while (beyond := np.abs(draws) > 2).any():
        draws[beyond] = rng.standard_normal(int(beyond.sum()))
    return draws * 0.1


def he_normal(seed: int, layer: int, inputs: int, outputs: int) -> Weights:
    """Normal with variance 2 / inputs, which keeps the size of a signal through ReLU layers of any width.

    float64 (inputs, outputs). Source: He et al. 2015, "Delving deep into rectifiers", section 2.2.
    """
    return generator(seed, Purpose.WEIGHTS, layer).standard_normal((inputs, outputs)) * math.sqrt(2 / inputs)


INITIALIZERS: dict[str, Callable[[int, int, int, int], Weights]] = {
    "truncated_normal": truncated_normal,
    "he": he_normal,
}
