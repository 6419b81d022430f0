"""Whole processes: seconds and memory of the tutorial's program from start to end, and what an install weighs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import equal, install_size, nets
from benchmarks.plan import Plan
from benchmarks.samples import ROOT
from benchmarks.session import worker

THREADS = 2
ROUNDS = 3  # of some ten seconds for each rival
# What keeps compiled code between runs, and the variable that says where; the others compile anew each time.
CACHES = {"numnet_numba": "NUMNET_CACHE", "train": "NUMNET_CACHE", "torch_compiled": "TORCHINDUCTOR_CACHE_DIR"}


def process(plan: Plan) -> None:
    """1,000 steps of `tutorial` and a test, as a process: `train` is `python -m numnet.train` itself."""
    problem = nets.of_recipe("tutorial", plan.folder)
    commands = {
        name: worker(name, problem, THREADS, "whole")
        for name in plan.rivals
        if not equal.refusal(plan.store, name, "tutorial")
    }
    commands["train"] = [sys.executable, "-m", "numnet.train", "--threads", str(THREADS), "--json"]
    for i in range(min(plan.rounds, ROUNDS)):
        for name, command in commands.items():
            plan.measure("process", name, {"cache": "warm"}, i, _run, command)
    for name in CACHES.keys() & commands.keys():
        with tempfile.TemporaryDirectory() as empty:
            cold = {CACHES[name]: empty}
            plan.measure("process", name, {"cache": "empty"}, 0, _run, commands[name], cold)


def _run(command: Sequence[str], variables: dict[str, str] | None = None) -> tuple[Any, bool]:
    """Wall seconds from outside, seconds of CPU, most memory, and what the process itself tells."""
    environment = {**os.environ, **(variables or {})}
    began = time.perf_counter()
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment
    )
    assert started.stdout
    told = json.loads(started.stdout.read().splitlines()[-1])
    _, status, used = os.wait4(started.pid, 0)
    wall = time.perf_counter() - began
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0, command
    accuracy = told.get("accuracy", told.get("test_accuracy"))
    found = {
        "seconds": wall,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "mib": used.ru_maxrss / 1024,
        "accuracy": accuracy,
        "stages": told.get("stages"),
    }
    return found, True


def install(plan: Plan) -> None:
    """Megabytes and packages that come with each framework, numnet's three included."""
    for name, package in install_size.PACKAGES.items():
        plan.measure("install", name, {}, 0, _weigh, package)


def _weigh(package: str) -> tuple[Any, bool]:
    return install_size.of(package), True
