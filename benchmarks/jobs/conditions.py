"""Under other conditions: beside a busy neighbour, and numnet after a hundred thousand steps."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks import equal, nets
from benchmarks.jobs.steps import prepare, sample, warm_up
from benchmarks.noise import PAUSE, Probe
from benchmarks.pairs import Value
from benchmarks.plan import Plan, in_turn
from benchmarks.rival import ALIKE, NUMNET, SHORT
from benchmarks.samples import THREADS
from benchmarks.session import Session, sessions

ROUNDS = 6  # of a neighbour, who is no question of a place after the comma
PAIRS = 30  # of an early step and a late one, half a second each: so many decide what six leave open
LONG = 100_000  # steps: long after Adam's means of units that have died with ReLU have become denormal
SPIN = "import os\nos.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[0]])\nprint(flush=True)\nwhile True: pass"


def endurance(plan: Plan) -> None:
    """Milliseconds a step within a run's first thousands and after 100,000 steps, in turn."""
    names = {"early": 0, "late": LONG}
    case = {"net": "intended"}
    if plan.cap > plan.rounds:
        plan = replace(plan, rounds=PAIRS)
    lacking = plan.lacking("endurance", case, names)
    if NUMNET not in plan.rivals or not lacking:
        return
    problem = nets.of_recipe("intended", plan.folder)
    runs = {name: Session(NUMNET, problem, THREADS) for name in names}
    try:
        counts = {name: warm_up(run) for name, run in runs.items()}
        runs["late"].train(LONG - runs["late"].next_step)
        probe = Probe(THREADS)
        for i in lacking:
            for name, run in runs.items():
                plan.measure("endurance", name, case, i, probe.watch, _milliseconds, run, counts[name])
    finally:
        for run in runs.values():
            run.close()


def _milliseconds(run: Session, count: int) -> float:
    return sample(run, count)["ms"]


def neighbour(plan: Plan) -> None:
    """Milliseconds a step alone and while another process keeps one of the two cores busy, of all who may be timed."""
    case = {"net": "intended", "threads": THREADS}
    able = equal.allowed(plan.store, plan.rivals, "intended")
    allowed = plan.leave_out("neighbour", case, able, ALIKE, SHORT)
    lacking = plan.lacking("neighbour", case, allowed, ROUNDS)
    if not lacking:
        return
    with sessions(allowed, nets.of_recipe("intended", plan.folder), THREADS, prepare) as (blocks, reasons):
        plan.refuse("neighbour", case, reasons)
        for i in lacking:
            for name in in_turn(blocks, i):
                plan.measure("neighbour", name, case, i, _beside, blocks[name])


def _beside(block: Callable[[], Value]) -> tuple[dict[str, float], None]:
    time.sleep(PAUSE)  # until threads of whoever was at work before have gone to sleep
    alone = block()["ms"]
    with _busy():
        return {"alone": alone, "busy": block()["ms"]}, None


@contextmanager
def _busy() -> Iterator[None]:
    """A process that does nothing, without a pause, on one core."""
    neighbour = subprocess.Popen((sys.executable, "-c", SPIN), stdout=subprocess.PIPE)
    assert neighbour.stdout
    try:
        neighbour.stdout.readline()  # it is at it
        yield
    finally:
        neighbour.kill()
        neighbour.communicate()
