"""Ink, whatever its colour and whatever it lies on: from colours to how much ink there is at each pixel.

    colours -> the ground's colour at each pixel -> the difference along the ink's own direction in colour space

Ground is what the border of the picture mostly shows. The direction is the one in which the pixels differ most
from the ground, so that blue on white, red on green and white on black all become bright on black.
"""

import numpy as np

from numnet.kernels import BoolArray, FloatArray

# The part of the shorter side that counts as the border.
BORDER = 0.04
# Levels by which pixels of one flat colour may differ: JPEG's ringing and rounding.
FLAT = 8
# A border is flat when this share of it has one colour; the rest may be a stroke that runs out of the picture.
FLAT_SHARE = 0.6


def border_of(shape: tuple[int, ...]) -> BoolArray:
    """The ring along the edges of a picture (H, W, …), bool (H, W)."""
    width = max(1, round(BORDER * min(shape[:2])))
    ring = np.ones(shape[:2], bool)
    ring[width:-width, width:-width] = False
    return ring


def flat_ground(colours: FloatArray) -> FloatArray | None:
    """The one colour, float (C,), of the ground of (H, W, C), where the border has one; else None.

    It is the border's own, unless the picture has less of that colour than the border has of others: then it is ink
    that runs along the border, and the ground is what the rest mostly is.
    """
    ring = colours[border_of(colours.shape)]
    colour = np.percentile(ring, 50, axis=0, method="nearest")
    near = _near(ring, colour)
    if near.mean() < FLAT_SHARE:
        return None
    everywhere = _near(colours, colour)
    if near.mean() + everywhere.mean() >= 1:
        return colour
    return np.percentile(colours[~everywhere], 50, axis=0, method="nearest")


def _near(colours: FloatArray, colour: FloatArray) -> BoolArray:
    return np.asarray(np.abs(colours - colour).max(-1) <= FLAT)


def shaded_ground(colours: FloatArray) -> FloatArray:
    """The ground under uneven light, float (H, W, C): a quadratic surface through what most pixels agree on."""
    height, width, _ = colours.shape
    step = max(1, max(height, width) // 64)
    design = _quadratics(height, width)
    few = design[step // 2 :: step, step // 2 :: step].reshape(-1, 6)
    seen = colours[step // 2 :: step, step // 2 :: step].reshape(len(few), -1)
    weights = np.where(border_of(colours.shape)[step // 2 :: step, step // 2 :: step].ravel(), 1.0, 0.1)
    for _ in range(12):
        weighted = few * weights[:, None]
        surface = np.linalg.lstsq(weighted.T @ few, weighted.T @ seen, rcond=None)[0]
        distance = np.abs(seen - few @ surface).max(-1)
        scale = 2 * np.median(distance) + 1
        weights = 1 / (1 + (distance / scale) ** 2) ** 2
    return np.asarray(design @ surface)


def _quadratics(height: int, width: int) -> FloatArray:
    """1, x, y, x², xy, y² at each pixel, float (H, W, 6), x and y from -1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).astype(np.float32)


def along_the_ink(difference: FloatArray) -> FloatArray:
    """How far each pixel's difference from the ground, float (H, W, C), goes the way of the ink, float (H, W)."""
    flat = difference.reshape(-1, difference.shape[-1])
    size = np.square(flat).sum(-1, keepdims=True)
    direction = np.linalg.eigh((flat * size).T @ flat)[1][:, -1]
    along = flat @ direction
    if (along**3).sum() < 0:
        along = -along
    return np.asarray(along * np.abs(direction).max()).reshape(difference.shape[:2])


def grain_of(along: FloatArray) -> float:
    """The standard deviation of the ground's grain, told from the quarter of all pixels that differ least from it.

    So it may be covered with ink by three quarters. Of a normal distribution a quarter lies within 0.3186 deviations.
    """
    return float(np.percentile(np.abs(along), 25)) / 0.3186


def otsu(values: FloatArray) -> float:
    """The threshold between two classes of values with the largest variance between them (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, (0.0, float(values.max())))
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + np.nanargmax(between[:-1])])
