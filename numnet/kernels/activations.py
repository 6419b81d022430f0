"""The activations and their backward, compiled: a loop each, dealt out to the threads by stretches.

What each one computes is said in textbook.py.
"""

import math

import numpy as np

from numnet.kernels import FloatArray, Scalar
from numnet.kernels.jit import inlined, serial
from numnet.kernels.threads import deal_stretches, stretch

NEAR = np.float32(0.625)
TANH = tuple(
    map(np.float32, (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1))
)


def relu(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_relu, x, out)


@serial
def _relu(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        out[i] = 0 if x[i] <= 0 else x[i]  # NaN is not <= 0, so it passes


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_relu_backward, dy, y, out)


@serial
def _relu_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] > 0)


def tanh(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_tanh, x, out)


@serial
def _tanh(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        out[i] = _near_zero(x[i]) if abs(x[i]) < NEAR else math.copysign(1 - 2 / (math.exp(2 * abs(x[i])) + 1), x[i])


@inlined
def _near_zero(x: Scalar) -> Scalar:
    """tanh for -0.625 < x < 0.625, where 1 less a number near 1 would lose its last digits: a polynomial of x².

    Right to one unit in the last place.
    Source: Moshier 1992, Cephes, tanhf.c.
    """
    square = x * x
    total = 0 * x
    for coefficient in TANH:
        total = (total + coefficient) * square
    return x + x * total


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_tanh_backward, dy, y, out)


@serial
def _tanh_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (1 - y[i] * y[i])


def sigmoid(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid, x, out)


@serial
def _sigmoid(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        z = math.exp(-abs(x[i]))
        out[i] = (z if x[i] < 0 else 1) / (1 + z)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid_backward, dy, y, out)


@serial
def _sigmoid_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] * (1 - y[i]))
