"""What a step does once to each number, compiled: sums over rows, masks, the loss, pixels.

All but the sums over rows are dealt out to the threads; those read memory as fast as one thread alone can, and two were
no faster. What each one computes is said in textbook.py.
"""

import math

import numpy as np

from numnet.kernels import BoolArray, ByteArray, FloatArray, IntArray, Scalar
from numnet.kernels.jit import inlined, serial
from numnet.kernels.threads import deal, deal_stretches, stretch, threads

FEW_LOGITS = 512  # up to so many logits one thread is done before a helper has begun


@serial
def sum_rows(a: FloatArray, out: FloatArray) -> None:
    out[:] = 0
    for m in range(len(a)):
        for n in range(len(out)):
            out[n] += a[m, n]


def scale_by_mask(x: FloatArray, mask: BoolArray, scale: float, out: FloatArray) -> None:
    deal_stretches(_scale_by_mask, x, mask, out, np.array((scale,), x.dtype))


@serial
def _scale_by_mask(part: int, parts: int, x: FloatArray, mask: BoolArray, out: FloatArray, scalars: FloatArray) -> None:
    mine = stretch(part, parts, len(x))
    x, mask, out, scale = x[mine], mask[mine], out[mine], scalars[0]
    for i in range(len(x)):
        out[i] = x[i] * (scale * mask[i])


def softmax_cross_entropy(
    logits: FloatArray, labels: IntArray, scale: float, smoothing: float, losses: FloatArray, dlogits: FloatArray
) -> None:
    parts = 1 if logits.size <= FEW_LOGITS else threads()
    labels = np.ascontiguousarray(labels, np.int64)  # `deal` wants the same types at each call
    of_type = logits.dtype.type
    deal(_softmax_cross_entropy, parts, parts, logits, labels, of_type(scale), of_type(smoothing), losses, dlogits)


@serial
def _softmax_cross_entropy(
    part: int, parts: int, logits: FloatArray, labels: IntArray, scale: Scalar, smoothing: Scalar, losses: FloatArray,
    dlogits: FloatArray,
) -> None:  # fmt: skip
    mine = stretch(part, parts, len(labels))
    for b in range(mine.start, mine.stop):
        losses[b] = _softmax_cross_entropy_of_one(logits[b], labels[b], scale, dlogits[b])
        if smoothing > 0:
            losses[b] += _smooth(logits[b], labels[b], scale, smoothing, dlogits[b])


@inlined
def _softmax_cross_entropy_of_one(logits: FloatArray, label: int, scale: Scalar, dlogits: FloatArray) -> Scalar:
    largest = logits[0]
    for c in range(1, len(logits)):
        largest = max(largest, logits[c])
    total = 0 * scale
    for c in range(len(logits)):
        dlogits[c] = math.exp(logits[c] - largest)  # NaN for a NaN, so it matters not that max may pass it over
        total += dlogits[c]
    for c in range(len(logits)):
        dlogits[c] = (dlogits[c] / total - (c == label)) * scale
    loss: Scalar = math.log(total) - (logits[label] - largest)
    return loss


@inlined
def _smooth(logits: FloatArray, label: int, scale: Scalar, smoothing: Scalar, dlogits: FloatArray) -> Scalar:
    """What smoothing adds to the loss of one example, and to its dlogits."""
    more, share = 0 * scale, smoothing / len(logits)
    for c in range(len(logits)):
        more += share * (logits[label] - logits[c])
        dlogits[c] -= share * scale
    dlogits[label] += smoothing * scale
    return more


def pixels_to_floats(pixels: ByteArray, out: FloatArray) -> None:
    deal_stretches(_pixels_to_floats, pixels, out, np.array((255,), out.dtype))


@serial
def _pixels_to_floats(part: int, parts: int, pixels: ByteArray, out: FloatArray, scalars: FloatArray) -> None:
    mine = stretch(part, parts, len(pixels))
    pixels, out, full_ink = pixels[mine], out[mine], scalars[0]
    for i in range(len(pixels)):
        out[i] = pixels[i] / full_ink
