"""Run the suite, or a part of it: `python -m benchmarks.run [--jobs step,race] [--rivals numnet_numba,jax_scan]`.

Samples that this code has already taken on this machine are not taken again, so that a run can stop and go on.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

from benchmarks.jobs import JOBS
from benchmarks.plan import Plan
from benchmarks.rival import NAMES, NUMNET, Unable
from benchmarks.samples import RESULTS, ROOT, Store, commit, commit_now

ROUNDS, CAP = 6, 14  # six undisturbed ones hold a median with 95 %
QUICK_ROUNDS = 3
QUICK = {
    "jobs": ["equal", "step", "predict"],
    "rivals": ["numnet_numba", "numnet_textbook", "tensorflow_tutorial", "tensorflow_loop", "jax_scan"],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the jobs in their order; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=_names(JOBS), default=None, help=f"of {', '.join(JOBS)}")
    parser.add_argument("--rivals", type=_names(NAMES), default=None, help=f"of {', '.join(NAMES)}; numnet always")
    parser.add_argument("--rounds", type=int, default=None, help=f"how often each case is measured, default {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="a few jobs and rivals, three rounds, under 8 minutes")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the samples")
    args = parser.parse_args(arguments)
    jobs = args.jobs or (QUICK["jobs"] if args.quick else list(JOBS))
    rivals = list(dict.fromkeys((NUMNET, *(args.rivals or (QUICK["rivals"] if args.quick else NAMES)))))
    if (cores := len(os.sched_getaffinity(0))) < 2:
        print(f"the suite compares one thread with two, and this machine gives it {cores} core", file=sys.stderr)
        return 2
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    cap = rounds if args.rounds or args.quick else CAP
    is_whole = not args.rounds and not args.quick and set(NAMES) <= set(rivals)
    plan = Plan(Store(args.results), rivals, rounds, ROOT / "build" / "bench", cap)
    code = 0
    for job in JOBS:
        commit(job)  # of the code that this process has read, and reads from now on
    for job in JOBS:
        if job in jobs or job == "equal":  # nobody is timed whose work was not found equal
            began, had = time.perf_counter(), len(plan.store.samples)
            try:
                JOBS[job](plan)
            except (Unable, subprocess.SubprocessError, OSError) as reason:  # numnet itself, or it would be a row
                print(f"{job}: given up: {reason}", file=sys.stderr)
                code, is_whole = 1, False  # nor is what comes after a part of a whole run
            if commit_now(job) != commit(job):
                plan.store.take_back(job)
                print(f"{job}: the code was changed while it was measured: its samples are removed", file=sys.stderr)
                return 1
            minutes = (time.perf_counter() - began) / 60
            print(f"{job}: done in {minutes:.1f} minutes", flush=True)
            if len(plan.store.samples) > had:
                plan.keep("minutes", job, {}, _parts(plan, job), minutes)
            if is_whole:
                plan.store.mark_whole(job)
    return code


def _parts(plan: Plan, job: str) -> int:
    """In how many parts a job was run so far, by this code on this machine."""
    return next(i for i in count() if not plan.store.has("minutes", job, {}, i))


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """A parser of names with commas between."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; expected of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
