"""Seconds from a process's start until 98 % of the test images are right: the tutorial's layers, any way to train them.

The clock begins before anything is imported and does not stop for compiling or testing. One cycle of the learning rate
over few epochs, so that the last one meets the mark; a round is a seed.
"""

from typing import Any, NamedTuple

from benchmarks import equal, nets
from benchmarks.jobs.processes import run
from benchmarks.plan import Plan, in_turn
from benchmarks.problem import TRAINING
from benchmarks.session import worker

TARGET = 0.98
THREADS = 2
ROUNDS = 5


class Settings(NamedTuple):
    """How a rival trains in the race."""

    batch_size: int
    epochs: int
    learning_rate: float


# With numnet, over three seeds each: 98.1 to 98.4 % on the test images, and as much on the validation images. Two
# epochs at a batch of 128 or 64 met the mark in half of the runs.
USUAL = Settings(256, 3, 4e-3)
# What costs a rival time with each batch, larger batches save, though they take an epoch more.
OWN = {name: Settings(512, 4, 5e-3) for name in ("keras_fit", "keras_steps", "keras_jit", "scikit_learn")}


def race(plan: Plan) -> None:
    """Every rival that may be timed."""
    names = equal.allowed(plan.store, plan.rivals, "tutorial")
    for i in range(min(plan.rounds, ROUNDS)):
        for name in in_turn(names, i):
            plan.measure_once("race", name, {"target": TARGET}, i, _race, name, OWN.get(name, USUAL), i, plan)


def _race(name: str, settings: Settings, seed: int, plan: Plan) -> tuple[Any, None]:
    steps = TRAINING // settings.batch_size * settings.epochs
    problem = nets.for_race(settings.batch_size, settings.learning_rate, steps, seed, plan.folder)
    found, _ = run(worker(name, problem, THREADS, "race", "--target", str(TARGET)), {})
    return found | {"settings": settings._asdict()}, None
