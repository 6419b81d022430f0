"""What a pixel of somebody's own picture does to the answer."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from numnet.data.shape import SIDE
from numnet.explain.drawing import drawn
from numnet.explain.numbers import Floats, folded, number
from numnet.explain.oracle import H, Slope
from numnet.explain.trace import FORMAT, Nudge, finite, judged
from numnet.kernels import ByteArray
from numnet.nn.loss import softmax
from numnet.nn.network import Network

SHOWN = 3  # classes, the likeliest, whose probabilities are followed


@dataclass(frozen=True)
class Moved:
    """The answer with the pixel at another value.

    value : 0 is no ink, 1 full ink    probabilities : of the classes followed
    """

    value: float
    probabilities: list[float]


@dataclass(frozen=True)
class Pixel:
    """One pixel of what the network saw.

    pixels : 0..255, (28, 28)    classes : those followed    slopes : of their probabilities by the pixel
    nudge : the first slope beside the answer's change    moved : as it is, without ink, with full ink
    """

    about: str
    pixels: list[list[int]]
    row: int
    column: int
    classes: list[int]
    slopes: list[float]
    nudge: Nudge
    moved: list[Moved]

    @property
    def passed(self) -> bool:
        """Whether the answer changes as backward says."""
        return self.nudge.verdict != "WRONG"

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json."""
        return {"format": FORMAT, "passed": self.passed, **finite(asdict(self))}


def pixel(network: Network, about: str, pixels: ByteArray, row: int, column: int) -> Pixel:
    """Of a picture, uint8 (28, 28), by a network in float64."""
    x = network.to_floats(pixels.reshape(1, -1))
    place = row * SIDE + column
    p = _answer(network, x)
    classes = [int(c) for c in np.argsort(-p, kind="stable")[:SHOWN]]
    slopes = [_slope(network, x, p, c)[place] for c in classes]
    moved = [Moved(value, [float(_answer(network, _with(x, place, value))[c]) for c in classes])
             for value in (float(x[0, place]), 0.0, 1.0)]  # fmt: skip
    up, down = (_answer(network, _with(x, place, x[0, place] + h))[classes[0]] for h in (H, -H))
    nudge = judged(slopes[0], Slope(float(up - down) / (2 * H), _switches(network, x, place)), np.finfo(float).eps / H)
    return Pixel(about, pixels.tolist(), row, column, classes, slopes, nudge, moved)


def _answer(network: Network, x: Floats) -> Floats:
    """The probabilities, float64 (C,)."""
    return np.asarray(softmax(network.forward(x, draw=None))[0])


def _with(x: Floats, place: int, value: float) -> Floats:
    moved = x.copy()
    moved[0, place] = value
    return moved


def _slope(network: Network, x: Floats, p: Floats, c: int) -> list[float]:
    """How fast the probability of class c changes with each pixel.

    dp[c]/dlogits[j] = p[c] * ([j = c] - p[j]), and from there backward, all the way to the pixels.
    """
    network.forward(x, draw=None)
    dlogits = -p[c] * p
    dlogits[c] += p[c]
    dx = network.backward(dlogits[None], to_input=True)
    assert dx is not None
    found: list[float] = dx[0].tolist()
    return found


def _switches(network: Network, x: Floats, place: int) -> bool:
    """Whether the nudge puts a number of some layer on the other side of 0, where a ReLU may have its kink."""
    sides = []
    for h in (H, -H):
        y, own = _with(x, place, x[0, place] + h), []
        for layer in network.layers:
            y = layer.forward(y, draw=None).copy()
            own.append((y > 0).tobytes())
        sides.append(own)
    return sides[0] != sides[1]


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
    apart = f", {found.nudge.error:.0e} apart" if found.nudge.verdict in ("ok", "WRONG") else ""
    yield f"  nudged, p({found.classes[0]}) says {number(found.nudge.slope)}{apart}: {found.nudge.verdict}"
