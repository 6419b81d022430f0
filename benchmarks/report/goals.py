"""The goals that numnet set itself for its kernels with this suite's figures: met or missed, and what bounds a miss."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.figures import Figure, across, median, ratio
from benchmarks.report import markdown, products
from benchmarks.report.markdown import number, prose, table
from benchmarks.report.rows import NUMNET, TRAIN, Results
from benchmarks.report.sections import race_seconds

TENSORFLOW = ("tensorflow", "keras")
OTHERS = ("jax", "torch")


class Goal(NamedTuple):
    """What is asked, what was found, whether that is enough, and what stands in the way."""

    what: str
    must: str
    goal: str
    found: str
    met: bool
    bound: str


def section(results: Results) -> str:
    """The table, and below it what bounds each goal that was missed."""
    goals = [goal for jobs, make in GOALS if results.has(*jobs) for goal in make(results)]
    rows = [[g.what, g.must, g.goal, g.found, "met" if g.met else "**missed**"] for g in goals]
    bounds: dict[str, list[str]] = {}
    for goal in goals:
        if not goal.met:
            bounds.setdefault(goal.bound, []).append(goal.what)
    return markdown.section(
        "## The goals",
        "What numnet set out to reach on two cores; “met” is said of the second column.",
        table(("", "at least", "goal", "measured", ""), rows),
        "What bounds those that were missed, as far as profiles of the step tell:" if bounds else "",
        "\n".join(f"- {'; '.join(names)}: {prose(bound)}" for bound, names in bounds.items()),
    )


STEP = """the rivals' products run near the peak too, so that three times their speed would be more than the cores can
    multiply densely. What numnet saves by skipping the zeros among the pixels is bound by what the first cache delivers
    to a tile of one row; Adam, activations, masks and batches are passes over memory"""
ROOFLINE = """Adam's pass over 15.9 MB, the activations' and the batch's come on top of the products"""
PRODUCTS = """small products and single rows are bound by the call from Python, which looks at the share of zeros first;
    on two threads by the second thread's beginning"""
PROCESS = "the steps are most of it: see there"
MEMORY = "Numba and LLVM"
COLD = "LLVM compiles the one kernel for products for about half of that time"
ONE_IMAGE = "the four products read 2.3 MB of weights for one image: the last cache's speed"
NEIGHBOUR = "a helper that shares its core holds the part that it has taken"
ENDURANCE = "Adam over means that have become denormal"
START = "Python's own start"


def _steps(results: Results) -> list[Goal]:
    return [goal for net in ("tutorial", "intended") for goal in _steps_of(results, net)]


def _steps_of(results: Results, net: str) -> list[Goal]:
    two, one = (results.samples("step", net=net, threads=threads) for threads in (2, 1))
    goals = []
    if name := results.fastest(TENSORFLOW, "step", net=net, threads=2):
        title = results.title(name)
        goals.append(_ratio(f"a step of `{net}`, against {title}", 3, 4, ratio(two[name], two[NUMNET])))
        goals.append(_ratio(f"the same on one thread, {title} on two", 1.5, 2, across(two[name], one[NUMNET])))
    if name := results.fastest(OTHERS, "step", net=net, threads=2):
        title = results.title(name)
        goals.append(_ratio(f"a step of `{net}`, against {title}", 2, 2.5, ratio(two[name], two[NUMNET])))
    floor = ratio(two[NUMNET], two["roofline"])
    what, found = f"a step of `{net}`, against the dense roofline", f"{floor.median:.2f} times"
    return [*goals, Goal(what, "under it", "80 % of the floor without zeros", found, floor.median < 1, ROOFLINE)]


def _ratio(what: str, must: float, goal: float, found: Figure) -> Goal:
    shown = f"{found.median:.2f} times ({found.low:.2f} to {found.high:.2f})"
    return Goal(what, f"{must:g} times", f"{goal:g} times", shown, found.median >= must, STEP)


def _products(results: Results) -> list[Goal]:
    goals = []
    for threads in (1, 2):
        shares = {
            f"{kind} {shape}": products.share(found[threads]).median
            for (kind, shape), found in products.rows_of(results).items()
            if threads in found
        }
        if not shares:
            continue
        good = sum(share >= products.ENOUGH for share in shares.values())
        worst = min(shares, key=shares.__getitem__)
        found = f"{good} of {len(shares)} rows; median {statistics.median(shares.values()):.2f}, "
        found += f"least {shares[worst]:.2f} ({worst})"
        what = f"each product on {threads} thread{'s' * (threads > 1)}, against OpenBLAS"
        goals.append(Goal(what, "0.9 on every row", "1.0 on every row", found, good == len(shares), PRODUCTS))
    return goals


def _process(results: Results) -> list[Goal]:
    warm, empty = (results.medians("process", "seconds", cache=cache) for cache in ("warm", "empty"))
    memory = results.medians("process", "mib", cache="warm")
    seconds, cold, mebibytes = warm[TRAIN].median, empty[TRAIN].median, memory[TRAIN].median
    goals = [
        Goal("`python -m numnet.train`, warm cache", "3 s", "2.5 s", f"{seconds:.1f} s", seconds <= 3, PROCESS),
        Goal("its memory at most", "300 MiB", "200 MiB", f"{number(mebibytes)} MiB", mebibytes <= 300, MEMORY),
    ]
    if rival := results.fastest(TENSORFLOW, "process", "seconds", cache="warm"):
        other, title = warm[rival].median, results.title(rival)
        what = f"`python -m numnet.train`, against {title}"
        goals.append(Goal(what, "-", "4 times", f"{other / seconds:.1f} times ({other:.1f} s)", True, PROCESS))
        what = "`python -m numnet.train`, empty cache"
        goals.append(Goal(what, f"faster than {title}", "8 s", f"{cold:.1f} s", cold < other, COLD))
    if rival := results.fastest(TENSORFLOW, "process", "mib", cache="warm"):
        share = mebibytes / memory[rival].median
        what = f"its memory, against {results.title(rival)}"
        goals.append(Goal(what, "a quarter", "a quarter", f"{share:.0%}", share <= 0.25, MEMORY))
    return goals


def _race(results: Results) -> list[Goal]:
    seconds = {name: race_seconds(runs) for name, runs in results.values("race").items()}
    ours = seconds[NUMNET]
    goals = [Goal("seconds to 98 %", "5 s", "5 s", f"{ours:.1f} s", ours <= 5, PROCESS)]
    if keras := min((name for name in seconds if name.startswith("keras")), key=seconds.__getitem__, default=""):
        share, title = ours / seconds[keras], results.title(keras)
        found = f"{share:.0%} of {seconds[keras]:.1f} s"
        goals.append(Goal(f"seconds to 98 %, against {title}", "a quarter", "a quarter", found, share <= 0.25, PROCESS))
    return goals


def _predict(results: Results) -> list[Goal]:
    p50 = median(results.samples("predict", "p50")[NUMNET]).median
    what = "one image through `Network.predict`, median"
    return [Goal(what, "100 µs", "50 µs", f"{number(p50)} µs", p50 <= 100, ONE_IMAGE)]


def _neighbour(results: Results) -> list[Goal]:
    alone, busy = (results.samples("neighbour", part)[NUMNET] for part in ("alone", "busy"))
    slower = ratio(busy, alone).median
    what = "with a busy neighbour on one core"
    return [Goal(what, "2.5 times slower", "2 times", f"{slower:.1f} times", slower <= 2.5, NEIGHBOUR)]


def _endurance(results: Results) -> list[Goal]:
    runs = results.samples("endurance")
    later = ratio(runs["late"], runs["early"]).median - 1
    what = "a step after 100,000, against one in the first thousands"
    return [Goal(what, "within 5 %", "the same", f"{later:+.1%}", later < 0.05, ENDURANCE)]


def _start(results: Results) -> list[Goal]:
    goals = []
    took = results.medians("start")
    for name, what, must, goal in (("import", "`import numnet`", 0.15, 0.1), ("help", "`--help`", 0.3, 0.15)):
        found = took[name].median
        goals.append(Goal(f"{what}, the process", f"{must} s", f"{goal} s", f"{found:.2f} s", found <= must, START))
    return goals


GOALS: tuple[tuple[tuple[str, ...], Callable[[Results], list[Goal]]], ...] = (
    (("step",), _steps),
    (("products",), _products),
    (("process",), _process),
    (("race",), _race),
    (("predict",), _predict),
    (("neighbour",), _neighbour),
    (("endurance",), _endurance),
    (("start",), _start),
)
