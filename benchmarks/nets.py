"""The problems that the jobs set, and the file of initial weights and visiting order that all rivals are given.

Weights and order are numnet's own for seed 0: drawn by its recipes, handed to everybody.
"""

from pathlib import Path

import numpy as np

from benchmarks.problem import Problem
from numnet.data.datasets import load_mnist
from numnet.nn.layers import Dense
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
    file = _write(folder, sizes, recipe.initializer, recipe.bias, SEED)
    return Problem(
        sizes, recipe.activation, recipe.dropout[-1] if drop else 0.0, recipe.batch_size,
        (recipe.learning_rate,), epsilon, SEED, file,
    )  # fmt: skip


def of_size(width: int, batch_size: int, folder: Path) -> Problem:
    """A ReLU network of two equal hidden layers, for the sweeps."""
    sizes = (784, width, width, 10)
    return Problem(sizes, "relu", 0.0, batch_size, (1e-4,), 1e-8, SEED, _write(folder, sizes, "he", 0.0, SEED))


def for_race(batch_size: int, learning_rate: float, steps: int, seed: int, folder: Path) -> Problem:
    """The tutorial's layer sizes with ReLU, trained over one cycle of the learning rate."""
    sizes = (784, *find_recipe("tutorial").hidden, 10)
    rates = tuple(learning_rate * one_cycle(step, steps) for step in range(steps))
    return Problem(sizes, "relu", 0.0, batch_size, rates, 1e-8, seed, _write(folder, sizes, "he", 0.0, seed))


def _write(folder: Path, sizes: tuple[int, ...], initializer: str, bias: float, seed: int) -> str:
    """The file of initial weights and of the order of numnet's first epoch; written whole, and once."""
    file = folder / f"{'-'.join(map(str, sizes))}-{initializer}-{bias:g}-{seed}.npz"
    if not file.exists():
        network = Network.mlp(sizes, initializer=initializer, bias=bias, seed=seed, kernels="textbook")
        dense = [layer for layer in network.layers if isinstance(layer, Dense)]
        arrays = {f"{kind}{i}": getattr(layer, kind) for i, layer in enumerate(dense) for kind in "wb"}
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part.npz")
        np.savez(unfinished, order=permutation(seed, 0, len(load_mnist().train)), **arrays)
        unfinished.replace(file)
    return str(file)
