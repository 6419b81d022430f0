"""The goals that numnet set itself for its kernels with this suite's figures: met, missed or undecided."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.figures import Figure, across, figure, inside, median, ratio
from benchmarks.jobs.processes import TRAIN
from benchmarks.report import markdown, products, reasons, roofline
from benchmarks.report.markdown import in_threads, mark, number, prose, table, verdict
from benchmarks.report.race import seconds_to_mark
from benchmarks.report.rows import Results
from benchmarks.rival import NUMNET

TENSORFLOW = ("tensorflow", "keras")
OTHERS = ("jax", "torch")

Text = Callable[[float], str]


class Goal(NamedTuple):
    """What is asked, what was found, whether it is enough, and what the samples say of a miss.

    asked : what must be reached and what was hoped for, each with its verdict
    """

    what: str
    asked: tuple[tuple[str, str], ...]
    found: str
    reason: str = reasons.UNKNOWN


def section(results: Results) -> str:
    """The table, and below it what the samples tell of each goal that was not met."""
    goals = _all(results)
    if not goals:
        return ""
    missed: dict[str, list[str]] = {}
    for goal in goals:
        said = [said for _, said in goal.asked if said not in ("", "met", roofline.INVALID)]
        if said:
            missed.setdefault(_why(goal.reason, said), []).append(goal.what)
    rows = [
        [goal.what, goal.found, *(f"{text}: {said}" if said else text for text, said in goal.asked)] for goal in goals
    ]
    return markdown.section(
        "## The goals",
        prose(f"""What numnet set out to reach on two cores: what it must, and what was hoped for. A goal is met or
            missed where the whole interval is on one side of it, and undecided where the interval has both sides; of
            fewer than six rounds the interval is from the least to the largest. “The same” is within {SAME:.0%}. The
            rooflines are told with the steps; 1.25 times as long is 80 % of the speed."""),
        table(("", "measured", "must", "hoped for"), rows),
        "What the samples show of those that are not met:" if missed else "",
        "\n".join(f"- {'; '.join(names)}: {prose(reason)}" for reason, names in missed.items()),
    )


def _why(reason: str, said: Sequence[str]) -> str:
    """The goal's own reason; where there is none, and nothing was missed, that nothing could be decided."""
    return reasons.UNDECIDED if reason == reasons.UNKNOWN and set(said) == {"undecided"} else reason


def tally(results: Results) -> str:
    """How many are met, in a sentence."""
    goals = _all(results)
    musts, hopes = ([goal.asked[i][1] for goal in goals if goal.asked[i][1]] for i in (0, 1))
    if not goals:
        return ""
    return f"Of what must be reached {_counted(musts)}; of what was hoped for {_counted(hopes)}."


def _counted(said: Sequence[str]) -> str:
    met, missed = said.count("met"), sum("missed" in each for each in said)
    return f"{met} of {len(said)} goals are met, {missed} missed and {len(said) - met - missed} undecided"


def _all(results: Results) -> list[Goal]:
    return [goal for jobs, make in GOALS if results.has(*jobs) for goal in make(results)]


def judged(
    what: str,
    found: Figure,
    must: float | None,
    goal: float,
    text: Text,
    *,
    at_most: bool,
    reason: str = reasons.UNKNOWN,
) -> Goal:
    """A goal of one figure."""
    low, high = (text(end).partition(" ")[0] for end in (found.low, found.high))
    shown = mark(found, f"{text(found.median)} ({low} to {high})")
    bound = "at most" if at_most else "at least"
    asked = [
        ("-", "") if limit is None else (f"{bound} {text(limit)}", verdict(found, limit, at_most))
        for limit in (must, goal)
    ]
    return Goal(what, tuple(asked), shown if found.rounds else "-", reason)


def _times(value: float) -> str:
    return f"{value:.3g} times"


def _seconds(value: float) -> str:
    return f"{number(value)} s"


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "∞"


def _unit(name: str) -> Text:
    return lambda value: f"{number(value)} {name}"


def _steps(results: Results) -> list[Goal]:
    return [goal for net in ("tutorial", "intended") for goal in _steps_of(results, net)]


def _steps_of(results: Results, net: str) -> list[Goal]:
    times = results.ratios("step", "ms", net=net, threads=2)
    two, one = (results.samples("step", "ms", net=net, threads=threads) for threads in (2, 1))
    goals = []
    for family, must, goal in ((TENSORFLOW, 3, 4), (OTHERS, 2, 2.5)):
        if (name := results.fastest(family, "step", "ms", net=net, threads=2)) and name in times:
            title, why = results.title(name), reasons.of_step(results, net, times[name].median / must)
            what = f"a step of `{net}`, against {title}"
            goals.append(judged(what, times[name], must, goal, _times, at_most=False, reason=why))
            if family is TENSORFLOW and NUMNET in one:
                found = across(two[name], one[NUMNET])
                what = f"a step of `{net}` on one thread, against {title} on two"
                goals.append(judged(what, found, 1.5, 2, _times, at_most=False, reason=reasons.of_step(results, net)))
    return [*goals, *_floors(results, net)]


def _floors(results: Results, net: str) -> list[Goal]:
    """numnet's step beside what its products alone would take at the peak: all of them, and without zeros."""
    bound, ours = roofline.find(results, 2), results.medians("step", "ms", net=net, threads=2).get(NUMNET)
    if not bound or not ours:
        return []
    goals = []
    for title, ms, limit in ((roofline.TITLE, bound.ms, 1.0), (roofline.WITHOUT_ZEROS, bound.ms_without_zeros, 1.25)):
        found = ours._replace(median=ours.median / ms, low=ours.low / ms, high=ours.high / ms)
        shown = mark(found, f"{found.median:.2f} times ({found.low:.2f} to {found.high:.2f})")
        said = verdict(found, limit, at_most=True) if bound.is_valid else roofline.INVALID
        asked = f"at most {_times(limit)}", said
        both = (asked, ("-", "")) if limit == 1 else (("-", ""), asked)
        what = f"a step of `{net}`, as many times as long as {title}"
        goals.append(Goal(what, both, shown if bound.is_valid else roofline.INVALID, reasons.of_step(results, net)))
    return goals


def _products(results: Results) -> list[Goal]:
    goals = []
    for threads in (1, 2):
        found = products.samples_of(results, threads)
        shares = {key: products.share(samples) for key, samples in found.items() if key != products.CALL}
        if not shares:
            continue
        worst = min(shares, key=lambda key: shares[key].median)
        shown = f"median of {len(shares)} rows {statistics.median(s.median for s in shares.values()):.2f}, "
        shown += f"least {shares[worst].median:.2f} ({products.name(worst)})"
        what = f"each product on {in_threads(threads)}, against OpenBLAS"
        asked = tuple(
            (f"at least {limit:.1f} on every row", _every(shares.values(), limit)) for limit in (products.ENOUGH, 1.0)
        )
        goals.append(Goal(what, asked, shown, reasons.of_products(results, threads)))
    return goals


def _every(shares: Sequence[Figure], limit: float) -> str:
    """Met by all, missed by some, or undecided; and by how many each."""
    said = [verdict(share, limit, at_most=False) for share in shares]
    count = f" ({said.count('met')} met, {said.count('undecided')} undecided)"
    missed = sum("missed" in one for one in said)
    return ("**missed**" if missed else "undecided" if "undecided" in said else "met") + count * (set(said) != {"met"})


def _process(results: Results) -> list[Goal]:
    warm, empty, mib = (
        results.samples("process", part, cache=cache)
        for part, cache in (("seconds", "warm"), ("seconds", "empty"), ("mib", "warm"))
    )
    if TRAIN not in warm:
        return []
    why, memory = reasons.of_process(results), reasons.of_memory(results)
    goals = [
        judged("`python -m numnet.train`, warm cache", median(warm[TRAIN]), 3, 2.5, _seconds, at_most=True, reason=why),
        judged("its memory at most", median(mib[TRAIN]), 300, 200, _unit("MiB"), at_most=True, reason=memory),
    ]
    if rival := results.fastest(TENSORFLOW, "process", "seconds", cache="warm"):
        title = results.title(rival)
        what, found = f"`python -m numnet.train`, against {title}", across(warm[rival], warm[TRAIN])
        goals.append(judged(what, found, None, 4, _times, at_most=False, reason=why))
        what, cold = "`python -m numnet.train`, empty cache", median(empty[TRAIN])
        other = median(warm[rival]).median
        goal = judged(what, cold, other, 8, _seconds, at_most=True, reason=reasons.of_compiling(results))
        goals.append(goal._replace(asked=((f"{goal.asked[0][0]} of {title}", goal.asked[0][1]), goal.asked[1])))
    return goals + _memory(results, memory)


def _memory(results: Results, why: str) -> list[Goal]:
    """numnet's two programs beside the least of TensorFlow's rows."""
    mib = results.samples("process", "mib", cache="warm")
    rival = results.fastest(TENSORFLOW, "process", "mib", cache="warm")
    title = results.title(rival) if rival else ""
    whose = {TRAIN: "memory of `python -m numnet.train`", NUMNET: "memory of numnet's row, which does equal work"}
    return [
        judged(f"{what}, against {title}", across(mib[name], mib[rival]), 0.25, 0.25, _share, at_most=True, reason=why)
        for name, what in whose.items()
        if rival and name in mib
    ]


def _race(results: Results) -> list[Goal]:
    seconds = {name: figure(each) for name, each in seconds_to_mark(results).items()}
    if NUMNET not in seconds:
        return []
    why = reasons.of_race(results)
    goals = [judged("seconds to 98 %", seconds[NUMNET], 5, 5, _seconds, at_most=True, reason=why)]
    keras = [name for name in seconds if name.startswith("keras")]
    if keras:
        best = min(keras, key=lambda name: seconds[name].median)
        ours, theirs = seconds[NUMNET], seconds[best]
        found = Figure(
            ours.median / theirs.median, ours.low / theirs.high, ours.high / theirs.low, ours.rounds, ours.quiet
        )
        what = f"seconds to 98 %, against {results.title(best)}"
        goals.append(judged(what, found, 0.25, 0.25, _share, at_most=True, reason=why))
    return goals


def _predict(results: Results) -> list[Goal]:
    found = results.medians("predict", "p50").get(NUMNET)
    what = "one image through `Network.predict`, median"
    why = reasons.of_one_image(results)
    return [judged(what, found, 100, 50, _unit("µs"), at_most=True, reason=why)] if found else []


def _neighbour(results: Results) -> list[Goal]:
    found = results.samples("neighbour").get(NUMNET)
    what = "with a busy neighbour on one core, times as long"
    return [judged(what, inside(found, "busy", "alone"), 2.5, 2, _times, at_most=True)] if found else []


WITHIN = 0.05  # of an early step
SAME = (
    0.02  # what "the same" can mean of figures with an interval: a part of WITHIN, so that noise makes both undecided
)


def _endurance(results: Results) -> list[Goal]:
    """How far a late step is from an early one, either way."""
    runs = results.samples("endurance")
    if not {"early", "late"} <= set(runs):
        return []
    found = ratio(runs["late"], runs["early"])
    ends = sorted(abs(end - 1) for end in (found.low, found.high))
    least = 0.0 if found.low <= 1 <= found.high else ends[0]
    apart = found._replace(median=abs(found.median - 1), low=least, high=ends[1])
    within, same = (verdict(apart, limit, at_most=True) for limit in (WITHIN, SAME))
    asked = ((f"within {WITHIN:.0%}", within), ("the same", same))
    shown = mark(found, f"{found.median - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%})")
    net = runs["late"][0].case["net"]
    return [Goal(f"a step of `{net}` after 100,000, against one in the first thousands", asked, shown)]


def _start(results: Results) -> list[Goal]:
    took = results.medians("start")
    asked = (("import", "`import numnet`", 0.15, 0.1), ("help", "`--help`", 0.3, 0.15))
    return [
        judged(f"{what}, the process", took[name], must, goal, _seconds, at_most=True, reason=reasons.of_start(results))
        for name, what, must, goal in asked
        if name in took
    ]


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
