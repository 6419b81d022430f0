"""One pixel of a distorted image, worked out again from the picture that it was taken from."""

import math
from typing import NamedTuple

from numnet.explain.numbers import Spelled, inner, number
from numnet.kernels import ByteArray


class Mix(NamedTuple):
    """What a distorted pixel is made of: the four pixels round a place of the picture, weighed by nearness.

    down, across : the place, in pixels of the picture    weights, pixels : of the four, each 0..1
    """

    down: float
    across: float
    weights: tuple[float, ...]
    pixels: tuple[float, ...]

    def spelled(self) -> Spelled:
        """The four products, what they come to, and where they lie."""
        pairs = list(zip(self.weights, self.pixels, strict=True))
        text = " + ".join(f"{number(weight)} * {inner(pixel)}" for weight, pixel in pairs)
        where = f"of the image as it is, {self.down:.2f} pixels down and {self.across:.2f} across"
        return Spelled(text, math.fsum(weight * pixel for weight, pixel in pairs), where)


def mixed(picture: ByteArray, down: float, across: float) -> Mix:
    """What is seen at a place of a picture, uint8 (H, W); beyond its edges there is no ink."""
    top, left = math.floor(down), math.floor(across)
    v, u = down - top, across - left
    weights = ((1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u)
    corners = ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1))
    return Mix(down, across, weights, tuple(_ink(picture, y, x) for y, x in corners))


def _ink(picture: ByteArray, y: int, x: int) -> float:
    height, width = picture.shape
    return int(picture[y, x]) / 255 if 0 <= y < height and 0 <= x < width else 0.0
