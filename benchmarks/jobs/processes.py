"""Whole processes: seconds and memory of the tutorial's program from start to end, and what an install weighs."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import equal, install_size, nets
from benchmarks.plan import Plan, in_turn
from benchmarks.rival import ALIKE, NUMNET, SHORT
from benchmarks.samples import ROOT, THREADS
from benchmarks.session import last_words, worker

TRAIN = "train"  # `python -m numnet.train`, beside the rivals
ROUNDS = 3  # of some ten seconds for each rival
# What keeps compiled code between runs, and the variable that says where; the others compile anew each time.
CACHES = {
    NUMNET: "NUMNET_CACHE",
    TRAIN: "NUMNET_CACHE",
    "torch_compiled": "TORCHINDUCTOR_CACHE_DIR",
    "jax_jit": "JAX_COMPILATION_CACHE_DIR",
    "jax_scan": "JAX_COMPILATION_CACHE_DIR",
}
TOLD = ("data_seconds", "compile_seconds", "train_seconds")  # by `numnet.train --json`
PATIENCE = 300.0  # seconds for a process, of which the longest takes half a minute
LOOK = 0.02  # seconds between two looks at a process's memory


def process(plan: Plan) -> None:
    """1,001 steps of `tutorial` and a test, as a process: `train` is `python -m numnet.train` itself."""
    problem = nets.of_recipe("tutorial", plan.folder)
    able = equal.allowed(plan.store, plan.rivals, "tutorial")
    allowed = plan.leave_out("process", {"cache": "warm"}, able, ALIKE, SHORT)
    commands = {name: worker(name, problem, THREADS, "whole") for name in allowed}
    if NUMNET in commands:
        commands[TRAIN] = [sys.executable, "-m", "numnet.train", "--threads", str(THREADS), "--json"]
    for name in CACHES.keys() & commands.keys():  # so that a warm cache is one
        if not plan.store.has("process", name, {"cache": "warm"}, 0):
            with suppress(subprocess.SubprocessError):  # which the first round will tell
                run(commands[name], {})
    for i in range(min(plan.rounds, ROUNDS)):
        cases = [(name, cache) for name in commands for cache in ("warm", "empty") if cache == "warm" or name in CACHES]
        for name, cache in in_turn(cases, i):
            with tempfile.TemporaryDirectory() as empty:
                variables = {CACHES[name]: empty} if cache == "empty" else {}
                save = ["--save", f"{empty}/tutorial.npz"] if name == TRAIN else []  # as `make train` does
                command = [*commands[name], *save]
                plan.measure_once("process", name, {"cache": cache}, i, run, command, variables)


def run(command: Sequence[str], variables: Mapping[str, str]) -> tuple[dict[str, Any], None]:
    """Wall seconds from outside, seconds of CPU, most memory, and what the process itself tells."""
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        started = subprocess.Popen(command, stdout=told, stderr=said, cwd=ROOT, env={**os.environ, **variables})
        mebibytes = 0.0
        while (ended := os.wait4(started.pid, os.WNOHANG))[0] == 0:
            mebibytes = max(mebibytes, _peak_mebibytes(started.pid))
            time.sleep(LOOK)
            if time.perf_counter() - began > PATIENCE:
                started.kill()
        wall = time.perf_counter() - began
        started.returncode = os.waitstatus_to_exitcode(ended[1])
        if started.returncode:
            raise subprocess.SubprocessError(last_words(said, started.returncode))
        told.seek(0)
        answer = json.loads(told.read().splitlines()[-1])
    return {
        "seconds": wall,
        "cpu_seconds": ended[2].ru_utime + ended[2].ru_stime,
        "mib": mebibytes,
        "accuracy": answer.get("accuracy", answer.get("test_accuracy")),
        **{name: answer[name] for name in ("stages", "marks", "met") if name in answer},
        **({"until": answer["stages"]["compiled"]} if "compiled" in answer.get("stages", {}) else {}),
        **{name: seconds for name, seconds in answer.items() if name in TOLD},
    }, None


def _peak_mebibytes(process: int) -> float:
    """The most memory that a process has had so far; 0 once it is gone.

    What wait4 tells would do, if it did not begin at what the process had that started it.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


COMMANDS = {"python": ("-c", ""), "import": ("-c", "import numnet"), "help": ("-m", "numnet.train", "--help")}
STARTS = 5


def start(plan: Plan) -> None:
    """Seconds of `import numnet` and of `--help`, whole processes; and of a Python that does nothing.

    Also what memory a Python has that imports Numba alone, below which nothing compiled can be.
    """
    for i in range(plan.rounds):
        for name, command in COMMANDS.items():
            plan.measure_once("start", name, {}, i, _start, command)
    plan.measure_once("memory", "numba", {}, 0, run, (sys.executable, "-c", "import numba; print('{}')"), {})


def _start(command: tuple[str, ...]) -> tuple[float, None]:
    """Median seconds of a process."""
    took = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run((sys.executable, *command), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return statistics.median(took), None


def install(plan: Plan) -> None:
    """Megabytes and packages that come with each framework, numnet's three included."""
    for name, package in install_size.PACKAGES.items():
        plan.measure_once("install", name, {}, 0, _weigh, package)


def _weigh(package: str) -> tuple[Any, None]:
    return install_size.of(package), None
