"""A rival's own process: `python -m benchmarks.accuracy.contest pytorch record --seed 0` prints one line of JSON.

It trains the recipe's network with the recipe's numbers, which it reads from numnet, as the rival's own community
would write it, and looks at the test images once, at the end. The seconds count from the process's start.
"""

import argparse
import importlib
import json
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.problem import VALIDATION, Split, accuracy, read, read_bytes, to_floats
from benchmarks.worker import bind, since_start
from numnet.data.augment import Distortion
from numnet.training.recipes import Recipe, find_recipe
from numnet.training.schedules import rate_factor

SIDE, CLASSES = 28, 10  # pixels, and digits, of MNIST


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
    def steps_per_epoch(self) -> float:
        """How many batches an epoch is."""
        return len(self.train.labels) / self.recipe.batch_size

    @property
    def steps(self) -> int:
        """How many batches to train on."""
        recipe = self.recipe
        return recipe.steps or math.ceil((recipe.epochs or 0) * self.steps_per_epoch)

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
        if recipe.optimizer != "adam" or recipe.patience or recipe.activation not in ("relu", "tanh", "sigmoid"):
            raise SystemExit(
                f"{recipe.name}: {recipe.optimizer}, {recipe.activation}, patience {recipe.patience}; "
                "the rivals know adam, relu, tanh and sigmoid, and no patience"
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
    predict = rival.train(task)
    test = read("t10k")
    wrong = round((1 - accuracy(predict(test.images), test.labels)) * len(test.labels))
    found = {"title": rival.TITLE, "about": rival.ABOUT, "steps": task.steps, "errors": wrong}
    return {**found, "seconds": since_start(), "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
