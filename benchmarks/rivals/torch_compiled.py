"""PyTorch with network and loss, forward and backward, compiled by `torch.compile`; Adam is the fused kernel.

Source: PyTorch's tutorial "Introduction to torch.compile". Its other modes, "reduce-overhead" and
"max-autotune", were tried here when this was written, and are within 3 % of it. Where many answers are asked for, they
are compiled, too, for each number of images.
"""

import os
import shutil

import torch

from benchmarks.problem import Problem
from benchmarks.rival import Unable
from benchmarks.rivals import torch_eager


class Rival(torch_eager.Rival):
    title = "PyTorch, torch.compile"
    about = "network and loss compiled; fused Adam; a test runs the eager network"

    def __init__(self, problem: Problem, threads: int) -> None:
        if shutil.which(os.environ.get("CXX", "g++")) is None:
            raise Unable("torch.compile needs a C++ compiler")
        super().__init__(problem, threads)
        self._loss = torch.compile(self._loss)

    def compile_answers(self) -> None:
        self._scores = torch.compile(self.model, dynamic=False)
