"""What numnet's own seconds are made of, one clock for each question: `python -m benchmarks.clocks train|compile|…`.

    train     `numnet.train`: where each stage ends, its steps one by one, and steps as the suite times them right after
    compile   compiling for the same run on an empty cache: seconds by function, without those of what it calls
    predict   one image through `Network.predict`: each call of a kernel, and what is between them
    pack      large products on one thread, and the copying into panels and strips that each of them does, by itself

Prints one JSON object. Nobody watches who else is at work, so that shares say more than times.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from numnet.console import seconds_since_start

THREADS = 2  # of train, compile and predict, as everywhere in the suite
FIRST, AFTER = 100, 300  # steps of a run that may differ from the others; steps that are taken after it
ANSWERS = 1000
LARGE = [(128, 784, 512), (512, 512, 512), (2048, 2048, 2048)]
KINDS = ("forward", "dw", "dx")
PASSES = 5


def train(folder: Path) -> dict[str, Any]:
    """Ends of the stages in seconds since the process's start, and milliseconds of a step, the medians.

    first, later : of the run's first steps and of all others
    between : what is between two steps, most of it the next batch; the mean, since few of them shuffle
    after : of steps of the rival that the suite times, right after
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as numnet.train has it, which is too late for that here
    from numnet import train as door
    from numnet.data import datasets
    from numnet.training import loop, metrics

    stages, steps = {"start": seconds_since_start()}, list[float]()
    _mark(datasets, "load_dataset", "data", stages)
    _mark(loop, "warm_up", "compile", stages)
    _mark(loop, "fit", "train", stages)
    _mark(metrics, "evaluate", "test", stages)
    step = loop.training_step
    loop.training_step = partial(_timed, step, steps)  # type: ignore[assignment]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        door.main(["--threads", str(THREADS), "--json"])
    loop.training_step = step
    stages["end"] = seconds_since_start()
    run = json.loads(told.getvalue())
    steps = steps[-run["steps"] :]  # without the one that compiles
    return {
        "stages": stages,
        "first": 1e3 * statistics.median(steps[:FIRST]),
        "later": 1e3 * statistics.median(steps[FIRST:]),
        "between": 1e3 * (run["train_seconds"] - sum(steps)) / len(steps),
        "after": _after(folder),
    }


def _mark(module: Any, name: str, stage: str, stages: dict[str, float]) -> None:
    """Have it noted when a module's function ends; of several calls the last one counts."""
    function = getattr(module, name)

    def marked(*arguments: Any, **named: Any) -> Any:
        found = function(*arguments, **named)
        stages[stage] = seconds_since_start()
        return found

    setattr(module, name, marked)


def _timed(function: Callable[..., Any], seconds: list[float], *arguments: Any, **named: Any) -> Any:
    began = time.perf_counter()
    found = function(*arguments, **named)
    seconds.append(time.perf_counter() - began)
    return found


def _after(folder: Path) -> float:
    from benchmarks import nets
    from benchmarks.rivals.numnet_numba import Rival

    rival, seconds = Rival(nets.of_recipe("tutorial", folder), THREADS), list[float]()
    for step in range(FIRST + AFTER):
        _timed(rival.train, seconds, step, 1)
    return 1e3 * statistics.median(seconds[FIRST:])


def compiling(folder: Path) -> dict[str, Any]:
    """Seconds until the run could begin, and of that of each function's compiling, in order of size."""
    with tempfile.TemporaryDirectory() as empty:
        os.environ["NUMNET_CACHE"] = empty
        from numba.core import event

        from numnet.data.datasets import load_mnist
        from numnet.training.loop import warm_up
        from numnet.training.recipes import find_recipe

        recipe = find_recipe("tutorial")
        dataset = recipe.trained_on(load_mnist())
        with event.install_recorder("numba:compile") as recorder:
            began = time.perf_counter()
            warm_up(recipe, dataset, "numba", THREADS)
            seconds = time.perf_counter() - began
    events = [(at, one.is_start, one.data["dispatcher"].py_func.__name__) for at, one in recorder.buffer]
    own = own_seconds(events)
    times = {name: sum(is_start and one == name for _, is_start, one in events) for name in own}
    return {
        "seconds": seconds,
        "functions": [[name, times[name], own[name]] for name in sorted(own, key=own.get)[::-1]],
    }  # type: ignore[arg-type]


def own_seconds(events: Iterable[tuple[float, bool, str]]) -> dict[str, float]:
    """Of events that begin and end within each other the seconds of each name, without those of what is within.

    events : when, whether it begins, and the name
    """
    found: dict[str, float] = {}
    open_ones, last = list[str](), 0.0
    for at, begins, name in events:
        if open_ones:
            found[open_ones[-1]] = found.get(open_ones[-1], 0.0) + at - last
        if begins:
            open_ones.append(name)
        else:
            open_ones.pop()
        last = at
    return found


def predict(folder: Path) -> dict[str, Any]:
    """Of both sets of kernels: microseconds of an answer, and, clocked, of each call in it and of what is between."""
    import numpy as np

    from benchmarks import nets
    from benchmarks.parts import clock_kernels
    from benchmarks.rivals import numnet_numba, numnet_textbook

    problem = nets.of_recipe("intended", folder, drop=False)
    images = np.random.default_rng(0).random((ANSWERS, problem.sizes[0]), np.float32)
    found = {}
    for rival in (numnet_numba.Rival(problem, THREADS), numnet_textbook.Rival(problem, THREADS)):
        plain, whole, calls = list[float](), list[float](), list[list[float]]()
        for i in range(ANSWERS):
            _timed(rival.predict, plain, images[i : i + 1])
        clocked = clock_kernels(rival)
        for i in range(ANSWERS):
            clocked.calls.clear()
            _timed(rival.predict, whole, images[i : i + 1])
            calls.append([1e3 * milliseconds for _, _, milliseconds in clocked.calls])
        took = np.median(calls, axis=0)
        found[rival.kernels] = {
            "answer": 1e6 * statistics.median(plain),
            "calls": [[name, flops, float(us)] for (name, flops, _), us in zip(clocked.calls, took, strict=True)],
            "between": float(np.median(1e6 * np.array(whole) - np.sum(calls, axis=1))),
        }
    return found


def pack(folder: Path) -> dict[str, Any]:
    """Of each product the seconds, and the seconds of what it copies."""
    from benchmarks import packing

    return {"products": [packing.clocked(kind, shape, PASSES) for shape in LARGE for kind in KINDS]}


CLOCKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "train": train,
    "compile": compiling,
    "predict": predict,
    "pack": pack,
}


def main() -> None:
    """Print the object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=CLOCKS)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    args = parser.parse_args()
    print(json.dumps(CLOCKS[args.question](args.folder)))


if __name__ == "__main__":
    main()
