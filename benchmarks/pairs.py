"""Turns in pairs: numnet right before and right after each rival, so that a drift of the machine slows down both.

A rival's sample has its own figures, and under "numnet" the mean of what numnet took in the turns next to it. numnet's
own samples are those same turns, numbered within their round.
"""

from collections.abc import Callable

from benchmarks.noise import Probe
from benchmarks.plan import Case, Plan, attempt
from benchmarks.rival import NUMNET
from benchmarks.samples import THREADS

Value = dict[str, float]
Block = Callable[[], Value]


def take_turns(plan: Plan, job: str, case: Case, blocks: dict[str, Block], main: str, minutes: float) -> None:
    """Measure a case round after round, as the plan has it.

    blocks : what each rival does in its turn, which is to take about equally long for all; numnet among them
    main : the figure that is compared
    minutes : after which no more rounds are begun than must be
    """
    ours, probe = blocks[NUMNET], Probe(case.get("threads", THREADS))
    others = [name for name in blocks if name != NUMNET]
    for i, names in plan.turns(job, case, others or [NUMNET], minutes):
        own = [probe.watch(ours)]
        for name in names if others else ():
            theirs, seen = attempt(probe.watch, blocks[name])
            own.append(probe.watch(ours))  # if this fails, it is no failure of the rival's
            plan.keep(job, name, case, i, *(_beside(theirs, seen, own, main) if seen else (theirs, None)))
        for turn, (value, seen) in enumerate(own):
            plan.keep(job, NUMNET, case | {"turn": turn} if others else case, i, value, seen)


def _beside(theirs: Value, seen: float, own: list[tuple[Value, float]], main: str) -> tuple[Value, float]:
    """A rival's turn with the mean of numnet's last two; the probe's worst of the three."""
    (before, seen_before), (after, seen_after) = own[-2:]
    return theirs | {"numnet": (before[main] + after[main]) / 2}, max(seen_before, seen, seen_after)
