"""The three products of a dense layer, compiled: rows of the result are dealt out to the threads.

Each loop runs over k in the same order whatever the number of threads, so the sums come out to the same bits.
The innermost loop goes along a row of `b` and of `out`, which lie one after the other in memory.
"""

import numpy as np
from numba import prange

from numnet.kernels import FloatArray
from numnet.kernels.jit import parallel, serial

ROWS = 8  # rows of the result that a thread takes at a time: enough work to be worth handing out


@parallel
def matmul(a: FloatArray, b: FloatArray, bias: FloatArray, out: FloatArray) -> None:
    for part in prange((len(out) + ROWS - 1) // ROWS):
        for m in range(part * ROWS, min((part + 1) * ROWS, len(out))):
            out[m] = bias
            _add_row_times(a[m], b, out[m])


@parallel
def matmul_at(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    for part in prange((len(out) + ROWS - 1) // ROWS):
        for k in range(part * ROWS, min((part + 1) * ROWS, len(out))):
            out[k] = 0
            _add_row_times(a[:, k], b, out[k])


@parallel
def matmul_bt(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    b_transposed = np.ascontiguousarray(b.T)  # so that the innermost loop goes along memory here too
    for part in prange((len(out) + ROWS - 1) // ROWS):
        for m in range(part * ROWS, min((part + 1) * ROWS, len(out))):
            out[m] = 0
            _add_row_times(a[m], b_transposed, out[m])


@serial
def _add_row_times(row: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """out += row @ b, one row of b after the other."""
    for k in range(len(row)):
        for n in range(len(out)):
            out[n] += row[k] * b[k, n]
