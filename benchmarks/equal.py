"""Equal work before time: a rival's losses are held to the float64 textbook's, step by step, or its rows are refused.

Without dropout, since no two frameworks draw the same masks, and with a large epsilon, so that its size and its form
show in the losses. That dropout is at work, and where it should be, the mean loss with it tells.
"""

import statistics
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import nets
from benchmarks.problem import Problem
from benchmarks.rival import Unable
from benchmarks.rivals import numnet_textbook
from benchmarks.samples import Store
from benchmarks.session import Session

STEPS = 50
CLOSE = 1e-3  # relative, of each loss: rounding in float32 makes some 1e-6, another epsilon or its other form 1e-2
EPSILON = 1e-3  # Adam's in the check
CLOSE_DROPPED = 0.05  # of the mean of 50 losses with dropout, which other masks alone move by about 0.01


def refusal(store: Store, name: str, net: str) -> str:
    """Why a rival's rows on a net are refused; empty where its work was found equal."""
    for sample in store.of("equal", net=net):
        if sample.rival == name:
            return str(sample.value["refusal"])
    return "its work was not checked"


def check(name: str, net: str, folder: Path) -> dict[str, Any]:
    """How far a rival's losses are from the textbook's on a net, and why it is refused, if it is."""
    plain = nets.of_recipe(net, folder, drop=False, epsilon=EPSILON)
    try:
        losses, facts = _losses(name, plain)
        error = max(abs(a - b) / abs(b) for a, b in zip(losses, textbook(plain), strict=True))
        whole = _error_of_a_call(name, plain)
        dropped = _dropped_error(name, nets.of_recipe(net, folder))
    except Unable as unable:
        return {"refusal": str(unable)}
    reasons = [
        f"its losses are off by {error:.1e}" * (not error < CLOSE),
        f"after a whole call its loss is off by {whole:.1e}" * (not whole < CLOSE),
        f"with dropout its mean loss is off by {dropped:.0%}" * (not dropped < CLOSE_DROPPED),
    ]
    refusal = "; ".join(filter(None, reasons))
    told = {"title": facts["title"], "about": facts["about"]}
    return {"error": error, "whole": whole, "dropped": dropped, "refusal": refusal} | told


def _error_of_a_call(name: str, problem: Problem) -> float:
    """Of what a rival tells after as many steps in one call as it is timed with, which may run other code than one."""
    session = Session(name, problem, threads=2)
    try:
        steps: int = session.facts["call_steps"]
        _, loss = session.train(steps)
    finally:
        session.close()
    losses = textbook(problem, steps)
    right = statistics.mean(losses) if session.facts["tells_mean"] else losses[-1]
    return abs(loss - right) / right


def _dropped_error(name: str, problem: Problem) -> float:
    """Of the mean loss with the net's own dropout, 0 where it has none."""
    if not problem.drop_rate:
        return 0.0
    right = statistics.mean(textbook(problem))
    return abs(statistics.mean(_losses(name, problem)[0]) - right) / right


def _losses(name: str, problem: Problem) -> tuple[list[float], dict[str, Any]]:
    """A rival's first losses, and what it says of itself."""
    session = Session(name, problem, threads=2)
    try:
        return [session.train(1)[1] for _ in range(STEPS)], session.facts
    finally:
        session.close()


class Textbook(numnet_textbook.Rival):
    """The reference."""

    dtype = "float64"


@cache
def textbook(problem: Problem, steps: int = STEPS) -> list[float]:
    """The first losses, by numnet's textbook kernels in float64."""
    reference = Textbook(problem, threads=2)
    return [reference.train(step, 1) for step in range(steps)]
