"""Milliseconds a step: of the recipes' networks, of all batch sizes, of all widths. Before them, equal work."""

from collections.abc import Sequence
from typing import Any

from benchmarks import equal, nets
from benchmarks.figures import median
from benchmarks.noise import Probe
from benchmarks.peaks import fma_gflops
from benchmarks.plan import Case, Plan, in_turn
from benchmarks.problem import Problem
from benchmarks.session import Session, sessions

BLOCK = 0.3  # seconds of training in a sample: long beside a timer's tick, short beside a neighbour's visit
WARM_UP = 2  # calls before the first that counts: the first one compiles
BATCHES = (1, 8, 32, 128, 512, 1024, 4096)
WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
OURS = ("numnet_numba", "numnet_textbook")
SWEPT_ROUNDS = 3  # a sweep shows a course, not a place after the comma


def verify(plan: Plan) -> None:
    """Which rivals do equal work, and may be timed."""
    for net in nets.NETS:
        for name in plan.rivals:
            plan.measure_once("equal", name, {"net": net}, 0, _check, name, net, plan)


def _check(name: str, net: str, plan: Plan) -> tuple[Any, None]:
    return equal.check(name, net, plan.folder), None


def step(plan: Plan) -> None:
    """The two networks, on two threads and on one."""
    for net in nets.NETS:
        for threads in (2, 1):
            allowed = equal.allowed(plan.store, plan.rivals, net)
            _time(plan, "step", {"net": net, "threads": threads}, allowed, nets.of_recipe(net, plan.folder))


def batch(plan: Plan) -> None:
    """Two hidden layers of 512, at batches of 1 to 4096."""
    for size in BATCHES:
        _time(plan, "batch", {"batch": size}, _swept(plan), nets.of_size(512, size, plan.folder))


def width(plan: Plan) -> None:
    """Two equal hidden layers of 64 to 4096, at a batch of 128."""
    for size in WIDTHS:
        _time(plan, "width", {"width": size}, _swept(plan), nets.of_size(size, 128, plan.folder))


def _swept(plan: Plan) -> list[str]:
    """numnet, its textbook kernels, and the two fastest rivals on `intended`."""
    found = plan.store.of("step", net="intended", threads=2)
    times = {name: [s for s in found if s.rival == name] for name in plan.rivals if name not in OURS}
    known = sorted((median(samples).median, name) for name, samples in times.items() if samples)
    return [name for name in plan.rivals if name in (*OURS, *(name for _, name in known[:2]))]


def _time(plan: Plan, job: str, case: Case, names: Sequence[str], problem: Problem) -> None:
    """All rivals of a case ready at once, and each at work in turn, round after round, in an order drawn for each."""
    threads = case.get("threads", 2)
    lacking = plan.lacking(job, case, names, None if job == "step" else SWEPT_ROUNDS)
    if not lacking:
        return
    with sessions(names, problem, threads) as (ready, reasons):
        counts = {session.name: warm_up(session) for session in ready}
        probe = Probe(threads)
        for i in lacking:
            for name, reason in reasons.items():
                plan.measure(job, name, case, i, _failed, reason)
            for session in in_turn(ready, i):
                plan.measure(job, session.name, case, i, probe.watch, sample, session, counts[session.name])
            if job == "step":
                plan.measure(job, "roofline", case, i, probe.watch, _floor, problem, threads)


def _failed(reason: str) -> tuple[Any, None]:
    return {"failed": reason}, None


def warm_up(session: Session) -> int:
    """Have everything compiled; how many steps, in whole calls, take about BLOCK seconds."""
    call: int = session.facts["call_steps"]
    for _ in range(WARM_UP):
        session.train(call)
    seconds, _ = session.train(call)
    return call * max(1, round(BLOCK / seconds))


def sample(session: Session, count: int) -> float:
    """Milliseconds a step."""
    return 1e3 * session.train(count)[0] / count


def _floor(problem: Problem, threads: int) -> float:
    """Milliseconds that a step's products take at the peak that the cores reach right now."""
    return problem.flops() / 1e6 / fma_gflops(threads)
