"""The seam: `nn/` says what is computed, the kernels say how fast.

Two sets of kernels offer the same names with the same signatures. `textbook` is NumPy, a line or a few for an
operation, with its derivation: what a learner reads and what every check is measured against. `numba` is
compiled, parallel, and the one that trains. A network is built with one or the other.

Every kernel takes arrays and scalars, fills the caller's `out`, and returns nothing. It checks nothing: its
callers do. Arrays are C-contiguous and, but for labels, masks, pixels and the sums of `sum_squares`, of one floating
type, which for `numba` is float32: a compiled kernel reads whatever it is given as what it was first given.
"""

from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from numnet.errors import RecipeError

FloatArray = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.integer[Any]]
Scalar = float | np.floating[Any]
BoolArray = npt.NDArray[np.bool_]

KERNEL_SETS = ("numba", "textbook")


class Kernels(Protocol):
    """What a set of kernels offers; `textbook.py` explains each one."""

    def matmul(self, a: FloatArray, b: FloatArray, bias: FloatArray, out: FloatArray) -> None: ...
    def matmul_at(self, a: FloatArray, b: FloatArray, out: FloatArray) -> None: ...
    def matmul_bt(self, a: FloatArray, b: FloatArray, out: FloatArray) -> None: ...
    def sum_rows(self, a: FloatArray, out: FloatArray) -> None: ...
    def relu(self, x: FloatArray, out: FloatArray) -> None: ...
    def relu_backward(self, dy: FloatArray, y: FloatArray, out: FloatArray) -> None: ...
    def tanh(self, x: FloatArray, out: FloatArray) -> None: ...
    def tanh_backward(self, dy: FloatArray, y: FloatArray, out: FloatArray) -> None: ...
    def sigmoid(self, x: FloatArray, out: FloatArray) -> None: ...
    def sigmoid_backward(self, dy: FloatArray, y: FloatArray, out: FloatArray) -> None: ...
    def scale_by_mask(self, x: FloatArray, mask: BoolArray, scale: float, out: FloatArray) -> None: ...
    def softmax_cross_entropy(
        self, logits: FloatArray, labels: IntArray, scale: float, smoothing: float, losses: FloatArray,
        dlogits: FloatArray,
    ) -> None: ...  # fmt: skip
    def sgd(
        self, w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float
    ) -> None: ...
    def adam(
        self, w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray,
        step_size: float, beta1: float, beta2: float, epsilon: float,
    ) -> None: ...  # fmt: skip
    def shrink(self, w: FloatArray, factor: float) -> None: ...
    def approach(self, average: FloatArray, w: FloatArray, share: float) -> None: ...
    def sum_squares(self, x: FloatArray, out: FloatArray) -> None: ...
    def pixels_to_floats(self, pixels: ByteArray, out: FloatArray) -> None: ...
    def distort(
        self, pixels: ByteArray, affine: FloatArray, knots: FloatArray, rows: FloatArray, columns: FloatArray,
        out: FloatArray,
    ) -> None: ...  # fmt: skip


def load_kernels(name: str) -> Kernels:
    """The set of kernels called `name`; Numba is imported only for `numba`.

    Raises RecipeError for a name that is not in KERNEL_SETS.
    """
    if name == "textbook":
        from numnet.kernels import textbook

        return cast(Kernels, textbook)
    if name == "numba":
        from numnet.kernels import compiled

        return cast(Kernels, compiled)
    raise RecipeError(f"unknown kernels {name!r}: expected one of {', '.join(KERNEL_SETS)}")
