"""A rival's own process: `python -m benchmarks.accuracy.contest pytorch record --seed 0` prints one line of JSON.

It trains the recipe's network with the recipe's numbers, which it reads from numnet, as the rival's own community
would write it, and looks at the test images once, at the end. The seconds count from the process's start.

Give `--steps 1` first, and take no time of it: it brings the libraries into memory, as numnet's own warm-up does for
numnet.
"""

import argparse
import importlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from benchmarks.problem import VALIDATION, FloatArray, Split, accuracy, read, read_bytes, to_floats
from benchmarks.worker import bind, since_start
from numnet.data.augment import Distortion
from numnet.training.recipes import Recipe, find_recipe
from numnet.training.schedules import rate_factor

SIDE, CLASSES = 28, 10  # pixels, and digits, of MNIST
EPSILON = 1e-8  # Adam's, as in numnet


class Trained(NamedTuple):
    """What a rival comes to.

    predict : tells the scores, float32 (N, 10), of images, float32 (N, 784)
    steps : how many it took, as its own optimizer counted them
    """

    predict: Callable[[FloatArray], FloatArray]
    steps: int


@dataclass(frozen=True)
class Task:
    """What a rival is to do.

    seed : of whatever the framework draws; it draws other numbers than numnet
    """

    recipe: Recipe
    seed: int
    threads: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden widths, classes."""
        return (SIDE**2, *self.recipe.hidden, CLASSES)

    @cached_property
    def train(self) -> Split:
        """float32 images (N, 784) of 0..1 and int64 labels (N,): what the recipe trains on."""
        pixels, labels = read_bytes("train")
        first = 0 if self.recipe.images == "all" else VALIDATION
        return Split(to_floats(pixels[first:]), labels[first:])

    @property
    def steps(self) -> int:
        """How many batches to train on."""
        recipe = self.recipe
        images = (recipe.epochs or 0) * len(self.train.labels)
        return recipe.steps or math.ceil(images / recipe.batch_size)

    def learning_rates(self) -> list[float]:
        """The learning rate of each step."""
        recipe, steps = self.recipe, self.steps
        factors = (rate_factor(recipe.schedule, step, steps, recipe.warmup) for step in range(steps))
        return [recipe.learning_rate * factor for factor in factors]

    @property
    def distortion(self) -> Distortion | None:
        """How far images are distorted; None where they are not."""
        return Distortion().times(self.recipe.distortion) if self.recipe.distortion else None

    def check(self) -> None:
        """Raises SystemExit for a recipe that the rivals were not written for."""
        recipe = self.recipe
        known = (recipe.optimizer, recipe.initializer, recipe.patience) == ("adam", "he", 0)
        if not known or recipe.activation not in ("relu", "tanh", "sigmoid"):
            raise SystemExit(
                f"{recipe.name}: {recipe.optimizer}, {recipe.initializer}, {recipe.activation}, patience "
                f"{recipe.patience}; the rivals know adam, he, relu, tanh and sigmoid, and no patience"
            )


def main() -> None:
    """Parse the arguments, bind the process, train, test, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rival", choices=["pytorch", "keras"])
    parser.add_argument("recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="instead of the recipe's length, to try it")
    args = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    bind(threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    recipe = find_recipe(args.recipe)
    task = Task(recipe.changed(steps=args.steps, warmup=0) if args.steps else recipe, args.seed, threads)
    task.check()
    answers.write(json.dumps(measure(args.rival, task)) + "\n")


def measure(name: str, task: Task) -> dict[str, object]:
    """Train, test, and say how it went."""
    rival = importlib.import_module(f"benchmarks.accuracy.{name}_rival")
    trained: Trained = rival.train(task)
    if trained.steps != task.steps:
        raise SystemExit(f"{name} took {trained.steps:,} steps of {task.recipe.name}; expected {task.steps:,}")
    test = read("t10k")
    wrong = round((1 - accuracy(trained.predict(test.images), test.labels)) * len(test.labels))
    found = {"title": rival.TITLE, "about": rival.ABOUT, "steps": trained.steps, "errors": wrong}
    return {**found, "seconds": since_start(), "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
