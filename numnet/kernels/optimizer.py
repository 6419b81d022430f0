"""The optimizers' updates and their aids', compiled: one pass over the flat vectors.

What each one computes is said in textbook.py. The scalars are made the vectors' own type before the loop: one
float64 among them would turn the whole loop to float64, at half the speed.
"""

import math

import numpy as np

from numnet.kernels import FloatArray
from numnet.kernels.jit import serial
from numnet.kernels.threads import deal_stretches, stretch


def sgd(w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float) -> None:
    deal_stretches(_sgd, w, dw, velocity, np.array((learning_rate, momentum), w.dtype))


@serial
def _sgd(part: int, parts: int, w: FloatArray, dw: FloatArray, velocity: FloatArray, scalars: FloatArray) -> None:
    mine = stretch(part, parts, len(w))
    w, dw, velocity = w[mine], dw[mine], velocity[mine]
    learning_rate, momentum = scalars[0], scalars[1]
    for i in range(len(w)):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * velocity[i]


def adam(
    w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray,
    step_size: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    scalars = np.array((step_size, beta1, 1 - beta1, beta2, 1 - beta2, epsilon), w.dtype)
    deal_stretches(_adam, w, dw, m, v, scalars)


@serial
def _adam(
    part: int, parts: int, w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, scalars: FloatArray
) -> None:
    mine = stretch(part, parts, len(w))
    w, dw, m, v = w[mine], dw[mine], m[mine], v[mine]
    step_size, keep_m, add_m = scalars[0], scalars[1], scalars[2]
    keep_v, add_v, epsilon = scalars[3], scalars[4], scalars[5]
    for i in range(len(w)):
        m[i] = keep_m * m[i] + add_m * dw[i]
        v[i] = keep_v * v[i] + add_v * (dw[i] * dw[i])
        w[i] -= step_size * m[i] / (math.sqrt(v[i]) + epsilon)


def shrink(w: FloatArray, factor: float) -> None:
    deal_stretches(_shrink, w, np.array((factor,)))


@serial
def _shrink(part: int, parts: int, w: FloatArray, factor: FloatArray) -> None:
    w = w[stretch(part, parts, len(w))]
    for i in range(len(w)):
        w[i] = w[i] * factor[0]


def approach(average: FloatArray, w: FloatArray, share: float) -> None:
    deal_stretches(_approach, average, w, np.array((share,), w.dtype))


@serial
def _approach(part: int, parts: int, average: FloatArray, w: FloatArray, share: FloatArray) -> None:
    mine = stretch(part, parts, len(w))
    average, w = average[mine], w[mine]
    for i in range(len(w)):
        average[i] += share[0] * (w[i] - average[i])


def sum_squares(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sum_squares, x, out)


@serial
def _sum_squares(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(out))  # the sums are dealt out, and none is split
    side_by_side, out = len(out), out[mine]
    out[:] = 0
    for start in range(mine.start, len(x), side_by_side):
        row = x[start : start + len(out)]
        for k in range(len(row)):
            out[k] += np.float64(row[k]) * np.float64(row[k])
