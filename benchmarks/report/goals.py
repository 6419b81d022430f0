"""The goals that numnet set itself for its kernels with this suite's figures: met or missed, and what bounds a miss."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.figures import Figure, median, ratio
from benchmarks.report import markdown, products
from benchmarks.report.markdown import number, prose, table
from benchmarks.report.rows import NUMNET, TRAIN, Results
from benchmarks.samples import Sample

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
    goals = [goal for make in GOALS for goal in make(results)]
    rows = [[g.what, g.must, g.goal, g.found, "met" if g.met else "**missed**"] for g in goals]
    bounds: dict[str, list[str]] = {}
    for goal in goals:
        if not goal.met:
            bounds.setdefault(goal.bound, []).append(goal.what)
    return markdown.section(
        "## The goals of the kernels",
        "What numnet set out to reach on two cores; “met” is said of the second column.",
        table(("", "at least", "goal", "measured", ""), rows),
        "What bounds those that were missed:",
        "\n".join(f"- {'; '.join(names)}: {prose(bound)}" for bound, names in bounds.items()),
    )


STEP = """the rivals' own products run near the peak too: three times the speed of a step that takes 2.5 times the
    dense roofline would be faster than the cores can multiply. What numnet saves by skipping zeros, four in five of
    the first layer's, is bound by what the first cache delivers to a tile of one row, and Adam, activations, masks and
    batches are passes over memory that no kernel shortens"""
ROOFLINE = """the products alone, zeros skipped, take less; Adam's pass over 15.9 MB, the activations' and the batch's
    come on top"""
PRODUCTS = """products of less than about 0.5 MFLOP and single rows are bound by the call from Python, 3.7 µs with the
    look at the share of zeros, against NumPy's 1.6"""
PROCESS = "1,000 steps are most of it: see the step"
COLD = "LLVM compiles the one kernel for products for about half of that time"
ONE_IMAGE = "the four products read 2.3 MB of weights, which the last cache delivers in some 60 µs"
NEIGHBOUR = "work is dealt out evenly, so that the thread which shares its core decides"
ENDURANCE = "Adam over means that have become denormal"
START = "Python's own start"


def _steps(results: Results) -> list[Goal]:
    return [goal for net in ("tutorial", "intended") for goal in _steps_of(results, net)]


def _steps_of(results: Results, net: str) -> list[Goal]:
    two, one = (results.samples("step", net=net, threads=threads) for threads in (2, 1))
    tensorflow, other = (results.fastest(names, "step", net=net, threads=2) for names in (TENSORFLOW, OTHERS))
    against = ratio(two[tensorflow], two[NUMNET]), ratio(two[other], two[NUMNET]), ratio(two[tensorflow], one[NUMNET])
    floor = ratio(two[NUMNET], two["roofline"])
    return [
        _ratio(f"a step of `{net}`, against {results.title(tensorflow)}", 3, 4, against[0]),
        _ratio(f"a step of `{net}`, against {results.title(other)}", 2, 2.5, against[1]),
        _ratio(f"the same on one thread, against {results.title(tensorflow)} on two", 1.5, 2, against[2]),
        Goal(
            f"a step of `{net}`, against the dense roofline", "under it", "80 % of the floor without zeros",
            f"{floor.median:.2f} times", floor.median < 1, ROOFLINE,
        ),
    ]  # fmt: skip


def _ratio(what: str, must: float, goal: float, found: Figure) -> Goal:
    shown = f"{found.median:.2f} times ({found.low:.2f} to {found.high:.2f})"
    return Goal(what, f"{must:g} times", f"{goal:g} times", shown, found.median >= must, STEP)


def _products(results: Results) -> list[Goal]:
    goals = []
    for threads in (1, 2):
        shares = {
            f"{kind} {shape}": products.share(found[threads])
            for (kind, shape), found in products.rows_of(results).items()
            if threads in found
        }
        good = sum(share >= products.ENOUGH for share in shares.values())
        worst = min(shares, key=shares.__getitem__)
        found = f"{good} of {len(shares)} rows; median {statistics.median(shares.values()):.2f}, "
        found += f"least {shares[worst]:.2f} ({worst})"
        what = f"each product on {threads} thread{'s' * (threads > 1)}, against OpenBLAS"
        goals.append(Goal(what, "0.9 on every row", "1.0 on every row", found, good == len(shares), PRODUCTS))
    return goals


def _process(results: Results) -> list[Goal]:
    warm, empty = (results.samples("process", "seconds", cache=cache) for cache in ("warm", "empty"))
    memory = median(results.samples("process", "mib", cache="warm")[TRAIN]).median
    rival = results.fastest(TENSORFLOW, "process", "seconds", cache="warm")
    seconds, other, cold = median(warm[TRAIN]).median, median(warm[rival]).median, empty[TRAIN][0].value
    found = f"{seconds:.1f} s; {results.title(rival)} {other:.1f} s, {other / seconds:.1f} times"
    return [
        Goal("`python -m numnet.train`, warm cache", "3 s", "2.5 s, 4 times", found, seconds <= 3, PROCESS),
        Goal("the same, empty cache", "faster than TensorFlow", "8 s", f"{cold:.1f} s", cold < other, COLD),
        Goal("its memory at most", "300 MiB", "200 MiB", f"{number(memory)} MiB", memory <= 300, ""),
    ]


def _rest(results: Results) -> list[Goal]:
    goals = []
    if one := results.samples("predict", "p50").get(NUMNET):
        p50 = median(one).median
        what = "one image through `Network.predict`, median"
        goals.append(Goal(what, "100 µs", "50 µs", f"{number(p50)} µs", p50 <= 100, ONE_IMAGE))
    if busy := results.samples("neighbour").get(NUMNET):
        slower = _slower(busy, results.samples("step", net="intended", threads=2)[NUMNET])
        what = "with a busy neighbour on one core"
        goals.append(Goal(what, "2.5 times slower", "2 times", f"{slower:.1f} times", slower <= 2.5, NEIGHBOUR))
    if runs := results.samples("endurance"):
        later = ratio(runs["late"], runs["early"]).median - 1
        what = "a step at 100,000, against one at 100"
        goals.append(Goal(what, "within 5 %", "the same", f"{later:+.1%}", later < 0.05, ENDURANCE))
    for name, what, must, goal in (("import", "`import numnet`", 0.15, 0.1), ("help", "`--help`", 0.3, 0.15)):
        if took := results.samples("start").get(name):
            found = median(took).median
            goals.append(Goal(f"{what}, the process", f"{must} s", f"{goal} s", f"{found:.2f} s", found <= must, START))
    return goals


def _slower(busy: list[Sample], alone: list[Sample]) -> float:
    return median(busy).median / median(alone).median


GOALS: tuple[Callable[[Results], list[Goal]], ...] = (_steps, _products, _process, _rest)
