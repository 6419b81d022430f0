"""The three products on shapes, densities and thread counts that nobody chose: right within the bound, and one result.

Drawn sizes straddle tiles and panels (0 to 70), and now and then a block of k or of rows.
"""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from numnet.kernels import compiled, matmul, threads

EPS = float(np.finfo(np.float32).eps)
USUAL = settings(deadline=None)
SIZES = st.one_of(st.integers(0, 70), st.sampled_from([97, 128, 129, 257, 300, matmul.DEPTH + 1, matmul.COLUMNS + 1]))
SHAPES = st.tuples(SIZES, SIZES, SIZES)
DENSITIES = st.sampled_from([0.0, 0.1, 0.4, 0.6, 1.0])
SCALES = st.sampled_from([1.0, 1e18, 1e-18, 1e-22])  # products of about 1e36, and below the normal range of float32


def draws(seed: int, *shape: int, density: float = 1.0, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    return (rng.standard_normal(shape) * (rng.random(shape) < density) * scale).astype(np.float32)


def within_bound(out: np.ndarray, a: np.ndarray, b: np.ndarray, start: np.ndarray | float = 0.0) -> bool:
    """4 K eps sum |a b| (see test_twins.py), and for each product half of the smallest number there is."""
    a, b = a.astype(float), b.astype(float)
    depth = a.shape[1] + 1
    bound = 4 * depth * EPS * (abs(a) @ abs(b) + abs(start)) + depth * float(np.finfo(np.float32).smallest_subnormal)
    return bool((abs(out - (a @ b + start)) <= bound).all())


@USUAL
@given(SHAPES, DENSITIES, SCALES, st.integers(0, 9))
def test_any_shape_is_right(shape: tuple[int, int, int], density: float, scale: float, seed: int) -> None:
    m, k, n = shape
    a, b, bias = draws(seed, m, k, density=density, scale=scale), draws(seed, k, n, scale=scale), draws(seed, n)
    out = np.full((m, n), np.nan, np.float32)
    compiled.matmul(a, b, bias, out)
    assert within_bound(out, a, b, bias)
    compiled.matmul_at(np.ascontiguousarray(a.T), b, out)
    assert within_bound(out, a, b)
    compiled.matmul_bt(a, np.ascontiguousarray(b.T), out)
    assert within_bound(out, a, b)


@USUAL
@given(SHAPES, DENSITIES, st.integers(1, 9), st.booleans())
def test_neither_threads_nor_skipping_change_a_bit(
    shape: tuple[int, int, int], density: float, parts: int, skipping: bool
) -> None:
    m, k, n = shape
    a, b, bias = draws(0, m, k, density=density), draws(0, k, n), draws(0, n)
    results = []
    for count, below in [(1, -1.0), (parts, 1.1 if skipping else -1.0)]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(matmul, "SMALL", 0)
            patch.setattr(matmul, "SPARSE_BELOW", below)
            patch.setattr(threads, "_threads", count)
            out = np.full((3, m, n), np.nan, np.float32)
            compiled.matmul(a, b, bias, out[0])
            compiled.matmul_at(np.ascontiguousarray(a.T), b, out[1])
            compiled.matmul_bt(a, np.ascontiguousarray(b.T), out[2])
            results.append(out.tobytes())
    assert results[0] == results[1]
