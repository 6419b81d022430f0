"""Pictures pulled out of shape, compiled. What is computed is said in textbook.py.

An image is worth some microseconds: a copy with a border of nothing round it, so that no pixel asks whether it lies
outside; the field at every pixel, knots first along the columns and then along the rows, as two small products; and a
pass over the pixels that looks up four neighbours each.
"""

import numpy as np

from numnet.kernels import ByteArray, FloatArray
from numnet.kernels.jit import inlined, serial
from numnet.kernels.threads import deal, stretch, threads

BORDER = 1  # of nothing, above and left; below and right one more, for the neighbour of what is clamped to the edge


def distort(
    pixels: ByteArray, affine: FloatArray, knots: FloatArray, rows: FloatArray, columns: FloatArray, out: FloatArray
) -> None:
    parts = min(threads(), len(pixels))
    deal(_distort, parts, parts, pixels, affine, knots, rows, columns, out)


@serial
def _distort(
    part: int, parts: int, pixels: ByteArray, affine: FloatArray, knots: FloatArray,
    rows: FloatArray, columns: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    height, width = pixels.shape[1:]
    stride = width + 2 * BORDER + 1
    framed = np.zeros((height + 2 * BORDER + 1) * stride, out.dtype)
    across = np.ascontiguousarray(columns.T)
    along = np.empty((rows.shape[1], 2 * width), out.dtype)
    moved = np.empty(2 * width, out.dtype)
    mine = stretch(part, parts, len(pixels))
    for b in range(mine.start, mine.stop):
        _frame(pixels[b], framed, stride)
        _along_columns(knots[b], across, along)
        for y in range(height):
            _field_of_row(affine[b], along, rows[y], y, moved)
            _look_up(framed, stride, moved[:width], moved[width:], height, width, out[b, y * width : (y + 1) * width])


@inlined
def _frame(pixels: ByteArray, framed: FloatArray, stride: int) -> None:
    """The picture as floats, within its border."""
    full_ink = framed.dtype.type(255)
    for y in range(pixels.shape[0]):
        first = (y + BORDER) * stride + BORDER
        for x in range(pixels.shape[1]):
            framed[first + x] = pixels[y, x] / full_ink


@inlined
def _along_columns(knots: FloatArray, across: FloatArray, along: FloatArray) -> None:
    """The field along the columns, at each row of knots: moves down in the first half, moves across in the other."""
    width = across.shape[1]
    for i in range(len(along)):
        for c in range(2):
            target = along[i, c * width : (c + 1) * width]
            target[:] = 0
            for j in range(len(across)):
                for x in range(width):
                    target[x] += across[j, x] * knots[c, i, j]


@inlined
def _field_of_row(affine: FloatArray, along: FloatArray, weights: FloatArray, y: int, moved: FloatArray) -> None:
    """Where each pixel of a row looks: the affine map, and the field on top of it."""
    width, number = len(moved) // 2, moved.dtype.type  # with an integer beside it a float32 would become a float64
    for c in range(2):
        for x in range(width):
            moved[c * width + x] = affine[c, 0] * number(y) + affine[c, 1] * number(x) + affine[c, 2]
    for i in range(len(along)):
        if weights[i] != 0:  # a knot counts for a part of the rows
            for x in range(len(moved)):
                moved[x] += weights[i] * along[i, x]


@inlined
def _look_up(
    framed: FloatArray, stride: int, down: FloatArray, across: FloatArray, height: int, width: int, out: FloatArray
) -> None:
    """Each pixel of a row between the four that it looks at; outside there is nothing.

    Indices without a sign: with one, each would be asked whether it counts from the end.
    """
    number = out.dtype.type
    one, lowest, farthest = number(1), number(height), number(width)
    for x in range(len(out)):
        v, u = min(max(down[x], -one), lowest) + one, min(max(across[x], -one), farthest) + one
        top, left = np.int32(v), np.int32(u)  # rounds down, since neither is below 0
        v, u = v - number(top), u - number(left)
        at = np.uint32(top * np.int32(stride) + left)
        below = np.uint32(at + np.uint32(stride))
        upper = framed[at] + u * (framed[at + np.uint32(1)] - framed[at])
        lower = framed[below] + u * (framed[below + np.uint32(1)] - framed[below])
        out[x] = upper + v * (lower - upper)
