"""A unit's story: what it sees, what it says to each image, what comes back, and what the network is without it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from numnet.explain.drawing import signed
from numnet.explain.numbers import columns, folded, number
from numnet.explain.trace import FORMAT, finite
from numnet.explain.walk import Walk
from numnet.nn.layers import Dense, ReLU

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

    shape : of an image, where the unit sees pixels; else ()
    incoming : the weights to it, float (D,)    outgoing : those to the next dense layer, float (H,); none for a class
    on : for how many images it is on, where a ReLU follows; else None
    without, promised : how the loss changes where the unit says 0, and what the gradient says; None for a class, whose
        logit of 0 would be an opinion as good as any
    """

    about: str
    layer: tuple[int, str]
    j: int
    loss: float
    shape: tuple[int, ...]
    bias: float
    incoming: list[float]
    outgoing: list[float]
    answers: list[Answer]
    on: int | None
    without: float | None
    promised: float | None

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {"format": FORMAT, **finite(asdict(self))}


def unit(walk: Walk, index: int, j: int) -> Unit:
    """Output j of dense layer `index` on the walk's minibatch."""
    layers = walk.exact.layers
    layer, last = layers[index], _before_next_dense(walk, index)
    assert isinstance(layer, Dense)
    heard = layers[last + 1] if last + 1 < len(layers) else None
    z, y, dz = walk.passages[index].y[:, j], walk.passages[last].y[:, j], walk.passages[index].dy[:, j]
    labels = [int(label) for label in walk.scene.labels]
    answers = [Answer(b, labels[b], float(z[b]), float(y[b]), float(dz[b])) for b in range(len(labels))]
    relu = any(isinstance(each, ReLU) for each in layers[index + 1 : last + 1])
    shape = walk.scene.images.shape[1:]
    without, promised = (None, None) if heard is None else _without(walk, last, j)
    return Unit(
        walk.about, (index, repr(layer)), j, walk.oracle.loss, shape if index == 0 and len(shape) == 2 else (),
        float(layer.b[j]), layer.w[:, j].tolist(), heard.w[j].tolist() if isinstance(heard, Dense) else [],
        answers, int((z > 0).sum()) if relu else None, without, promised,
    )  # fmt: skip


def _without(walk: Walk, last: int, j: int) -> tuple[float, float]:
    """How the loss changes where unit j of what layer `last` gives is 0; and by its gradient."""
    y, dy = walk.passages[last].y, walk.passages[last].dy
    muted = y.copy()
    muted[:, j] = 0
    return walk.oracle.loss_from(last + 1, muted) - walk.oracle.loss, -float(dy[:, j] @ y[:, j])


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
    if found.shape:
        yield from signed(np.array(found.incoming).reshape(found.shape))
    else:
        yield from folded(f"  strongest: {_strongest(found.incoming)}", "  ")
    yield ""
    yield "WHAT IT SAYS   z = x @ w + b; y goes on, after activation and dropout"
    yield f"  {'image':>5} {'label':>5}{'z':>13}{'y':>13}{'dL/dz':>13}"
    for answer in found.answers:
        yield f"  {answer.example:>5} {answer.label:>5}{columns(answer.z, answer.y, answer.dz)}"
    if found.on is not None:
        yield f"  on, z > 0, for {found.on} of {len(found.answers)} images"
    yield ""
    if found.without is None or found.promised is None:
        yield "WHO HEARS IT   the loss: it is a class"
        return
    yield from folded(f"WHO HEARS IT   strongest: {_strongest(found.outgoing)}", "  ")
    yield ""
    yield "WITHOUT IT   y = 0 for every image"
    yield f"  the loss changes by {found.without:+.4g}, the gradient says {found.promised:+.4g}:"
    yield "  a slope holds nearby, and 0 may be far"


def _strongest(weights: list[float]) -> str:
    order = np.argsort(-abs(np.array(weights)), kind="stable")[:STRONGEST]
    return ", ".join(f"{i}: {number(weights[i])}" for i in order)
