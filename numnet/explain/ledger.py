"""The whole story of one weight: where its gradient comes from, to the last digit, and what becomes of it."""

import math
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from numnet.explain.certificate import relative_error
from numnet.explain.paths import Path, Ways
from numnet.explain.trace import FORMAT, Nudge, finite, judged
from numnet.explain.update import Update
from numnet.explain.walk import Walk
from numnet.nn.layers import Dense
from numnet.nn.network import Network

PATHS = 5  # that are shown
CLOSE = 1e-12  # relative: terms added up without rounding, beside a product's sum with it
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
class Moved:
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
    paths : its strongest paths to the loss, x and all; rest : what the others add up to; others : how many these are
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
    paths: list[Path]
    rest: float
    others: int
    nudge: Nudge
    moved: list[Moved]
    step: float
    rule: tuple[str, str]
    spelled: str
    vectors: dict[str, tuple[float, float]]

    @property
    def total(self) -> float:
        """What the terms add up to."""
        return math.fsum(term.value for term in self.terms)

    @property
    def passed(self) -> bool:
        """Whether the terms add up to the gradient, the paths to the largest term, and the loss agrees."""
        largest = max(self.terms, key=lambda term: abs(term.value)).value
        paths = math.fsum([*(path.value for path in self.paths), self.rest])
        return (
            relative_error(self.total, self.gradient) <= CLOSE
            and relative_error(paths, largest) <= CLOSE
            and self.nudge.verdict != "WRONG"
        )

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
    paths, rest, others = _paths(walk, index, largest, j)
    update = Update(walk.scene, exact)
    place = _place(exact, layer, i, j)
    slope = walk.oracle.slope_at(layer, "w", i * layer.outputs + j)
    return Ledger(
        walk.about, (index, repr(layer)), i, j, weight, gradient, walk.oracle.loss, terms, largest.example,
        paths, rest, others, judged(gradient, slope, walk.oracle.noise), _moved(walk, layer, i, j, gradient),
        float((update.after - update.before)[place]), update.formula[:2], update.spell(place).text,
        update.remembered(place),
    )  # fmt: skip


def _paths(walk: Walk, index: int, term: Term, j: int) -> tuple[list[Path], float, int]:
    """The strongest of a term, what the others come to, and how many they are."""
    walk.pass_again()  # the layers must hold the step's own numbers
    dlogits = walk.passages[-1].dy[term.example]
    ways = Ways(walk.passages[index + 1 :], dlogits, term.example)
    found = [Path(units, term.x * value) for units, value in islice(ways.from_unit(j), PATHS)]
    rest = math.fsum([term.value, *(-path.value for path in found)])
    return found, rest, ways.count - len(found)


def _moved(walk: Walk, layer: Dense, i: int, j: int, gradient: float) -> list[Moved]:
    """The loss with the weight elsewhere."""
    kept, found = layer.w[i, j], []
    for by in NUDGES:
        layer.w[i, j] = kept + by
        found.append(Moved(by, walk.loss() - walk.oracle.loss, gradient * by))
    layer.w[i, j] = kept
    return found


def _place(network: Network, layer: Dense, i: int, j: int) -> int:
    """Where in the flat vectors a weight lies."""
    begin = (layer.w.ctypes.data - network.parameters.ctypes.data) // network.parameters.itemsize
    return int(begin) + i * layer.outputs + j
