"""The products alone: numnet beside OpenBLAS, and the ladder from three naive loops to the kernel."""

import json
import subprocess
import sys
from typing import Any

from benchmarks.plan import Plan
from benchmarks.samples import ROOT

LADDER_ROUNDS = 5


def products(plan: Plan) -> None:
    """Each shape on one thread and on two."""
    for threads in (1, 2):
        plan.measure_once("products", "numnet", {"threads": threads}, 0, _lines, "products", "--threads", str(threads))


def ladder(plan: Plan) -> None:
    """Each rung and product, verified and timed."""
    plan.measure_once("ladder", "numnet", {}, 0, _lines, "ladder", "--rounds", str(min(plan.rounds, LADDER_ROUNDS)))


def _lines(module: str, *flags: str) -> tuple[list[dict[str, Any]], None]:
    """What a module prints, line by line of JSON, in a process of its own."""
    command = (sys.executable, "-m", f"benchmarks.{module}", *flags)
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout
    return [json.loads(line) for line in printed.splitlines()], None
