"""A unit's story: what it sees, what it says to each image, what comes back, and what the network is without it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from numnet.data.shape import SIDE
from numnet.explain.drawing import signed
from numnet.explain.numbers import columns, folded, number
from numnet.explain.trace import FORMAT, finite
from numnet.explain.walk import Walk
from numnet.nn.layers import Dense

STRONGEST = 5  # weights that are listed on either side


@dataclass(frozen=True)
class Answer:
    """What a unit does with an image.

    z : the weighted sum    y : what goes on, after activation and dropout    dz : dL/dz
    """

    example: int
    label: int
    z: float
    y: float
    dz: float


@dataclass(frozen=True)
class Unit:
    """Output j of a dense layer.

    incoming : the weights to it, float (D,)    outgoing : those from it, float (C,), none after the last layer
    without, promised : how the loss changes where the unit says 0, and what the gradient says that it would
    """

    about: str
    layer: tuple[int, str]
    j: int
    loss: float
    bias: float
    incoming: list[float]
    outgoing: list[float]
    answers: list[Answer]
    without: float
    promised: float

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {"format": FORMAT, **finite(asdict(self))}


def unit(walk: Walk, index: int, j: int) -> Unit:
    """Output j of dense layer `index` on the walk's minibatch."""
    layer = walk.exact.layers[index]
    assert isinstance(layer, Dense)
    last = _before_next_dense(walk, index)
    z, y, dz = walk.passages[index].y[:, j], walk.passages[last].y[:, j], walk.passages[index].dy[:, j]
    labels = [int(label) for label in walk.scene.labels]
    answers = [Answer(b, labels[b], float(z[b]), float(y[b]), float(dz[b])) for b in range(len(labels))]
    after = walk.exact.layers[last + 1] if last + 1 < len(walk.exact.layers) else None
    outgoing = after.w[j].tolist() if isinstance(after, Dense) else []
    muted = walk.passages[last].y.copy()
    muted[:, j] = 0
    promised = -float(walk.passages[last].dy[:, j] @ y)
    return Unit(
        walk.about, (index, repr(layer)), j, walk.oracle.loss, float(layer.b[j]), layer.w[:, j].tolist(), outgoing,
        answers, walk.oracle.loss_from(last + 1, muted) - walk.oracle.loss, promised,
    )  # fmt: skip


def _before_next_dense(walk: Walk, index: int) -> int:
    """The last layer without weights after a dense one, or that one itself."""
    while index + 1 < len(walk.exact.layers) and not isinstance(walk.exact.layers[index + 1], Dense):
        index += 1
    return index


def unit_lines(found: Unit) -> Iterator[str]:
    """The story in 80 columns."""
    index, layer = found.layer
    yield from folded(f"Unit {found.j} of layer {index}, {layer}; {found.about}.")
    yield ""
    yield f"WHAT IT SEES   bias {number(found.bias)}, {len(found.incoming)} weights"
    if len(found.incoming) == SIDE * SIDE:
        yield from signed(np.array(found.incoming).reshape(SIDE, SIDE))
    else:
        yield from folded(f"  strongest: {_strongest(found.incoming)}", "  ")
    yield ""
    yield "WHAT IT SAYS   z = x @ w + b; y goes on, after activation and dropout"
    yield f"  {'image':>5} {'label':>5}  {'z':>11}  {'y':>11}  {'dL/dz':>11}"
    for answer in found.answers:
        yield f"  {answer.example:>5} {answer.label:>5}{columns(answer.z, answer.y, answer.dz)}"
    on = sum(answer.y != 0 for answer in found.answers)
    yield f"  on for {on} of {len(found.answers)} images"
    yield ""
    heard = f"strongest: {_strongest(found.outgoing)}" if found.outgoing else "it is a class: p is made of it"
    yield from folded(f"WHO HEARS IT   {heard}", "  ")
    yield ""
    yield "WITHOUT IT   y = 0 for every image"
    yield f"  the loss changes by {found.without:+.4g}, the gradient says {found.promised:+.4g}:"
    yield "  a slope holds nearby, and 0 may be far"


def _strongest(weights: list[float]) -> str:
    order = np.argsort(-abs(np.array(weights)), kind="stable")[:STRONGEST]
    return ", ".join(f"{i}: {number(weights[i])}" for i in order)
