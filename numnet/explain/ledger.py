"""The whole story of one weight: where its gradient comes from, to the last digit, and what becomes of it."""

import math
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from numnet.explain.formulas import Formula
from numnet.explain.numbers import Spelled
from numnet.explain.oracle import EPSILON
from numnet.explain.paths import Path, Ways
from numnet.explain.trace import FORMAT, Nudge, finite
from numnet.explain.update import Update
from numnet.explain.walk import Walk
from numnet.nn.layers import Dense

PATHS = 5  # that are shown
CLOSE = 1e-12  # of the gradient; and where its terms all but cancel, what rounding leaves of them
SUMMED = 1e-12  # of x: dy is a sum of hundreds of thousands of products up to 1, which keeps some 13 digits
NUDGES = (0.1, 0.01, 0.001)  # of the weight, to see how far the loss follows the slope


@dataclass(frozen=True)
class Term:
    """What an image adds to the gradient: x, the weight's input; dy, its output's gradient; x * dy."""

    example: int
    label: int
    x: float
    dy: float
    value: float


@dataclass(frozen=True)
class Further:
    """What the loss does when the weight is moved by so much, and what the gradient says that it would."""

    by: float
    change: float
    promised: float


@dataclass(frozen=True)
class Ledger:
    """The story of w[i,j].

    about : the network and the minibatch    layer : the layer's number, and how it shows itself
    terms : one for each image; they add up to the gradient
    example : the image whose term is largest    units : kinds of what a path goes through
    ways : what all ways back of that image add up to; paths : the strongest; others : how many more are open
    nudge : the gradient beside the loss's slope    moved : further away
    step : what the optimizer adds to the weight; vectors : what it remembers, before and after
    """

    about: str
    layer: tuple[int, str]
    i: int
    j: int
    weight: float
    gradient: float
    loss: float
    terms: list[Term]
    example: int
    ways: float
    paths: list[Path]
    others: int
    nudge: Nudge
    moved: list[Further]
    step: float
    formula: Formula
    spelled: Spelled
    vectors: dict[str, tuple[float, float]]

    @property
    def total(self) -> float:
        """What the terms add up to."""
        return math.fsum(term.value for term in self.terms)

    @property
    def adds_up(self) -> bool:
        """Whether the terms are the gradient, as far as a sum of numbers of their size keeps its digits."""
        size = math.fsum(abs(term.value) for term in self.terms)
        return abs(self.total - self.gradient) <= CLOSE * abs(self.gradient) + len(self.terms) * EPSILON * size

    @property
    def ways_add_up(self) -> bool:
        """Whether all ways back are the largest term: two sums of the same products, in another order."""
        return abs(self.ways - self.terms[self.example].value) <= SUMMED * abs(self.terms[self.example].x)

    @property
    def passed(self) -> bool:
        """Whether terms and ways add up, and the loss agrees."""
        return self.adds_up and self.ways_add_up and self.nudge.verdict != "WRONG"

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {"format": FORMAT, "passed": self.passed, "total": self.total, **finite(asdict(self))}


def weight_ledger(walk: Walk, index: int, i: int, j: int) -> Ledger:
    """Of weight w[i,j] of dense layer `index`."""
    exact, passage = walk.exact, walk.passages[index]
    layer = exact.layers[index]
    assert isinstance(layer, Dense)
    gradient, weight = float(layer.dw[i, j]), float(layer.w[i, j])
    terms = [
        Term(b, int(label), float(x), float(dy), float(x * dy))
        for b, (label, x, dy) in enumerate(zip(walk.scene.labels, passage.x[:, i], passage.dy[:, j], strict=True))
    ]
    largest = max(terms, key=lambda term: abs(term.value))
    ways, paths, others = _paths(walk, index, largest, j)
    update = Update(walk.scene, exact)
    place = int(update.places(layer, "w")[i, j])
    return Ledger(
        walk.about, (index, repr(layer)), i, j, weight, gradient, walk.oracle.loss, terms, largest.example,
        ways, paths, others, walk.nudge_parameter(gradient, index, "w", (i, j)), _moved(walk, layer, i, j, gradient),
        float(update.step[place]), update.formula(place), update.spell(place),
        update.remembered(place),
    )  # fmt: skip


def _paths(walk: Walk, index: int, term: Term, j: int) -> tuple[float, list[Path], int]:
    """What all of a term's come to, the strongest, and how many others are open."""
    walk.pass_again()  # the layers must hold the step's own numbers
    dlogits = walk.passages[-1].dy[term.example]
    ways = Ways(walk.passages[index + 1 :], dlogits, term.example)
    found = [Path(units, term.x * value) for units, value in islice(ways.from_unit(j), PATHS)]
    open_ones = [path for path in found if path.value != 0]
    return term.x * float(ways.total[j]), open_ones, (int(ways.open[j]) if term.x else 0) - len(open_ones)


def _moved(walk: Walk, layer: Dense, i: int, j: int, gradient: float) -> list[Further]:
    """The loss with the weight elsewhere."""
    kept, found = layer.w[i, j], []
    for by in NUDGES:
        layer.w[i, j] = kept + by
        found.append(Further(by, walk.loss() - walk.oracle.loss, gradient * by))
    layer.w[i, j] = kept
    return found
