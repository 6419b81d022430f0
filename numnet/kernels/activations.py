"""The activations and their backward, compiled: one loop each, and two kernels that deal the loops out to threads.

A loop stands in a function of its own, over a stretch of the arrays: written inside the `prange` it would not be
vectorised. What each one computes is said in textbook.py.
"""

import math

from numba import prange

from numnet.kernels import FloatArray
from numnet.kernels.jit import parallel, serial

STRETCH = 8192  # numbers that a thread takes at a time: 32 KB of float32, what a core's first cache holds
FEW = 4 * STRETCH  # up to so many numbers one thread is done sooner than a second one is woken, in about 4 µs

RELU, TANH, SIGMOID = range(3)


def relu(x: FloatArray, out: FloatArray) -> None:
    _forward(RELU, x, out)


@serial
def _relu(x: FloatArray, out: FloatArray) -> None:
    for i in range(len(x)):
        out[i] = 0 if x[i] <= 0 else x[i]  # NaN is not <= 0, so it passes


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    _backward(RELU, dy, y, out)


@serial
def _relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] > 0)


def tanh(x: FloatArray, out: FloatArray) -> None:
    _forward(TANH, x, out)


@serial
def _tanh(x: FloatArray, out: FloatArray) -> None:
    for i in range(len(x)):
        out[i] = math.tanh(x[i])


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    _backward(TANH, dy, y, out)


@serial
def _tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    for i in range(len(y)):
        out[i] = dy[i] * (1 - y[i] * y[i])


def sigmoid(x: FloatArray, out: FloatArray) -> None:
    _forward(SIGMOID, x, out)


@serial
def _sigmoid(x: FloatArray, out: FloatArray) -> None:
    for i in range(len(x)):
        z = math.exp(-abs(x[i]))
        out[i] = (z if x[i] < 0 else 1) / (1 + z)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    _backward(SIGMOID, dy, y, out)


@serial
def _sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] * (1 - y[i]))


def _forward(kind: int, x: FloatArray, out: FloatArray) -> None:
    x, out = x.reshape(-1), out.reshape(-1)
    if len(x) <= FEW:
        (_relu, _tanh, _sigmoid)[kind](x, out)
    else:
        _deal_forward(kind, x, out)


def _backward(kind: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    dy, y, out = dy.reshape(-1), y.reshape(-1), out.reshape(-1)
    if len(y) <= FEW:
        (_relu_backward, _tanh_backward, _sigmoid_backward)[kind](dy, y, out)
    else:
        _deal_backward(kind, dy, y, out)


@parallel
def _deal_forward(kind: int, x: FloatArray, out: FloatArray) -> None:
    for part in prange((len(x) + STRETCH - 1) // STRETCH):
        stretch = slice(part * STRETCH, (part + 1) * STRETCH)
        if kind == RELU:
            _relu(x[stretch], out[stretch])
        elif kind == TANH:
            _tanh(x[stretch], out[stretch])
        else:
            _sigmoid(x[stretch], out[stretch])


@parallel
def _deal_backward(kind: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    for part in prange((len(y) + STRETCH - 1) // STRETCH):
        stretch = slice(part * STRETCH, (part + 1) * STRETCH)
        if kind == RELU:
            _relu_backward(dy[stretch], y[stretch], out[stretch])
        elif kind == TANH:
            _tanh_backward(dy[stretch], y[stretch], out[stretch])
        else:
            _sigmoid_backward(dy[stretch], y[stretch], out[stretch])
