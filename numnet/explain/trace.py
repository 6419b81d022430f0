"""A training step, taken apart: one object, which the terminal and --json show alike.

Every quantity has its formula, its size, one number spelled out term by term and, where it is a gradient, what a nudge
of the loss says of that number.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from numnet.explain.certificate import CLOSE, agree, relative_error
from numnet.explain.formulas import Account, Formula
from numnet.explain.numbers import Floats
from numnet.explain.oracle import Slope

FORMAT = 1  # of the line that --json prints
EXACT = 1e-9  # relative: a sum of a thousand products, taken in another order, keeps some 13 digits; printed are 4


@dataclass(frozen=True)
class Stats:
    """A quantity as a whole.

    zeros : the share of its numbers that are exactly 0
    """

    shape: tuple[int, ...]
    least: float
    mean: float
    largest: float
    norm: float
    zeros: float


def stats(values: Floats) -> Stats:
    """Of an array of any shape."""
    return Stats(
        values.shape, float(values.min()), float(values.mean()), float(values.max()),
        float(np.linalg.norm(values)), float((values == 0).mean()),
    )  # fmt: skip


@dataclass(frozen=True)
class Nudge:
    """What the loss does where a number is nudged, up and down, and nothing but the forward pass is asked.

    slope : (L(p + h) - L(p - h)) / 2h    error : relative, of the gradient beside it
    verdict : ok; WRONG; kink, where the nudge switches a ReLU; small, where rounding hides the digits that agree
    """

    slope: float
    error: float
    verdict: str


def judged(gradient: float, slope: Slope, noise: float) -> Nudge:
    """A gradient beside a slope, of which rounding may be so much."""
    if slope.kinked:
        verdict = "kink"
    elif not agree(gradient, slope.value, noise):
        verdict = "WRONG"
    else:
        verdict = "small" if max(abs(gradient), abs(slope.value)) < noise / CLOSE else "ok"
    return Nudge(slope.value, relative_error(gradient, slope.value), verdict)


@dataclass(frozen=True)
class Entry:
    """One number of a quantity.

    text : the terms that it is made of    total : what these come to
    nudge : of a gradient
    """

    index: tuple[int, ...]
    value: float
    text: str
    total: float
    nudge: Nudge | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the terms come to the value."""
        return relative_error(self.value, self.total) <= EXACT or abs(self.value - self.total) <= EXACT * 1e-6


@dataclass(frozen=True)
class Quantity:
    """A scalar, vector or matrix of a step.

    flops : multiplications and additions that it took
    float32 : of a parameter's gradient, how far the kernels in float32 are off, as a share of its norm
    note : a word on it
    """

    name: str
    formula: Formula
    stats: Stats
    flops: int
    entry: Entry
    float32: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Of its entry: what the nudge says, and WRONG where the terms don't add up to the value."""
        if not self.entry.adds_up:
            return "WRONG"
        return self.entry.nudge.verdict if self.entry.nudge else "ok"


def quantity(account: Account, index: tuple[int, ...], nudge: Nudge | None = None) -> Quantity:
    """A layer's account, with one of its numbers spelled out."""
    text, total = account.spell(index)
    entry = Entry(tuple(int(i) for i in index), float(account.values[index]), text, total, nudge)
    return Quantity(account.name, account.formula, stats(account.values), account.flops, entry)


@dataclass(frozen=True)
class Stage:
    """A part of the step: its title, what happens in it, and a word on the whole of it.

    layer : the layer that it is about; None where it is about all
    """

    title: str
    quantities: list[Quantity]
    note: str = ""
    layer: int | None = None


@dataclass(frozen=True)
class Trace:
    """A step, stage by stage.

    what : the network and the minibatch in a line
    loss, loss_after : before the optimizer's step and after it, on the same images
    """

    what: str
    labels: list[int]
    loss: float
    loss_after: float
    stages: list[Stage]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not any(quantity.verdict == "WRONG" for stage in self.stages for quantity in stage.quantities)

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json; what is not a finite number is null."""
        return {"format": FORMAT, "passed": self.passed, **finite(asdict(self))}


def finite(found: Any) -> Any:
    """The same for JSON: named tuples as objects, and null where a number is not finite."""
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        return finite(found._asdict())
    if isinstance(found, dict):
        return {name: finite(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found
