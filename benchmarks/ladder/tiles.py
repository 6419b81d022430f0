"""The upper rungs: sums that stay in registers, by numnet's own tile of explicit vectors, and copies for the caches.

Each fills out (M, N) with a (M, K) @ b (K, N), float32, N in whole tiles; a or b may be a transposed view.
"""

import numpy as np

from benchmarks.ladder.loops import compiled
from benchmarks.problem import FloatArray
from numnet.kernels.matmul import DEPTH, HEIGHT, ROWS, WIDTH
from numnet.kernels.vector import at, tile


@compiled
def in_registers(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """Tile after tile, a and b where they lie; but a transposed b is copied first, so that it has rows in memory."""
    b = np.ascontiguousarray(b)
    for j in range(0, out.shape[1], WIDTH):
        _tiles_below(a, b[:, j : j + WIDTH], out[:, j : j + WIDTH], True)


@compiled
def in_panels(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """The same from a copy of b in which what a tile reads lies together."""
    panels = _pack(b)
    for j in range(0, out.shape[1], WIDTH):
        _tiles_below(a, panels[j // WIDTH], out[:, j : j + WIDTH], True)


@compiled
def in_blocks(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """The same by at most DEPTH of k and ROWS of a; between two blocks of k the sums rest in out."""
    blocks = -(-a.shape[1] // DEPTH)
    depth = -(-a.shape[1] // blocks)  # 784 as four times 196, not as 3 times 256 and 16
    for k in range(0, a.shape[1], depth):
        panels = _pack(b[k : k + depth])
        for i in range(0, out.shape[0], ROWS):
            for j in range(0, out.shape[1], WIDTH):
                ours = a[i : i + ROWS, k : k + depth]
                _tiles_below(ours, panels[j // WIDTH], out[i : i + ROWS, j : j + WIDTH], k == 0)


@compiled
def _tiles_below(a: FloatArray, b: FloatArray, out: FloatArray, first: bool) -> None:
    """out (M, WIDTH) = a (M, K) @ b (K, WIDTH), or += where it is not the first block of k; b's rows are contiguous."""
    zeros = np.zeros(WIDTH, np.float32)
    (a_row, a_step), b_row, out_row = (a.strides[0] // 4, a.strides[1] // 4), b.strides[0] // 4, out.strides[0] // 4
    for i in range(0, len(out), HEIGHT):
        begin, begin_row = (at(zeros, 0), 0) if first else (at(out, i * out_row), out_row)
        tile(
            begin, begin_row, at(a, i * a_row), a_row, a_step, at(b, 0), b_row, at(out, i * out_row), out_row,
            min(HEIGHT, len(out) - i), WIDTH, len(b),
        )  # fmt: skip


@compiled
def _pack(b: FloatArray) -> FloatArray:
    """The columns of b (K, N) by WIDTH: (N / WIDTH, K, WIDTH)."""
    panels = np.empty((b.shape[1] // WIDTH, b.shape[0], WIDTH), np.float32)
    for panel in range(panels.shape[0]):
        for k in range(panels.shape[1]):
            for j in range(WIDTH):
                panels[panel, k, j] = b[k, panel * WIDTH + j]
    return panels
