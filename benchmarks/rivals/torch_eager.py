"""PyTorch as its tutorials write it, without a DataLoader: batches are slices of a tensor, and Adam is fused.

Of what the guide says about threads the number of them is set; GOMP_CPU_AFFINITY, OMP_PROC_BIND=CLOSE and
OMP_SCHEDULE=STATIC were tried here, with this and with `torch.compile`, and are within 4 % of doing without.
Source: PyTorch's "Performance Tuning Guide".
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem


class Rival(rival.Rival):
    title = "PyTorch, eager"
    about = "the images in a tensor, no DataLoader; fused Adam"

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        torch.set_num_threads(threads)
        pixels, labels = map(torch.from_numpy, problem.train_bytes())
        self.images, self.labels = pixels.float().div_(255), labels
        self.model = self._make_model()
        self._scores: Callable[[torch.Tensor], torch.Tensor] = self.model
        self.optimizer = torch.optim.Adam(self.model.parameters(), betas=(BETA1, BETA2), fused=True)

    def _make_model(self) -> nn.Sequential:
        layers, modules = self.problem.layers(), []
        for i, (w, b) in enumerate(layers):
            last = i == len(layers) - 1
            if last and self.problem.drop_rate > 0:
                modules.append(nn.Dropout(self.problem.drop_rate))
            modules.append(_dense(w, b))
            if not last and self.problem.activation == "relu":
                modules.append(nn.ReLU())
        return nn.Sequential(*modules)

    def train(self, first: int, count: int) -> float:
        self.model.train()
        for step in range(first, first + count):
            rows = slice(self.first_row(step), self.first_row(step) + self.problem.batch_size)
            loss = self._loss(self.images[rows], self.labels[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self._set_rates(step)
            self.optimizer.step()
        return loss.item()

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.model(images), labels)

    def _set_rates(self, step: int) -> None:
        """PyTorch adds epsilon to the corrected root of v: divided by the correction it is the problem's form."""
        (group,) = self.optimizer.param_groups
        group["lr"] = self.problem.learning_rate(step)
        group["eps"] = self.problem.epsilon / (1 - BETA2 ** (step + 1)) ** 0.5

    def predict(self, images: FloatArray) -> FloatArray:
        if self.model.training:  # else it costs one answer some microseconds, for nothing
            self.model.eval()
        with torch.inference_mode():
            scores: FloatArray = self._scores(torch.from_numpy(images)).numpy()
        return scores


def _dense(w: FloatArray, b: FloatArray) -> nn.Linear:
    """PyTorch keeps weights as outputs x inputs."""
    layer = nn.Linear(*w.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(w.T))
        layer.bias.copy_(torch.from_numpy(b))
    return layer
