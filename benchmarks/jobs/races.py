"""Seconds from a process's start until 98 % of the test images are right: the tutorial's layers, any way to train them.

The clock begins before anything is imported and does not stop for compiling or testing. One cycle of the learning rate
over few epochs, so that the last one meets the mark; a round is a seed.
"""

import subprocess
from contextlib import suppress
from typing import Any, NamedTuple

from benchmarks import equal, nets
from benchmarks.jobs.processes import CACHES, run
from benchmarks.plan import Plan, in_turn
from benchmarks.problem import TRAINING
from benchmarks.samples import THREADS
from benchmarks.session import worker

TARGET = 0.98
ROUNDS = 5
CASE = {"target": TARGET}


class Settings(NamedTuple):
    """How a rival trains in the race."""

    batch_size: int
    epochs: int
    learning_rate: float


HOW_CHOSEN = """The settings were found with numnet alone, over a few batch sizes, lengths and rates, by what three
seeds reached; nobody searched for each rival, but that those whose step costs time whatever its size have larger
batches."""
USUAL = Settings(256, 3, 4e-3)
# What costs a rival time with each batch, larger batches save, though they take an epoch more.
OWN = {name: Settings(512, 4, 5e-3) for name in ("keras_fit", "keras_steps", "keras_jit", "scikit_learn")}


def race(plan: Plan) -> None:
    """Every rival that may be timed."""
    names = equal.allowed(plan.store, plan.rivals, "tutorial")
    for name in CACHES.keys() & set(names):  # so that a warm cache is one
        if not plan.store.has("race", name, CASE, 0):
            with suppress(subprocess.SubprocessError):  # which the first round will tell
                _race(name, 0, plan)
    for i in range(min(plan.rounds, ROUNDS)):
        for name in in_turn(names, i):
            plan.measure_once("race", name, CASE, i, _race, name, i, plan)


def _race(name: str, seed: int, plan: Plan) -> tuple[Any, None]:
    settings = OWN.get(name, USUAL)
    steps = TRAINING // settings.batch_size * settings.epochs
    problem = nets.for_race(settings.batch_size, settings.learning_rate, steps, seed, plan.folder)
    found, _ = run(worker(name, problem, THREADS, "race", "--target", str(TARGET)), {})
    return found | {"settings": settings._asdict()}, None
