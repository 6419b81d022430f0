"""A training step, taken apart: one object, which the terminal and --json show alike.

Every quantity has its formula, its size, one number spelled out term by term and, where it is a gradient, what a nudge
of the loss says of that number.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from numnet.explain.certificate import CLOSE, Comparison, agree, relative_error
from numnet.explain.formulas import Account, Formula
from numnet.explain.oracle import Slope
from numnet.kernels import FloatArray

FORMAT = 1  # of the lines that --json prints
EXACT = 1e-9  # relative: a sum of a thousand products, taken in another order, keeps some 13 digits; printed are 4
NOTHING = 1e-15  # what is left of numbers up to 1 that should cancel


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


def stats(values: FloatArray) -> Stats:
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

    text : what it is made of    total : what that comes to    note : what the text leaves out
    nudge : of a gradient
    """

    index: tuple[int, ...]
    value: float
    text: str
    total: float
    note: str = ""
    nudge: Nudge | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the terms come to the value."""
        return relative_error(self.value, self.total) <= EXACT or abs(self.value - self.total) <= NOTHING


@dataclass(frozen=True)
class Quantity:
    """A scalar, vector or matrix of a step.

    flops : operations that it took; a maximum, an exp, a log, a root count as one
    float32 : of a parameter's gradient by kernels in float32, how far it is off
    note : a word on it
    """

    name: str
    formula: Formula
    stats: Stats
    flops: int
    entry: Entry
    float32: Comparison | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """What the nudge of its entry says; WRONG also where the terms don't add up, or float32 is too far off."""
        if not self.entry.adds_up or (self.float32 and self.float32.verdict == "WRONG"):
            return "WRONG"
        return self.entry.nudge.verdict if self.entry.nudge else "ok"

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        float32 = self.float32 and {**asdict(self.float32), "verdict": self.float32.verdict}
        return {**asdict(self), "float32": float32, "verdict": self.verdict}


def quantity(account: Account, index: tuple[int, ...], nudge: Nudge | None = None) -> Quantity:
    """A layer's account, with one of its numbers spelled out."""
    entry = Entry(index, float(account.values[index]), *account.spell(index), nudge=nudge)
    return Quantity(account.name, account.formula, stats(account.values), account.flops, entry)


@dataclass(frozen=True)
class Stage:
    """A part of the step: its title, what happens in it, and a word on the whole of it.

    layer : the layer that it is about; None where it is about all
    wrong : whether the word is of something that should not be
    """

    title: str
    quantities: list[Quantity]
    note: str = ""
    layer: int | None = None
    wrong: bool = False


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
        verdicts = {quantity.verdict for stage in self.stages for quantity in stage.quantities}
        return "WRONG" not in verdicts and not any(stage.wrong for stage in self.stages)

    def of_layer(self, layer: int | None) -> "Trace":
        """The stages about one layer alone; all where it is None."""
        if layer is None:
            return self
        return replace(self, stages=[stage for stage in self.stages if stage.layer == layer])

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        stages = [{**vars(stage), "quantities": [q.as_json() for q in stage.quantities]} for stage in self.stages]
        return {"format": FORMAT, "passed": self.passed, **finite({**vars(self), "stages": stages})}


def finite(found: Any) -> Any:
    """The same for JSON: named tuples as objects, and null where a number is not finite."""
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        return finite(found._asdict())
    if isinstance(found, dict):
        return {name: finite(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [finite(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found
