"""PyTorch as its tutorials write it: images in one tensor, fused AdamW, distortions on the whole batch.

An affine map and an elastic field are added into one grid, so that each image is sampled once. Eager: a step compiled
by `torch.compile` took as long, more or less, where both were timed (docs/benchmark.md), and these seconds count from
the process's start, compiling included. An epoch's last batch has the images that are left.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.accuracy.contest import EPSILON, SIDE, Task, Trained
from benchmarks.problem import FloatArray
from numnet.data.augment import Distortion

TITLE = "PyTorch"
ABOUT = """eager, as torch.compile gains little or nothing at the tutorial's widths (docs/benchmark.md); fused AdamW;
affine map and elastic field in one grid_sample of the batch"""
SMOOTH = 4.0  # pixels, the deviation of the blur: what Simard et al. 2003 found best
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def train(task: Task) -> Trained:
    """Train as the task says."""
    torch.manual_seed(task.seed)
    torch.set_num_threads(task.threads)
    recipe, model = task.recipe, make_model(task)
    groups = parameter_groups(model, recipe.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, eps=EPSILON, fused=True)
    averaged = AveragedModel(model, multi_avg_fn=moving_average(recipe.average)) if recipe.average else None
    for rate, (images, labels) in zip(task.learning_rates(), batches(task), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = functional.cross_entropy(model(images), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        if averaged:
            averaged.update_parameters(model)
    return Trained(partial(predict, averaged or model), steps_taken(optimizer))


def make_model(task: Task) -> nn.Sequential:
    """The recipe's layers, with weights as He et al. have them and the recipe's biases."""
    layers: list[nn.Module] = [nn.Flatten()]
    for (inputs, outputs), rate in zip(pairwise(task.sizes[:-1]), task.recipe.dropout, strict=True):
        layers += [dense(inputs, outputs, task.recipe.bias), ACTIVATIONS[task.recipe.activation]()]
        layers += [nn.Dropout(rate)] if rate else []
    return nn.Sequential(*layers, dense(*task.sizes[-2:], task.recipe.bias))


def dense(inputs: int, outputs: int, bias: float) -> nn.Linear:
    """A layer whose weights have a variance of 2 / inputs."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.constant_(layer.bias, bias)
    return layer


def moving_average(decay: float) -> Callable[..., None]:
    """An exponential moving average in which the weights of step k of t count decay^(t-k), as in numnet.

    PyTorch's own begins with the first step's weights, which so count for more. What the average keeps of itself at
    step t makes up for that: decay * (1 - decay^(t-1)) / (1 - decay^t), by which nothing is left of what was before.
    """

    def average(averaged: list[Tensor], weights: list[Tensor], before: Tensor | int) -> None:
        t = int(before) + 1
        get_ema_multi_avg_fn(decay * (1 - decay ** (t - 1)) / (1 - decay**t))(averaged, weights, before)

    return average


def steps_taken(optimizer: torch.optim.Optimizer) -> int:
    """As the optimizer counts them, for each parameter alike."""
    return int(next(iter(optimizer.state.values()))["step"])


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weights, which decay, and biases, which don't."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]


def batches(task: Task) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 1, 28, 28), distorted where the recipe asks for it, and labels (B,), epoch after epoch."""
    images, labels = map(torch.from_numpy, task.train)
    images = images.reshape(-1, 1, SIDE, SIDE)
    while True:
        for rows in torch.randperm(len(images)).split(task.recipe.batch_size):
            taken = images[rows]
            yield distort(taken, task.distortion) if task.distortion else taken, labels[rows]


def distort(images: Tensor, strengths: Distortion) -> Tensor:
    """Each image (B, 1, 28, 28) turned, stretched, leaned, moved and bent, by numbers of its own."""
    grid = functional.affine_grid(affine_maps(len(images), strengths), list(images.shape), align_corners=False)
    field = elastic_fields(len(images), strengths.elastic)
    return functional.grid_sample(images, grid + field * (2 / SIDE), align_corners=False)  # a side is 2 of the grid's


def affine_maps(count: int, strengths: Distortion) -> Tensor:
    """Where each pixel looks, of (x, y, 1) from -1 to 1: (B, 2, 3)."""
    angle, wide, tall, lean, across, down = torch.rand(6, count) * 2 - 1
    cos, sin = torch.cos(angle * strengths.rotation), torch.sin(angle * strengths.rotation)
    wide, tall = torch.exp(wide * strengths.log_scale), torch.exp(tall * strengths.log_scale)
    lean, shift = lean * strengths.shear, 2 / SIDE * strengths.shift
    rows = [cos * wide, cos * lean - sin * tall, across * shift, sin * wide, sin * lean + cos * tall, down * shift]
    return torch.stack(rows, dim=1).reshape(count, 2, 3)


def elastic_fields(count: int, pixels: float) -> Tensor:
    """Fields (B, 28, 28, 2) of x and y, `pixels` the root of their mean square: evenly drawn numbers, blurred."""
    place = torch.arange(SIDE)
    blur = torch.exp(-((place[:, None] - place) ** 2) / (2 * SMOOTH**2))
    mean_square = (blur**2).sum(dim=1).mean() ** 2 / 3  # evenly drawn numbers have one of 1/3
    noise = torch.rand(count, 2, SIDE, SIDE) * 2 - 1
    return (blur @ noise @ blur * (pixels / math.sqrt(mean_square))).permute(0, 2, 3, 1)


def predict(model: nn.Module, images: FloatArray) -> FloatArray:
    """The scores of images."""
    model.eval()
    with torch.inference_mode():
        scores: FloatArray = model(torch.from_numpy(images)).numpy()
    return scores
