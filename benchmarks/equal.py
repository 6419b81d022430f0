"""Equal work before time: a rival's losses are held to the float64 textbook's, step by step, or its rows are refused.

Without dropout, since no two frameworks draw the same masks, and with a large epsilon, so that its size and its form
show in the losses. That dropout is at work, and where it should be, the mean loss with it tells.
"""

import statistics
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import nets
from benchmarks.problem import Problem
from benchmarks.rival import Unable
from benchmarks.rivals import numnet_textbook
from benchmarks.samples import THREADS, Store
from benchmarks.session import Session

STEPS = 50
CLOSE = 1e-3  # relative, of each loss: rounding in float32 makes some 1e-6, another epsilon or its other form 1e-2
EPSILON = 1e-3  # Adam's in the check
CLOSE_DROPPED = 0.05  # of the mean of 50 losses with dropout, which other masks alone move by about 0.01


def refusal(store: Store, name: str, net: str) -> str:
    """Why a rival's rows on a net are refused; empty where this code found its work equal on this machine."""
    sample = store.current("equal", name, {"net": net})
    return str(sample.value.get("refusal", sample.value.get("failed"))) if sample else "its work was not checked"


def allowed(store: Store, names: Iterable[str], net: str) -> list[str]:
    """Of some rivals those that may be timed on a net."""
    return [name for name in names if not refusal(store, name, net)]


def check(name: str, net: str, folder: Path) -> dict[str, Any]:
    """How far a rival's losses are from the textbook's on a net, and why it is refused, if it is."""
    try:
        error, whole, facts = _errors(name, nets.of_recipe(net, folder, drop=False, epsilon=EPSILON))
        dropped = _dropped_error(name, nets.of_recipe(net, folder))
    except Unable as unable:
        return {"refusal": str(unable)}
    reasons = [
        f"its losses are off by {error:.1e}" * (not error < CLOSE),
        f"after a whole call its loss is off by {whole:.1e}" * (not whole < CLOSE),
        f"with dropout its mean loss is off by {dropped:.0%}" * (not dropped < CLOSE_DROPPED),
    ]
    refusal = "; ".join(filter(None, reasons))
    told = {name: facts[name] for name in ("title", "about", "settings")}
    return {"error": error, "whole": whole, "dropped": dropped, "refusal": refusal} | told


def _errors(name: str, problem: Problem) -> tuple[float, float, dict[str, Any]]:
    """Relative errors: the largest of the first losses, each step a call, and that of the steps after them in one.

    One call, as long as a rival is timed with, may run other code than many. It ends where the epoch does, after which
    the reference shuffles again.
    """
    session = Session(name, problem, threads=THREADS)
    try:
        first = [session.train(1)[1] for _ in range(STEPS)]
        count = min(session.facts["call_steps"], problem.batches - STEPS)
        _, last = session.train(count)
    finally:
        session.close()
    right = textbook(problem, STEPS + count)
    error = max(abs(a - b) / abs(b) for a, b in zip(first, right[:STEPS], strict=True))
    told = statistics.mean(right[STEPS:]) if session.facts["tells_mean"] else right[-1]
    return error, abs(last - told) / abs(told), session.facts


def _dropped_error(name: str, problem: Problem) -> float:
    """Of the mean loss with the net's own dropout, 0 where it has none."""
    if not problem.drop_rate:
        return 0.0
    session = Session(name, problem, threads=THREADS)
    try:
        found = statistics.mean(session.train(1)[1] for _ in range(STEPS))
    finally:
        session.close()
    right = statistics.mean(textbook(problem, STEPS))
    return abs(found - right) / right


class Textbook(numnet_textbook.Rival):
    """The reference."""

    dtype = "float64"


def textbook(problem: Problem, steps: int) -> list[float]:
    """The first losses, by numnet's textbook kernels in float64; as many as were asked for so far are kept."""
    with _one_at_a_time:
        kept = _kept.setdefault(problem, [])
        if len(kept) < steps:
            reference = Textbook(problem, threads=THREADS)
            kept[:] = [reference.train(step, 1) for step in range(steps)]
        return kept[:steps]


_kept: dict[Problem, list[float]] = {}
_one_at_a_time = threading.Lock()
