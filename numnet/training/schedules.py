"""Learning-rate schedules: plain functions from (step, steps) to a factor of the recipe's learning rate."""

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]


def constant(step: int, steps: int) -> float:
    """1 at every step."""
    return 1.0


def linear(step: int, steps: int) -> float:
    """From 1 down to 0 in a straight line; the step after the last would be 0."""
    return 1 - step / steps


def cosine(step: int, steps: int) -> float:
    """From 1 down to 0 along half a cosine wave: slow at both ends. Source: Loshchilov and Hutter 2017, SGDR, eq. 5."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def one_cycle(step: int, steps: int) -> float:
    """Up from 1/25 to 1 over the first three tenths of the run, then down to 0, both along half a cosine.

    The warm-up lets Adam's means fill before the rate is high. Source: Smith and Topin 2019, "Super-convergence".
    """
    peak = max(1, round(0.3 * steps))
    if step < peak:
        return 1 / 25 + (1 - 1 / 25) * (1 - cosine(step, peak))
    return cosine(step - peak, max(1, steps - peak))


def rate_factor(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """What the learning rate is multiplied by at step 0 .. steps - 1 of a run, more than 0 and at most 1.

    For `warmup` steps it rises in a line to where the schedule begins, which then runs over the rest; for the start is
    where gradients are largest and Adam's means rest on few of them. With `cosine`: warm-up and cosine.
    Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2.
    """
    start = SCHEDULES[schedule]
    if step < warmup:
        return start(0, steps - warmup) * (step + 1) / (warmup + 1)
    return start(step - warmup, steps - warmup)


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "cosine": cosine, "one_cycle": one_cycle}
