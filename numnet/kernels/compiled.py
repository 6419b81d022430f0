"""The compiled kernels, gathered: the same names as textbook.py, in the same order."""

from numnet.kernels.activations import relu, relu_backward, sigmoid, sigmoid_backward, tanh, tanh_backward
from numnet.kernels.distortion import distort
from numnet.kernels.elementwise import pixels_to_floats, scale_by_mask, softmax_cross_entropy, sum_rows
from numnet.kernels.matmul import matmul, matmul_at, matmul_bt
from numnet.kernels.optimizer import adam, approach, sgd, shrink, sum_squares

__all__ = [
    "matmul",
    "matmul_at",
    "matmul_bt",
    "sum_rows",
    "relu",
    "relu_backward",
    "tanh",
    "tanh_backward",
    "sigmoid",
    "sigmoid_backward",
    "scale_by_mask",
    "softmax_cross_entropy",
    "sgd",
    "adam",
    "shrink",
    "approach",
    "sum_squares",
    "pixels_to_floats",
    "distort",
]
