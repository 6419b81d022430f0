"""Every kernel but the products, in parts and of any length: right, and to the bit the same on any threads."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the extra [test] is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from numnet.data.augment import spline
from numnet.kernels import compiled, elementwise, textbook, threads

EPS = float(np.finfo(np.float32).eps)
FEW = 16  # roundings, one after the other, of the longest of these formulas, a loss of 12 classes; none cancels much


@pytest.fixture(autouse=True, scope="module")
def shared_out() -> Iterator[None]:
    """However few numbers there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "FEW_NUMBERS", 0)
        patch.setattr(elementwise, "FEW_LOGITS", 0)
        yield


def operands(name: str, n: int, columns: int, rng: np.random.Generator) -> list[Any]:
    """What a kernel is called with, float64: n numbers, or n rows of so many."""
    (x, y, z), out = rng.standard_normal((3, 1, n)), np.full((1, n), np.nan)
    logits, labels = rng.standard_normal((n, columns)), rng.integers(0, columns, n)
    return {
        "sum_rows": [rng.integers(-999, 999, (n, columns)) / 8, np.full(columns, np.nan)],  # sums without a rounding
        "relu": [x, out], "tanh": [x, out], "sigmoid": [x, out],
        "relu_backward": [x, y, out], "tanh_backward": [x, np.tanh(y), out],
        "sigmoid_backward": [x, 1 / (1 + np.exp(-y)), out],
        "scale_by_mask": [x, y > 0, 2.0, out],
        "softmax_cross_entropy": [logits, labels, 0.25, 0.1, np.full(n, np.nan), np.full((n, columns), np.nan)],
        "sgd": [x, y, z, 0.1, 0.9],
        "adam": [x, y, z, y**2 + 0.01, 0.01, 0.9, 0.999, 1e-8],
        "shrink": [x, 0.9], "approach": [x, y, 0.1],
        "pixels_to_floats": [rng.integers(0, 256, (1, n), np.uint8), out],
    }[name]  # fmt: skip


NAMES = (
    "sum_rows", "relu", "tanh", "sigmoid", "relu_backward", "tanh_backward", "sigmoid_backward", "scale_by_mask",
    "softmax_cross_entropy", "sgd", "adam", "shrink", "approach", "pixels_to_floats",
)  # fmt: skip
APART = {"matmul", "matmul_at", "matmul_bt", "sum_squares", "distort"}  # the products in test_matmul_properties.py


def as_type(dtype: type, found: list[Any]) -> list[Any]:
    """Copies, floats as this type; what is no array as it is."""
    return [(x.astype(dtype) if x.dtype.kind == "f" else x.copy()) if isinstance(x, np.ndarray) else x for x in found]


def on_any_threads(call: Callable[[], list[Any]]) -> list[Any]:
    """The arrays that a call gives on one thread, which are to the bit those that it gives on 2, 3 and 8."""
    results = []
    for count in (1, 2, 3, 8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threads, "_threads", count)
            results.append([x for x in call() if isinstance(x, np.ndarray)])
    assert len({b"".join(x.tobytes() for x in found) for found in results}) == 1
    return results[0]


def test_no_kernel_is_left_out() -> None:
    assert {*NAMES} | APART == {*compiled.__all__}


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(n=st.integers(0, 300), columns=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_in_any_parts_the_same_and_right(name: str, n: int, columns: int, seed: int) -> None:
    single = as_type(np.float32, operands(name, n, columns, np.random.default_rng(seed)))
    exact = as_type(np.float64, single)
    getattr(textbook, name)(*exact)

    def call() -> list[Any]:
        found = as_type(np.float32, single)
        getattr(compiled, name)(*found)
        return found

    right = [x for x in exact if isinstance(x, np.ndarray)]
    for ours, wanted in zip(on_any_threads(call), right, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=FEW * EPS, atol=FEW * EPS)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(0, 300), sums=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_squares_in_any_number_of_sums(n: int, sums: int, seed: int) -> None:
    """Each in float64, where the square of a float32 is exact, so that the terms' sum alone is rounded."""
    x = np.random.default_rng(seed).standard_normal(n).astype(np.float32)

    def call() -> list[Any]:
        out = np.full(sums, np.nan)
        compiled.sum_squares(x, out)
        return [out]

    wanted = [(x[k::sums].astype(float) ** 2).sum() for k in range(sums)]
    np.testing.assert_allclose(on_any_threads(call)[0], wanted, rtol=300 * float(np.finfo(float).eps))


@settings(deadline=None, max_examples=40)
@given(
    images=st.integers(1, 20), height=st.integers(1, 20), width=st.integers(1, 20), knots=st.integers(4, 8),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_pictures_of_any_size_distorted(images: int, height: int, width: int, knots: int, seed: int) -> None:
    """A place is a sum of 3 and of K * K products, and a number looked up changes by 1 a pixel at most, each way."""
    rng = np.random.default_rng(seed)
    affine = np.eye(2, 3) + rng.uniform(-0.3, 0.3, (images, 2, 3)) * (1, 1, 9)
    moves = rng.uniform(-2, 2, (images, 2, knots, knots))
    pixels = rng.integers(0, 256, (images, height, width), np.uint8)
    drawn = [affine, moves, spline(height, knots), spline(width, knots), np.full((images, height * width), np.nan)]
    single = as_type(np.float32, [pixels, *drawn])
    exact = as_type(np.float64, single)
    textbook.distort(*exact)

    def call() -> list[Any]:
        found = as_type(np.float32, single)
        compiled.distort(*found)
        return found[-1:]

    farthest = (abs(affine) @ (height, width, 1)).max() + 2  # splines add up to 1, so that no field is above 2
    bound = 2 * (2 * knots + 8) * EPS * farthest
    np.testing.assert_allclose(on_any_threads(call)[0], exact[-1], atol=bound, rtol=0)
