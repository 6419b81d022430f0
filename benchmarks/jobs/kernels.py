"""Kernels alone: products beside OpenBLAS, the ladder to them, and what a step of numnet's is made of."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from benchmarks import nets
from benchmarks.clocks import CLOCKS
from benchmarks.plan import Plan
from benchmarks.samples import ROOT
from benchmarks.session import last_words

LADDER_ROUNDS, PRODUCT_ROUNDS = 9, 9


def products(plan: Plan) -> None:
    """Each shape on one thread and on two."""
    rounds = PRODUCT_ROUNDS if plan.cap > plan.rounds else plan.rounds
    for threads in (1, 2):
        done = {"threads": threads, "rounds": rounds}
        if not plan.store.has("products", "numnet", done, 0):
            for line in _lines("products", "--threads", str(threads), "--rounds", str(rounds)):
                case = {name: line.pop(name) for name in ("kind", "shape", "threads")}
                plan.keep("products", "numnet", case, line.pop("round"), line, line.pop("probe"))
            plan.keep("products", "numnet", done, 0, "all rounds taken")


def ladder(plan: Plan) -> None:
    """Each rung and product, verified and timed."""
    rounds = min(plan.cap, LADDER_ROUNDS)
    plan.measure_once("ladder", "numnet", {"rounds": rounds}, 0, _all_lines, "ladder", "--rounds", str(rounds))


def parts(plan: Plan) -> None:
    """Each kernel's share of numnet's step; and what else of numnet's own has a clock."""
    for net in nets.NETS:
        for threads in (2, 1):
            flags = ("parts", "--net", net, "--threads", str(threads), "--folder", str(plan.folder))
            plan.measure_once("parts", "numnet", {"net": net, "threads": threads}, 0, _object, *flags)
    for question in CLOCKS:
        plan.measure_once(
            "clock", "numnet", {"of": question}, 0, _object, "clocks", question, "--folder", str(plan.folder)
        )


def _all_lines(*flags: str) -> tuple[list[dict[str, Any]], None]:
    return list(_lines(*flags)), None


def _object(*flags: str) -> tuple[dict[str, Any], None]:
    (found,) = _lines(*flags)
    return found, None


def _lines(module: str, *flags: str) -> Iterator[dict[str, Any]]:
    """What a module prints, line by line of JSON, in a process of its own.

    Raises SubprocessError with its last words where it fails.
    """
    command = (sys.executable, "-m", f"benchmarks.{module}", *flags)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT)
        assert process.stdout
        yield from map(json.loads, process.stdout)
        if process.wait():
            raise subprocess.SubprocessError(last_words(said, process.returncode))
