"""The activations and their backward, compiled: a loop each, dealt out to the threads by stretches.

What each one computes is said in textbook.py.
"""

import math

from numnet.kernels import FloatArray
from numnet.kernels.jit import serial
from numnet.kernels.threads import deal_stretches, stretch


def relu(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_relu, x.reshape(-1), out.reshape(-1))


@serial
def _relu(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        out[i] = 0 if x[i] <= 0 else x[i]  # NaN is not <= 0, so it passes


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_relu_backward, dy.reshape(-1), y.reshape(-1), out.reshape(-1))


@serial
def _relu_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] > 0)


def tanh(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_tanh, x.reshape(-1), out.reshape(-1))


@serial
def _tanh(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        out[i] = math.tanh(x[i])


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_tanh_backward, dy.reshape(-1), y.reshape(-1), out.reshape(-1))


@serial
def _tanh_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (1 - y[i] * y[i])


def sigmoid(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid, x.reshape(-1), out.reshape(-1))


@serial
def _sigmoid(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        z = math.exp(-abs(x[i]))
        out[i] = (z if x[i] < 0 else 1) / (1 + z)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid_backward, dy.reshape(-1), y.reshape(-1), out.reshape(-1))


@serial
def _sigmoid_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] * (1 - y[i]))
