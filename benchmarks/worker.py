"""A rival's own process: `python -m benchmarks.worker NAME PROBLEM.json --threads T serve|whole|race`.

    serve   answers one JSON line for each that it reads, until there are no more
    whole   the tutorial's program from start to end: import, read, train, test; one JSON line
    race    trains until `--target` of the test images are right, looking after each epoch; one JSON line. With
            `--search` it looks at the validation images instead

Cores and thread counts are set here, before the framework is imported. Answers go to stdout alone: whatever a
framework prints goes to stderr.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import CALL

KEPT = Path(__file__).parent.parent / "build" / "bench"
COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    """Parse the arguments, bind the process, and do as told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("problem", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, default=7 * CALL)
    parser.add_argument("--target", type=float, default=0.98)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("mode", choices=["serve", "whole", "race"])
    args = parser.parse_args()
    bind(args.threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for answer in {"serve": serve, "whole": whole, "race": race}[args.mode](args):
        answers.write(json.dumps(answer) + "\n")


def bind(threads: int) -> None:
    """Keep this process on as many cores as it has threads, and tell the libraries that read the environment."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.update({name: str(threads) for name in COUNTS}, TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    # JAX keeps compiled code between runs once it is told where, and that small functions are worth it; numnet and
    # Inductor do so as they come
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(KEPT / "jax"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


def build(args: argparse.Namespace) -> tuple[Any, dict[str, float]]:
    """The rival, ready to train, and the seconds from the process's start to each stage on the way."""
    stages = {}
    from benchmarks import rival
    from benchmarks.problem import Problem

    kind = rival.load(args.name)
    stages["imported"] = since_start()
    problem = Problem.from_json(args.problem.read_text())
    made = kind(problem, args.threads)
    stages["built"] = since_start()
    return made, stages


def serve(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Answer each line of stdin; the first answer says that the rival is ready, or why it can't be."""
    from benchmarks.problem import accuracy, read
    from benchmarks.rival import Unable

    try:
        rival, _ = build(args)
    except (Unable, ImportError) as error:
        yield {"unable": " ".join(str(error).split())}
        return
    test = read("t10k")
    yield {"ready": True, "title": rival.title, "about": rival.about, "call_steps": rival.call_steps,
           "tells_mean": rival.tells_mean, "settings": rival.settings()}  # fmt: skip
    for line in sys.stdin:
        match json.loads(line):
            case {"do": "train", "first": first, "count": count}:
                began = time.perf_counter()
                loss = train(rival, first, count)
                yield {"seconds": time.perf_counter() - began, "loss": loss}
            case {"do": "compile answers"}:
                yield {"apart": compile_answers(rival, test.images)}
            case {"do": "predict", "rows": rows, "times": times}:
                yield {"seconds": [_time_prediction(rival, test.images, rows, i) for i in range(times)]}
            case {"do": "accuracy"}:
                yield {"accuracy": accuracy(rival.predict(test.images), test.labels)}


def train(rival: Any, first: int, count: int) -> float:
    """Take so many steps, in calls of the rival's own length; the loss before the last step."""
    for step in range(first, first + count, rival.call_steps):
        loss: float = rival.train(step, min(rival.call_steps, first + count - step))
    return loss


def compile_answers(rival: Any, images: Any) -> float:
    """Have the rival compile its answers; how far they are from what they were, as a share of the largest score."""
    before = rival.predict(images)
    rival.compile_answers()
    apart: float = abs(rival.predict(images) - before).max() / abs(before).max()
    return float(apart)


def _time_prediction(rival: Any, images: Any, rows: int, turn: int) -> float:
    """Seconds for `rows` images; each turn takes others."""
    first = turn * rows % (len(images) - rows + 1)
    began = time.perf_counter()
    rival.predict(images[first : first + rows])
    return time.perf_counter() - began


def whole(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Import, read, build, train for `--steps`, test; the seconds from the process's start to each stage's end.

    By the end of stage "compiled" the first CALL steps are taken.
    """
    from benchmarks.problem import accuracy, read

    rival, stages = build(args)
    train(rival, 0, CALL)
    stages["compiled"] = since_start()
    train(rival, CALL, args.steps - CALL)
    stages["trained"] = since_start()
    test = read("t10k")
    found = accuracy(rival.predict(test.images), test.labels)
    yield {"stages": stages | {"tested": since_start()}, "accuracy": found}


def race(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Train epoch by epoch, each in one call, until the target is met, or the schedule is over."""
    from benchmarks.problem import accuracy, read, validation_split

    rival, stages = build(args)
    test = validation_split() if args.search else read("t10k")
    marks = []
    for first in range(0, len(rival.problem.learning_rates), rival.problem.batches):
        rival.train(first, min(rival.problem.batches, len(rival.problem.learning_rates) - first))
        found = accuracy(rival.predict(test.images), test.labels)  # before the clock is read: it is part of the race
        marks.append((since_start(), found))
        if marks[-1][1] >= args.target:
            break
    yield {"stages": stages, "marks": marks, "met": marks[-1][1] >= args.target}


def since_start() -> float:
    """Seconds since this process was started, to 10 ms: the kernel counts in ticks."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 3)


if __name__ == "__main__":
    main()
