"""The lower rungs: what plain loops come to, and how far their order and their sharing of loads take them.

Each fills out (M, N) with a (M, K) @ b (K, N), float32; a or b may be a transposed view. That is all three products of
a layer. Not among them, since it gained nothing where this was written: four k at a time for a single row of out. It
saves loads and stores of out, which the first cache has to hand, and none of b, which comes from further off.
"""

import numba
import numpy as np

from benchmarks.problem import FloatArray

# For "numpy" and "nogil" see numnet/kernels/jit.py. Nothing here goes to a cache on disk.
compiled = numba.njit(error_model="numpy", nogil=True)
# x * y + z may be one instruction with one rounding; nothing else about the order of a sum may change
contracting = numba.njit(error_model="numpy", nogil=True, fastmath={"contract"})


def by_elements(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """The definition: out[i, j] = sum over k of a[i, k] * b[k, j]."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


by_elements_compiled = compiled(by_elements)


@compiled
def by_rows(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """A row of out is a sum of rows of b; a transposed b is copied first, so that it has rows in memory."""
    b = np.ascontiguousarray(b)
    out[:] = 0
    for i in range(out.shape[0]):
        for k in range(a.shape[1]):
            factor = a[i, k]
            for j in range(out.shape[1]):
                out[i, j] += factor * b[k, j]


@contracting
def by_two_rows(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """Two rows of out take four rows of b at once: eight multiply-adds for six loads and two stores.

    M is even and K a multiple of four, as the network's are. Of factors, no larger block than 2 x 4 fits into sixteen
    registers.
    """
    b = np.ascontiguousarray(b)
    out[:] = 0
    for i in range(0, out.shape[0], 2):
        upper, lower = out[i], out[i + 1]
        for k in range(0, a.shape[1], 4):
            u0, u1, u2, u3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            v0, v1, v2, v3 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2], a[i + 1, k + 3]
            b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
            for j in range(out.shape[1]):
                above = u3 * b3[j] + (u2 * b2[j] + (u1 * b1[j] + (u0 * b0[j] + upper[j])))
                below = v3 * b3[j] + (v2 * b2[j] + (v1 * b1[j] + (v0 * b0[j] + lower[j])))
                upper[j], lower[j] = above, below  # at last: a store might change b, for all the compiler knows
