"""The copying that a product of numnet's does on one thread, by itself: b into panels and, for a.T, a into strips."""

import statistics
from functools import partial
from typing import Any

import numba
import numpy as np

from benchmarks.problem import FloatArray
from benchmarks.products import Shape, make, numnet, sample
from numnet.kernels import matmul
from numnet.kernels.threads import set_threads


@numba.njit(nogil=True)
def _pack_all(
    numbers: FloatArray, depth: int, columns: int, turned: bool, wide: int, width: int, scratch: FloatArray
) -> None:
    """Pack a whole matrix, of so many k and columns, a block after the other into the same scratch."""
    numbers = numbers.ravel()
    blocks = max(1, -(-depth // matmul.DEPTH))
    for column in range(0, columns, wide):
        some = min(wide, columns - column)
        for block in range(blocks):
            k = depth * block // blocks
            count = depth * (block + 1) // blocks - k
            panels = matmul.Block(scratch, 0, width, count)
            if turned:
                matmul._pack_turned(matmul.Block(numbers, column * depth + k, depth, 1), count, some, panels)
            else:
                matmul._pack(matmul.Block(numbers, k * columns + column, columns, 1), count, some, panels)


def clocked(kind: str, shape: Shape, passes: int) -> dict[str, Any]:
    """A product's seconds on one thread, and those of its copying; medians of so many passes, one after the other."""
    set_threads(1)
    product = make(kind, shape)
    calls = (numnet(product), _copying(kind, product.a, product.b))
    took = [[sample(call, 1) for call in calls] for _ in range(passes)]
    seconds, copying = (statistics.median(each) for each in zip(*took, strict=True))
    return {"kind": kind, "shape": product.shape, "seconds": seconds, "packing": copying}


def _copying(kind: str, a: FloatArray, b: FloatArray) -> "partial[None]":
    """b once, and a, where it is turned, for each of the columns that are packed at a time."""
    depth, columns = b.shape
    scratch = np.empty(matmul.PACKED, np.float32)
    own = b.T if kind == "dx" else b
    whole = partial(_pack_all, own, depth, columns, kind == "dx", matmul.COLUMNS, matmul.WIDTH, scratch)
    if kind != "dw":
        return whole
    times = -(-columns // matmul.COLUMNS)
    strips = partial(_pack_all, a.T, depth, len(a), False, matmul.ROWS, matmul.HEIGHT, scratch)
    return partial(_in_turn, [whole, *[strips] * times])


def _in_turn(calls: list["partial[None]"]) -> None:
    for call in calls:
        call()
