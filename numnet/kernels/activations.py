"""The activations and their backward, compiled: a loop each, dealt out to the threads by stretches.

What each one computes is said in textbook.py. No loop has a branch or a call in it, so that the compiler makes vectors
of it; a whole number beside a float32 would make a float64 of it, hence ONE.
"""

import numpy as np

from numnet.kernels import FloatArray, Scalar
from numnet.kernels.jit import inlined, serial
from numnet.kernels.threads import deal_stretches, stretch

ONE = np.float32(1)
NEAR = np.float32(0.625)
TANH = tuple(
    map(np.float32, (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1))
)
HALF = np.float32(0.5)
EXP = tuple(map(np.float32, (
    1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
)))  # fmt: skip
LOWEST = np.float32(-110)  # exp of which is 0 in float32
LOG2_E = np.float32(1.44269504088896341)
LOG_2 = np.float32(0.693359375), np.float32(-2.12194440e-4)  # their sum is; so few digits times a whole number: exact
EXPONENT_OF_ONE, EXPONENT_STEP = np.float32(127), np.float32(2**23)  # of a float32, as its bits are read as an int32


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
        z = _exp(-abs(x[i] + x[i]))
        far = (ONE - z) / (ONE + z)
        out[i] = _near_zero(x[i]) if abs(x[i]) < NEAR else far if x[i] > 0 else -far


@inlined
def _near_zero(x: Scalar) -> Scalar:
    """tanh for -0.625 < x < 0.625, where 1 less a number near 1 would lose its last digits: a polynomial of x².

    Right to one unit in the last place.
    Source: Moshier 1992, Cephes, tanhf.c.
    """
    square = x * x
    total = TANH[0]
    for coefficient in TANH[1:]:
        total = total * square + coefficient
    return x + x * (total * square)


@inlined
def _exp(x: Scalar) -> Scalar:
    """exp(x) for x <= 0: 2**n * exp(r) with x = n log 2 + r and |r| <= log(2) / 2, by a polynomial of r.

    Right to two units in the last place, down to numbers so small that they have fewer places.
    Source: Moshier 1992, Cephes, expf.c.
    """
    x = LOWEST if x < LOWEST else x
    n = _cut_off(HALF if np.isnan(x) else x * LOG2_E - HALF)  # NaN is no n, and comes back with r
    r = x - n * LOG_2[0] - n * LOG_2[1]
    total = EXP[0]
    for coefficient in EXP[1:]:
        total = total * r + coefficient
    half = _cut_off(n * HALF)  # 2**n may be too small for float32, though times two halves of it the result is not
    return (total * r * r + r + ONE) * _power_of_two(half) * _power_of_two(n - half)


@inlined
def _cut_off(x: Scalar) -> Scalar:
    """x without its digits behind the point."""
    return np.float32(np.int32(x))


@inlined
def _power_of_two(n: Scalar) -> Scalar:
    """2**n for a whole n, -126 <= n <= 127: n in the place of a float32's exponent, and nothing else."""
    return np.int32((n + EXPONENT_OF_ONE) * EXPONENT_STEP).view(np.float32)


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_tanh_backward, dy, y, out)


@serial
def _tanh_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (ONE - y[i] * y[i])


def sigmoid(x: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid, x, out)


@serial
def _sigmoid(part: int, parts: int, x: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, out = x[mine], out[mine]
    for i in range(len(x)):
        z = _exp(-abs(x[i]))
        out[i] = (z if x[i] < 0 else ONE) / (ONE + z)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    deal_stretches(_sigmoid_backward, dy, y, out)


@serial
def _sigmoid_backward(part: int, parts: int, dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    mine = stretch(part, parts, len(y))
    dy, y, out = dy[mine], y[mine], out[mine]
    for i in range(len(y)):
        out[i] = dy[i] * (y[i] * (ONE - y[i]))
