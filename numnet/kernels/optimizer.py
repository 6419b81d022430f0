"""The optimizers' updates, compiled: one pass over the flat vectors, at the speed of memory.

What each one computes is said in textbook.py. The scalars are made the vectors' own type before the loop: one
float64 among them would turn the whole loop to float64, at half the speed.
"""

import math

import numpy as np
from numba import prange

from numnet.kernels import FloatArray, Scalar
from numnet.kernels.jit import parallel, serial

STRETCH = 16384  # parameters that a thread takes at a time: 64 KB of each vector, long runs for the prefetcher


def sgd(w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float) -> None:
    number = w.dtype.type
    _sgd(w, dw, velocity, number(learning_rate), number(momentum))


@parallel
def _sgd(w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: Scalar, momentum: Scalar) -> None:
    for part in prange((len(w) + STRETCH - 1) // STRETCH):
        stretch = slice(part * STRETCH, (part + 1) * STRETCH)
        _sgd_stretch(w[stretch], dw[stretch], velocity[stretch], learning_rate, momentum)


@serial
def _sgd_stretch(w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: Scalar, momentum: Scalar) -> None:
    for i in range(len(w)):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * velocity[i]


def adam(
    w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray,
    step_size: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    scalars = np.array((step_size, beta1, 1 - beta1, beta2, 1 - beta2, epsilon), w.dtype)
    _adam(w, dw, m, v, scalars)


@parallel
def _adam(w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, scalars: FloatArray) -> None:
    for part in prange((len(w) + STRETCH - 1) // STRETCH):
        stretch = slice(part * STRETCH, (part + 1) * STRETCH)
        _adam_stretch(w[stretch], dw[stretch], m[stretch], v[stretch], scalars)


@serial
def _adam_stretch(w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, scalars: FloatArray) -> None:
    step_size, keep_m, add_m = scalars[0], scalars[1], scalars[2]
    keep_v, add_v, epsilon = scalars[3], scalars[4], scalars[5]
    for i in range(len(w)):
        m[i] = keep_m * m[i] + add_m * dw[i]
        v[i] = keep_v * v[i] + add_v * (dw[i] * dw[i])
        w[i] -= step_size * m[i] / (math.sqrt(v[i]) + epsilon)
