"""Milliseconds a step: of the recipes' networks, of all batch sizes, of all widths. Before them, equal work."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks import equal, nets
from benchmarks.figures import median
from benchmarks.pairs import Value, take_turns
from benchmarks.peaks import fma_gflops
from benchmarks.plan import Case, Plan
from benchmarks.problem import Problem, read_bytes
from benchmarks.rival import NUMNET, TEXTBOOK, family
from benchmarks.samples import THREADS, failure
from benchmarks.session import Session, sessions

BLOCK = 0.3  # seconds of training in a turn: long beside a timer's tick, short beside a neighbour's visit
WARM_UP = 1  # calls, of which the first compiles, before the one that says how many a turn has; none of them counts
BATCHES = (1, 8, 32, 128, 512, 4096)
WIDTHS = (64, 256, 512, 1024, 4096)
# Of a case, after which no more rounds are taken, disturbed or not: six of a step's or a few more, so that all jobs
# together stay about an hour and a half.
MINUTES, SWEPT_MINUTES = 2.0, 0.3
SWEPT_ROUNDS = 3  # at least: a sweep shows a course, not a place after the comma
ROOFLINE = "roofline"


def verify(plan: Plan) -> None:
    """Which rivals do equal work, and may be timed; two are checked at a time, since no clock is read."""
    for net in nets.NETS:
        nets.of_recipe(net, plan.folder)  # so that its file is there, which all read
        lacking = [name for name in plan.rivals if not plan.store.has("equal", name, {"net": net}, 0)]
        with ThreadPoolExecutor(THREADS) as pool:
            checks = {name: pool.submit(equal.check, name, net, plan.folder) for name in lacking}
            for name, check in checks.items():
                plan.measure("equal", name, {"net": net}, 0, _result, check)


def _result(check: "Future[dict[str, Any]]") -> tuple[dict[str, Any], None]:
    return check.result(), None


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
    """numnet, its textbook kernels, and of the two families that are the fastest on `intended` each one's fastest."""
    found = [s for s in plan.store.of("step", net="intended", threads=THREADS) if not failure(s)]
    times = {name: [s.of("ms") for s in found if s.rival == name] for name in plan.rivals}
    others = [name for name in plan.rivals if times[name] and name not in (NUMNET, TEXTBOOK)]
    others.sort(key=lambda name: median(times[name]).median)
    fastest: dict[str, str] = {}
    for name in others:
        fastest.setdefault(family(name), name)
    return [name for name in plan.rivals if name in (NUMNET, TEXTBOOK, *list(fastest.values())[:2])]


def _time(plan: Plan, job: str, case: Case, names: Sequence[str], problem: Problem) -> None:
    """All rivals of a case ready at once, and each at work in turn, beside numnet."""
    threads, watched = case.get("threads", THREADS), [name for name in names if name != NUMNET]
    if job != "step":
        plan = replace(plan, rounds=min(plan.rounds, SWEPT_ROUNDS))
    minutes = MINUTES if job == "step" else SWEPT_MINUTES
    if NUMNET not in names or plan.is_done(job, case, watched or names):
        return
    with sessions(names, problem, threads, prepare) as (blocks, reasons):
        plan.refuse(job, case, reasons)
        if job == "step":
            blocks[ROOFLINE] = partial(_floor, problem, threads)
        if NUMNET in blocks:
            take_turns(plan, job, case, blocks, "ms", minutes)


def prepare(session: Session) -> "partial[Value]":
    """Have everything compiled; what the session does in its turn."""
    return partial(sample, session, warm_up(session))


def warm_up(session: Session) -> int:
    """Have everything compiled; how many steps, in whole calls, take about BLOCK seconds."""
    call: int = session.facts["call_steps"]
    for _ in range(WARM_UP):
        session.train(call)
    seconds, _ = session.train(call)
    return call * max(1, round(BLOCK / seconds))


def sample(session: Session, count: int) -> Value:
    """Milliseconds a step."""
    return {"ms": 1e3 * session.train(count)[0] / count}


def _floor(problem: Problem, threads: int) -> Value:
    """Milliseconds that a step's products take at the peak that the cores reach right now, and with zeros skipped."""
    per_ms = 1e6 * fma_gflops(threads)
    return {"ms": problem.flops() / per_ms, "ms_of_ink": problem.flops_of_ink(_ink()) / per_ms}


@cache
def _ink() -> float:
    """The share of the training images' pixels that are not zero."""
    pixels, _ = read_bytes("train")
    return float(np.count_nonzero(pixels) / pixels.size)
