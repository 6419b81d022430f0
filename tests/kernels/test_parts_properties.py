"""Kernels that go over numbers once, in parts and of any length: right, and to the bit the same on any threads.

The products have tests of their own; `sum_squares` and `distort` are held to this in test_aids.py and test_augment.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the extra [test] is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from numnet.kernels import compiled, elementwise, textbook, threads

EPS = float(np.finfo(np.float32).eps)
FEW = 16  # roundings, one after the other, of the longest of these formulas, Adam's, and none of them cancels much


@pytest.fixture(autouse=True, scope="module")
def shared_out() -> Iterator[None]:
    """However few numbers there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "FEW_NUMBERS", 0)
        patch.setattr(elementwise, "FEW_LOGITS", 0)
        yield


def operands(name: str, n: int, rng: np.random.Generator) -> list[Any]:
    """What a kernel is called with, float64: n numbers, or n rows of logits."""
    (x, y, z), out = rng.standard_normal((3, 1, n)), np.full((1, n), np.nan)
    if name == "softmax_cross_entropy":
        return [
            rng.standard_normal((n, 5)),
            rng.integers(0, 5, n),
            0.25,
            0.1,
            np.full(n, np.nan),
            np.full((n, 5), np.nan),
        ]
    return {
        "relu": [x, out], "tanh": [x, out], "sigmoid": [x, out],
        "relu_backward": [x, y, out], "tanh_backward": [x, np.tanh(y), out],
        "sigmoid_backward": [x, 1 / (1 + np.exp(-y)), out],
        "scale_by_mask": [x, y > 0, 2.0, out],
        "sgd": [x, y, z, 0.1, 0.9],
        "adam": [x, y, z, y**2 + 0.01, 0.01, 0.9, 0.999, 1e-8],
        "shrink": [x, 0.9], "approach": [x, y, 0.1],
    }[name]  # fmt: skip


NAMES = (
    "relu", "tanh", "sigmoid", "relu_backward", "tanh_backward", "sigmoid_backward", "scale_by_mask",
    "softmax_cross_entropy", "sgd", "adam", "shrink", "approach",
)  # fmt: skip


def as_type(dtype: type, found: list[Any]) -> list[Any]:
    """Copies, floats as this type; what is no array as it is."""
    return [(x.astype(dtype) if x.dtype.kind == "f" else x.copy()) if isinstance(x, np.ndarray) else x for x in found]


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(n=st.integers(0, 300), seed=st.integers(0, 2**32))
def test_in_any_parts_the_same_and_right(name: str, n: int, seed: int) -> None:
    single = as_type(np.float32, operands(name, n, np.random.default_rng(seed)))
    exact = as_type(np.float64, single)
    getattr(textbook, name)(*exact)
    results = []
    for count in (1, 2, 3, 8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threads, "_threads", count)
            found = as_type(np.float32, single)
            getattr(compiled, name)(*found)
        results.append(b"".join(x.tobytes() for x in found if isinstance(x, np.ndarray)))
    assert len(set(results)) == 1
    for ours, right in zip(found, exact, strict=True):
        if isinstance(ours, np.ndarray):
            np.testing.assert_allclose(ours, right, rtol=FEW * EPS, atol=FEW * EPS)
