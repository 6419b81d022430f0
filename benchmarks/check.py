"""Holds this code against the committed results: `python -m benchmarks.check`, exit 1 where it became slower.

Absolute times say nothing on another day, so numnet is measured beside its own textbook kernels, and the ratio of the
two is compared with the ratio that the results have.
"""

import math
import sys
import tempfile
from pathlib import Path

from benchmarks import equal, nets
from benchmarks.figures import Figure, beside
from benchmarks.jobs import JOBS
from benchmarks.plan import Plan
from benchmarks.report.markdown import in_threads
from benchmarks.report.rows import Results
from benchmarks.rival import NUMNET, TEXTBOOK
from benchmarks.samples import RESULTS, THREADS, Store, machine

ROUNDS = 30  # of the two alone: half a minute for a case
MARGIN = 0.10  # of the ratio: what two quiet runs of the same code have differed by
REMEDY = "run `make bench JOB=step,predict` with the code before the change, and hold the change against that"
CASES = {
    **{
        f"step of {net}, {in_threads(threads)}": ("step", "ms", {"net": net, "threads": threads})
        for net in nets.NETS
        for threads in (THREADS, 1)
    },
    "one image": ("predict", "p50", {}),
}


def main() -> int:
    """Measure, compare, print a line for each figure; the exit code."""
    committed = Results(Store(RESULTS))
    if reason := unlike(committed):
        print(reason, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results")
        for job in ("equal", "step", "predict"):
            JOBS[job](Plan(store, (NUMNET, TEXTBOOK), ROUNDS, Path(folder)))
        if refused := equal.refusal(store, NUMNET, "tutorial") or equal.refusal(store, NUMNET, "intended"):
            print(f"numnet does other work than its textbook: {refused}")
            return 1
        return judge(committed, Results(store))


def unlike(committed: Results) -> str:
    """Why the committed results judge nothing here; empty where they are of cores like these."""
    here = machine()
    known = committed.store.environments()
    theirs = {known.get(s.environment, s.environment) for each in committed.samples("step").values() for s in each}
    if any(text.startswith(here) for text in theirs):
        return ""
    return f"the committed results are of {'; '.join(sorted(theirs)) or 'no machine'}, and this is {here}: {REMEDY}"


def judge(committed: Results, now: Results) -> int:
    """Print a line for each figure; 1 where one did not hold."""
    held = [_compare(name, gain(committed, name), gain(now, name)) for name in CASES]
    return 0 if all(held) else 1


def gain(results: Results, name: str) -> Figure:
    """How many times faster than its textbook kernels numnet is; NaN where nobody has measured it."""
    job, part, case = CASES[name]
    return beside(results.samples(job, **case).get(TEXTBOOK, []), part)


def holds(before: Figure, now: Figure) -> bool:
    """Whether what is now may be within the margin of what was: its whole interval would have to lie below.

    What nobody had measured is held by anything, but what can't be measured now holds nothing.
    """
    return math.isnan(before.median) or now.high >= before.median * (1 - MARGIN)


def _compare(name: str, before: Figure, now: Figure) -> bool:
    """Print a case's line."""
    held = holds(before, now)
    print(
        f"{name}: {now.median:.2f} times its textbook kernels ({now.low:.2f} to {now.high:.2f}); "
        f"committed {before.median:.2f}: {'held' if held else 'SLOWER'}"
    )
    return held


if __name__ == "__main__":
    sys.exit(main())
