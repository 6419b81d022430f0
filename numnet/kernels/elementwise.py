"""What a step does once to each number, compiled: sums over rows, masks, the loss, pixels.

Three of the four run on the calling thread: at a batch of 128 they take some microseconds each, about what it
takes to wake a second thread. What each one computes is said in textbook.py.
"""

import math

from numba import prange

from numnet.kernels import BoolArray, ByteArray, FloatArray, IntArray, Scalar
from numnet.kernels.jit import parallel, serial

EXAMPLES = 16  # rows of logits that a thread takes at a time: some microseconds of work


@serial
def sum_rows(a: FloatArray, out: FloatArray) -> None:
    out[:] = 0
    for m in range(len(a)):
        for n in range(len(out)):
            out[n] += a[m, n]


def scale_by_mask(x: FloatArray, mask: BoolArray, scale: float, out: FloatArray) -> None:
    _scale_by_mask(x.reshape(-1), mask.reshape(-1), x.dtype.type(scale), out.reshape(-1))


@serial
def _scale_by_mask(x: FloatArray, mask: BoolArray, scale: Scalar, out: FloatArray) -> None:
    for i in range(len(x)):
        out[i] = x[i] * (scale if mask[i] else 0 * scale)


def softmax_cross_entropy(
    logits: FloatArray, labels: IntArray, scale: float, losses: FloatArray, dlogits: FloatArray
) -> None:
    _softmax_cross_entropy(logits, labels, logits.dtype.type(scale), losses, dlogits)


@parallel
def _softmax_cross_entropy(
    logits: FloatArray, labels: IntArray, scale: Scalar, losses: FloatArray, dlogits: FloatArray
) -> None:
    for part in prange((len(labels) + EXAMPLES - 1) // EXAMPLES):
        for b in range(part * EXAMPLES, min((part + 1) * EXAMPLES, len(labels))):
            losses[b] = _softmax_cross_entropy_of_one(logits[b], labels[b], scale, dlogits[b])


@serial
def _softmax_cross_entropy_of_one(logits: FloatArray, label: int, scale: Scalar, dlogits: FloatArray) -> Scalar:
    largest = logits.max()
    for c in range(len(logits)):
        dlogits[c] = math.exp(logits[c] - largest)
    total = dlogits.sum()
    for c in range(len(logits)):
        dlogits[c] = (dlogits[c] / total - (c == label)) * scale
    loss: Scalar = math.log(total) - (logits[label] - largest)
    return loss


def pixels_to_floats(pixels: ByteArray, out: FloatArray) -> None:
    _pixels_to_floats(pixels.reshape(-1), out.reshape(-1), out.dtype.type(255))


@serial
def _pixels_to_floats(pixels: ByteArray, out: FloatArray, full_ink: Scalar) -> None:
    for i in range(len(pixels)):
        out[i] = pixels[i] / full_ink
