"""Each routine of explicit vectors beside its plain Python double, on drawn sizes and distances in memory.

What moves numbers or lists them is equal to the bit. Sums are not: at each k a double rounds a float64 to float32, and
the instructions round once, or twice where multiply and add are two. Whoever rounds K times is off by at most
K / 2 * eps * (|start| + sum |a * b|), see test_twins.py; so the two are within (K + 1) * eps * (...) of each other.
"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the extra [test] is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from numnet.kernels import vector
from numnet.kernels.jit import serial
from numnet.kernels.vector import FLAT_TILE, LANES, TILE, at

EPS = float(np.finfo(np.float32).eps)
USUAL = settings(deadline=None, max_examples=60)
COUNTS = st.integers(0, 70)
GAPS = st.integers(0, 9)  # numbers between the end of a row and the next
SEEDS = st.integers(0, 2**32)


@serial
def tile(
    start: Any, start_row: int, a: Any, a_row: int, a_step: int, b: Any, b_row: int, out: Any, out_row: int,
    rows: int, columns: int, count: int,
) -> None:  # fmt: skip
    vector.tile(
        at(start, 0), start_row, at(a, 0), a_row, a_step, at(b, 0), b_row, at(out, 0), out_row, rows, columns, count
    )


@serial
def flat_tile(start: Any, a: Any, b: Any, b_row: int, out: Any, columns: int, places: Any, count: int) -> None:
    vector.flat_tile(at(start, 0), at(a, 0), at(b, 0), b_row, at(out, 0), columns, at(places, 0), count)


@serial
def dot(a: Any, b: Any, count: int, out: Any) -> None:
    out[0] = vector.dot(at(a, 0), at(b, 0), count)


@serial
def move(source: Any, columns: int, out: Any, room: int) -> None:
    vector.move(at(source, 0), columns, at(out, 0), room)


@serial
def copy(source: Any, out: Any) -> None:
    vector.copy(at(source, 0), at(out, 0))


@serial
def transpose(a: Any, a_row: int, out: Any, out_row: int) -> None:
    vector.transpose(at(a, 0), a_row, at(out, 0), out_row)


@serial
def list_nonzeros(a: Any, count: int, places: Any) -> int:
    return vector.list_nonzeros(at(a, 0), count, at(places, 0))


def draws(seed: int, *shape: int) -> np.ndarray:
    """Of five numbers about two are zeros, one of either sign."""
    rng = np.random.default_rng([seed, *shape])
    return rng.choice([1, 1, 1, 0, -0.0], shape).astype(np.float32) * rng.standard_normal(shape).astype(np.float32)


def nothing(*shape: int) -> np.ndarray:
    """What a routine is to fill, and to leave where it has no business."""
    return np.full(shape, np.nan, np.float32)


def assert_close(found: np.ndarray, double: np.ndarray, bound: np.ndarray) -> None:
    """The same numbers left alone, the others within the bound, and no zero with a sign."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(double))
    filled = found[: bound.shape[0], : bound.shape[1]]
    assert (abs(filled - double[: bound.shape[0], : bound.shape[1]]) <= bound).all()
    assert not np.signbit(filled[filled == 0]).any()


@USUAL
@given(
    rows=st.integers(1, TILE[0]), columns=st.integers(1, TILE[1] * LANES), count=COUNTS, gap=GAPS,
    turned=st.booleans(), bias=st.booleans(), seed=SEEDS,
)  # fmt: skip
def test_tile(rows: int, columns: int, count: int, gap: int, turned: bool, bias: bool, seed: int) -> None:
    """From a bias, one row that all begin with, or from sums of before; a as it is, or turned."""
    start, b = draws(seed, 1 if bias else rows, columns + gap), draws(seed, count, columns + gap)
    a = draws(seed, count, rows + gap) if turned else draws(seed, rows, count + gap)
    a_row, a_step = (1, rows + gap) if turned else (count + gap, 1)
    found, double = nothing(rows + 1, columns + gap), nothing(rows + 1, columns + gap)
    for routine, out in ((tile, found), (vector._tile, double)):
        routine(
            start.ravel(), 0 if bias else columns + gap, a.ravel(), a_row, a_step, b.ravel(), columns + gap,
            out.ravel(), columns + gap, rows, columns, count,
        )  # fmt: skip
    ours = abs(a[:, :rows].T if turned else a[:, :count]).astype(float)
    assert_close(found, double, (count + 1) * EPS * (abs(start[:, :columns]) + ours @ abs(b[:, :columns])))


@USUAL
@given(columns=st.integers(1, FLAT_TILE * LANES), count=COUNTS, gap=GAPS, share=st.floats(0, 1), seed=SEEDS)
def test_flat_tile(columns: int, count: int, gap: int, share: float, seed: int) -> None:
    start, a, b = draws(seed, columns), draws(seed, count), draws(seed, count, columns + gap)
    places = np.flatnonzero(np.random.default_rng(seed).random(count) < share).astype(np.int32)
    found, double = nothing(1, columns + gap), nothing(1, columns + gap)
    for routine, out in ((flat_tile, found), (vector._flat_tile, double)):
        routine(start, a, b.ravel(), columns + gap, out.ravel(), columns, places, len(places))
    visited = abs(a[places]).astype(float) @ abs(b[places, :columns])
    assert_close(found, double, (len(places) + 1) * EPS * (abs(start) + visited)[None])


@USUAL
@given(count=st.integers(0, 10 * LANES), seed=SEEDS)
def test_dot(count: int, seed: int) -> None:
    """What lies behind the rows' ends is no part of it."""
    a, b = draws(seed, count), draws(seed + 1, count)
    found = nothing(1)
    dot(np.append(a, nothing(LANES)), np.append(b, nothing(LANES)), count, found)
    bound = (count + 1) * EPS * (abs(a).astype(float) @ abs(b))
    assert abs(found[0] - vector._dot(a, b, count)) <= bound


@USUAL
@given(columns=st.integers(-LANES, 2 * LANES), room=st.integers(0, 2 * LANES), seed=SEEDS)
def test_move(columns: int, room: int, seed: int) -> None:
    source, found, double = draws(seed, 2 * LANES), nothing(2 * LANES), nothing(2 * LANES)
    move(source, columns, found, room)
    vector._move(source, columns, double, room)
    assert found.tobytes() == double.tobytes()


@USUAL
@given(seed=SEEDS)
def test_copy(seed: int) -> None:
    source, found, double = draws(seed, 2 * LANES), nothing(2 * LANES), nothing(2 * LANES)
    copy(source, found)
    vector._copy(source, double)
    assert found.tobytes() == double.tobytes()


@USUAL
@given(gap=GAPS, out_gap=GAPS, seed=SEEDS)
def test_transpose(gap: int, out_gap: int, seed: int) -> None:
    a = draws(seed, LANES, LANES + gap)
    found, double = nothing(LANES, LANES + out_gap), nothing(LANES, LANES + out_gap)
    for routine, out in ((transpose, found), (vector._transpose, double)):
        routine(a.ravel(), LANES + gap, out.ravel(), LANES + out_gap)
    assert found.tobytes() == double.tobytes()


@USUAL
@given(count=COUNTS, seed=SEEDS)
def test_list_nonzeros(count: int, seed: int) -> None:
    """NaN is listed, and so is the smallest number there is."""
    a = draws(seed, count + 3)
    a[np.random.default_rng(seed).random(count + 3) < 0.1] = np.nan
    a[1::7] = 1e-45
    found, double = np.full(count + 8, -1, np.int32), np.full(count + 8, -1, np.int32)
    length = list_nonzeros(a, count, found)
    assert length == vector._list_nonzeros(a, count, double)
    np.testing.assert_array_equal(found[:length], double[:length])
    assert (found[-(-count // 8) * 8 :] == -1).all()
