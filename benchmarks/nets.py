"""The problems that the jobs set, and the file of initial weights and visiting order that all rivals are given.

Weights and order are numnet's own for seed 0: drawn by its recipes, handed to everybody.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.problem import Problem
from numnet.data.datasets import load_mnist
from numnet.nn.network import Network
from numnet.randomness import permutation
from numnet.training.recipes import find_recipe
from numnet.training.schedules import one_cycle

NETS = ("tutorial", "intended")
SEED = 0


def of_recipe(name: str, folder: Path, *, drop: bool = True, epsilon: float = 1e-8) -> Problem:
    """A recipe's own run; without its dropout, or with another epsilon, to be checked."""
    recipe = find_recipe(name)
    sizes = (784, *recipe.hidden, 10)
    file = _write(folder / f"{name}.npz", sizes, recipe.initializer, recipe.bias)
    return Problem(
        sizes, recipe.activation, recipe.dropout[-1] if drop else 0.0, recipe.batch_size,
        (recipe.learning_rate,), epsilon, str(file),
    )  # fmt: skip


def of_size(width: int, batch_size: int, folder: Path) -> Problem:
    """A ReLU network of two equal hidden layers, for the sweeps."""
    sizes = (784, width, width, 10)
    file = _write(folder / f"width-{width}.npz", sizes, "he", 0.0)
    return Problem(sizes, "relu", 0.0, batch_size, (1e-4,), 1e-8, str(file))


def for_race(batch_size: int, learning_rate: float, steps: int, folder: Path) -> Problem:
    """The tutorial's layer sizes with ReLU, trained over one cycle of the learning rate."""
    sizes = (784, *find_recipe("strong").hidden, 10)
    rates = tuple(learning_rate * one_cycle(step, steps) for step in range(steps))
    return Problem(sizes, "relu", 0.0, batch_size, rates, 1e-8, str(_write(folder / "race.npz", sizes, "he", 0.0)))


def _write(file: Path, sizes: tuple[int, ...], initializer: str, bias: float) -> Path:
    """The initial weights and the order of numnet's first epoch, both for seed 0."""
    if not file.exists():
        network = Network.mlp(sizes, initializer=initializer, bias=bias, seed=SEED, kernels="textbook")
        dense = [layer for layer in network.layers if hasattr(layer, "w")]
        arrays = {f"{kind}{i}": getattr(layer, kind) for i, layer in enumerate(dense) for kind in "wb"}
        assert [layer.w.shape for layer in dense] == list(pairwise(sizes))
        file.parent.mkdir(parents=True, exist_ok=True)
        order = permutation(SEED, 0, len(load_mnist().train))
        np.savez(file, order=order, **arrays)
    return file
