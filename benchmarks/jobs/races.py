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
from benchmarks.rival import LESSER, NUMNET
from benchmarks.samples import THREADS
from benchmarks.session import worker

TARGET = 0.98
ROUNDS, SEEDS = 5, 3
CASE = {"target": TARGET}


class Settings(NamedTuple):
    """How a rival trains in the race."""

    batch_size: int
    epochs: int
    learning_rate: float


# What `search` tries. USUAL is the most accurate on the validation images of those with batches of 256; OWN, for those
# to whom each batch costs time whatever its size, of those with batches of 512.
TRIED = (
    Settings(128, 2, 3e-3), Settings(256, 2, 4e-3), Settings(256, 3, 3e-3), Settings(256, 3, 4e-3),
    Settings(512, 3, 5e-3), Settings(512, 4, 5e-3),
)  # fmt: skip
USUAL = Settings(256, 3, 4e-3)
OWN = {name: Settings(512, 4, 5e-3) for name in ("keras_fit", "keras_steps", "scikit_learn")}


def search(plan: Plan) -> None:
    """What each of some settings reaches on the validation images, three seeds each, with numnet."""
    for settings in TRIED if NUMNET in plan.rivals else ():
        for seed in range(min(plan.rounds, SEEDS)):
            plan.measure_once("search", NUMNET, settings._asdict(), seed, _search, settings, seed, plan)


def _search(settings: Settings, seed: int, plan: Plan) -> tuple[float, None]:
    """The accuracy at the end."""
    found = _run(NUMNET, settings, seed, plan, "--target", "1", "--search")
    return float(found["marks"][-1][1]), None


def race(plan: Plan) -> None:
    """Every rival that may be timed, of a framework's alike rows the better."""
    names = [name for name in equal.allowed(plan.store, plan.rivals, "tutorial") if name not in LESSER]
    for name in CACHES.keys() & set(names):  # so that a warm cache is one
        if not plan.store.has("race", name, CASE, 0):
            with suppress(subprocess.SubprocessError):  # which the first round will tell
                _race(name, 0, plan)
    for i in range(min(plan.rounds, ROUNDS)):
        for name in in_turn(names, i):
            plan.measure_once("race", name, CASE, i, _race, name, i, plan)


def _race(name: str, seed: int, plan: Plan) -> tuple[Any, None]:
    settings = OWN.get(name, USUAL)
    return _run(name, settings, seed, plan, "--target", str(TARGET)) | {"settings": settings._asdict()}, None


def _run(name: str, settings: Settings, seed: int, plan: Plan, *flags: str) -> dict[str, Any]:
    steps = TRAINING // settings.batch_size * settings.epochs
    problem = nets.for_race(settings.batch_size, settings.learning_rate, steps, seed, plan.folder)
    return run(worker(name, problem, THREADS, "race", *flags), {})[0]
