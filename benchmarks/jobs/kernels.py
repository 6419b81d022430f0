"""The products alone: numnet beside OpenBLAS, and the ladder from three naive loops to the kernel."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.plan import Plan
from benchmarks.samples import ROOT

LADDER_ROUNDS = 5


def products(plan: Plan) -> None:
    """Each shape on one thread and on two."""
    for threads in (1, 2):
        if not plan.store.has("products", "numnet", {"threads": threads}, 0):
            rows = list(_lines("benchmarks.products", "--threads", str(threads)))
            plan.add("products", "numnet", {"threads": threads}, 0, rows)


def ladder(plan: Plan) -> None:
    """Each rung and product, verified and timed."""
    if not plan.store.has("ladder", "numnet", {}, 0):
        rounds = min(plan.rounds, LADDER_ROUNDS)
        plan.add("ladder", "numnet", {}, 0, list(_lines("benchmarks.ladder", "--rounds", str(rounds))))


def _lines(module: str, *flags: str) -> Iterator[dict[str, Any]]:
    """What a module prints, line by line of JSON, in a process of its own."""
    printed = subprocess.run(
        (sys.executable, "-m", module, *flags), stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
    ).stdout
    return (json.loads(line) for line in printed.splitlines())
