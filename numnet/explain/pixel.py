"""What a pixel of somebody's own picture does to the answer."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from numnet.data.shape import SIDE
from numnet.explain.drawing import drawn
from numnet.explain.gradcheck import best_slope
from numnet.explain.numbers import folded, number
from numnet.explain.oracle import Oracle
from numnet.explain.step import nudge_line
from numnet.explain.trace import FORMAT, Nudge, finite, judged
from numnet.kernels import ByteArray, FloatArray
from numnet.nn.loss import cross_entropy, softmax
from numnet.nn.network import Network

SHOWN = 3  # classes, the likeliest, whose probabilities are followed


@dataclass(frozen=True)
class Answer:
    """What the network says with the pixel at some value.

    value : 0 is no ink, 1 full ink    probabilities : of the classes followed
    """

    value: float
    probabilities: list[float]


@dataclass(frozen=True)
class Pixel:
    """One pixel of what the network saw.

    pixels : 0..255, (28, 28)    classes : those followed    slopes : of their probabilities by the pixel
    slope : of -log p of the likeliest class, by backward    nudge : and what a nudge says of it
    moved : as it is, without ink, with full ink
    """

    about: str
    pixels: list[list[int]]
    row: int
    column: int
    classes: list[int]
    slopes: list[float]
    slope: float
    nudge: Nudge
    moved: list[Answer]

    @property
    def passed(self) -> bool:
        """Whether the answer changes as backward says."""
        return self.nudge.verdict != "WRONG"

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {"format": FORMAT, "passed": self.passed, **finite(asdict(self))}


def pixel(network: Network, about: str, pixels: ByteArray, row: int, column: int) -> Pixel:
    """Of a picture, uint8 (28, 28), by a network in float64.

    Backward goes all the way to the pixels, from the loss that a label would give: with class c for a label that is
    -log p[c], and dp[c] = -p[c] * dloss.
    """
    x, place = network.to_floats(pixels.reshape(1, -1)), row * SIDE + column
    p = _answer(network, x)
    classes = [int(c) for c in np.argsort(-p, kind="stable")[:SHOWN]]
    dlosses = [_dloss(network, x, c, place) for c in classes]
    moved = [Answer(value, _answer(network, _with(x, place, value))[classes].tolist())
             for value in (float(x[0, place]), 0.0, 1.0)]  # fmt: skip
    oracle = Oracle(network, x, np.array(classes[:1]), None)
    slope = best_slope(oracle, partial(oracle.slope_of_input, 0, x, (0, place)), dlosses[0])
    slopes = [-float(p[c]) * dloss for c, dloss in zip(classes, dlosses, strict=True)]
    nudge = judged(dlosses[0], slope, oracle.noise)
    return Pixel(about, pixels.tolist(), row, column, classes, slopes, dlosses[0], nudge, moved)


def _answer(network: Network, x: FloatArray) -> FloatArray:
    """The probabilities, float64 (C,)."""
    return np.asarray(softmax(network.forward(x, draw=None))[0])


def _with(x: FloatArray, place: int, value: float) -> FloatArray:
    moved = x.copy()
    moved[0, place] = value
    return moved


def _dloss(network: Network, x: FloatArray, label: int, place: int) -> float:
    """How fast the loss changes with a pixel, if that were the label."""
    _, dlogits = cross_entropy(network.kernels, network.forward(x, draw=None), np.array([label]))
    dx = network.backward(dlogits, to_input=True)
    assert dx is not None
    return float(dx[0, place])


def pixel_lines(found: Pixel) -> Iterator[str]:
    """The story in 80 columns."""
    yield from folded(f"Pixel ({found.row}, {found.column}) of {found.about}.")
    yield ""
    yield from drawn(np.array(found.pixels, np.uint8), (found.row, found.column))
    yield ""
    yield f"  {'the pixel is':<24}" + "".join(f"{f'p({c})':>12}" for c in found.classes)
    for moved, what in zip(found.moved, ("as it is", "without ink", "full of ink"), strict=True):
        shares = "".join(f"{share:>12.6f}" for share in moved.probabilities)
        yield f"  {f'{what}, {moved.value:.3f}':<24}{shares}"
    yield f"  {'slope, by backward':<24}" + "".join(f"{slope:>12.3g}" for slope in found.slopes)
    yield f"  slope of -log p({found.classes[0]}) {number(found.slope)}; {nudge_line(found.nudge)}"
