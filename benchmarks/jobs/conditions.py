"""numnet beside itself under other conditions: long at it, with a busy neighbour, just being started."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import equal, nets
from benchmarks.jobs.steps import sample, warm_up
from benchmarks.noise import Probe
from benchmarks.plan import Plan
from benchmarks.samples import ROOT
from benchmarks.session import Session, sessions

THREADS = 2
OURS = "numnet_numba"
LONG = 100_000  # steps: where Adam's means of pixels that are never lit have long since become denormal
STARTS = 5
COMMANDS = {"import": ("-c", "import numnet"), "help": ("-m", "numnet.train", "--help")}
SPIN = "import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"


def endurance(plan: Plan) -> None:
    """Milliseconds a step early in a run and after 100,000 steps, in turn."""
    names = {"early": 0, "late": LONG}
    if OURS not in plan.rivals or not plan.lacks("endurance", {"net": "tutorial"}, names):
        return
    problem = nets.of_recipe("tutorial", plan.folder)
    runs = {name: Session(OURS, problem, THREADS) for name in names}
    try:
        counts = {name: warm_up(run) for name, run in runs.items()}
        runs["late"].train(LONG - runs["late"].next_step)
        probe = Probe(THREADS)
        for i in range(plan.rounds):
            for name, run in runs.items():
                plan.measure("endurance", name, {"net": "tutorial"}, i, probe.watch, sample, run, counts[name])
    finally:
        for run in runs.values():
            run.close()


def neighbour(plan: Plan) -> None:
    """Milliseconds a step while another process keeps one of the two cores busy, of all who may be timed."""
    case = {"net": "intended", "threads": THREADS}
    allowed = [name for name in plan.rivals if not equal.refusal(plan.store, name, "intended")]
    if not plan.lacks("neighbour", case, allowed):
        return
    with sessions(allowed, nets.of_recipe("intended", plan.folder), THREADS) as (ready, _):
        counts = {session.name: warm_up(session) for session in ready}
        with _busy(Probe(1).cores[0]):
            for i in range(plan.rounds):
                for session in ready:
                    plan.measure("neighbour", session.name, case, i, _unwatched, session, counts[session.name])


def _unwatched(session: Session, count: int) -> tuple[float, bool]:
    return sample(session, count), True


@contextmanager
def _busy(core: int) -> Iterator[None]:
    """A process that does nothing, without a pause, on one core."""
    neighbour = subprocess.Popen((sys.executable, "-c", SPIN.format(core=core)))
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def start(plan: Plan) -> None:
    """Seconds of `import numnet` and of `--help`, whole processes; and of a Python that does nothing."""
    for name, command in {"python": ("-c", ""), **COMMANDS}.items():
        for i in range(plan.rounds):
            plan.measure("start", name, {}, i, _start, command)


def _start(command: tuple[str, ...]) -> tuple[float, bool]:
    """Median seconds of a process."""
    took = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run((sys.executable, *command), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return statistics.median(took), True
