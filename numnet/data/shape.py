"""A digit's ink in MNIST's manner: longer side 20 pixels, strokes as wide as a pen's, centred by mass in 28 x 28.

LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998), section III.A: fitted
into 20 x 20 with the aspect ratio kept, anti-aliased, the centre of mass at the centre of the 28 x 28 field.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from numnet.kernels import BoolArray, ByteArray, FloatArray

SIDE = 28
LONGER = 20
FINE = 4  # strokes are widened or thinned on a grid this many times finer
# The level of full ink: what this percentage of the strokes' pixels stay under, so that their cores are full.
FULL_INK = 60
# Strokes thinner than this are widened: a quarter of MNIST's have less, 1 in 20 has less than 1.6.
THIN = 2.0


def box_of(mask: BoolArray) -> tuple[slice, slice]:
    """The rows and columns that hold anything of a mask, bool (H, W) with something in it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def stroke_width(ink: FloatArray) -> float:
    """The mean width of strokes of ink 0..1, in pixels: a band of width w and length l has area wl and outline 2l."""
    padded = np.pad(ink, 1)
    down, right = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    return float(2 * ink.sum() / max(np.hypot(down, right).sum(), 1e-6))


def resized(ink: FloatArray, longer: int) -> FloatArray:
    """Ink with its longer side `longer` pixels, the mean of what falls on each."""
    height, width = ink.shape
    scale = longer / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return ink
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(np.clip(np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, how)), 0, 1))


def widened(ink: npt.NDArray[Any], radius: int) -> npt.NDArray[Any]:
    """The largest value within `radius` pixels of each; the picture grows by as much on each side."""
    wide = np.pad(ink, 2 * radius)
    height, width = ink.shape[0] + 2 * radius, ink.shape[1] + 2 * radius
    out = np.zeros((height, width), ink.dtype)
    for dy in range(-radius, radius + 1):
        reach = int(np.sqrt(radius * radius - dy * dy))
        for dx in range(-reach, reach + 1):
            np.maximum(out, wide[radius + dy :][:height, radius + dx :][:, :width], out=out)
    return out


def with_pen_width(ink: FloatArray) -> FloatArray:
    """Ink 0..1 with its longer side 20 pixels, thin strokes widened to THIN."""
    fine = FINE * LONGER
    width = stroke_width(full(resized(ink, fine))) / FINE
    radius = round(FINE * max(0.0, THIN - width) / 2)
    if radius:
        return resized(widened(full(resized(ink, fine - 2 * radius)), radius), LONGER)
    return resized(full(resized(ink, fine)), LONGER)


def full(ink: FloatArray) -> FloatArray:
    """Ink 0..1 with its strokes at 1 again, where shrinking spread a thin line over a pixel and made it pale."""
    strokes = ink[ink > ink.max() / 2]
    return np.asarray(np.minimum(ink / np.percentile(strokes, FULL_INK), 1))


def centred(ink: FloatArray) -> FloatArray:
    """Ink, float (h, w), in a field of 28 x 28 with its centre of mass at 14, as MNIST rounds it.

    MNIST's own images have it in [13.5, 14.5), counted in pixels from 0.
    """
    height, width = ink.shape
    top, left = (int(np.ceil(SIDE / 2 - 0.5 - at)) for at in _centre_of_mass(ink))
    field = np.zeros((3 * SIDE, 3 * SIDE), ink.dtype)
    field[SIDE + top :][:height, SIDE + left :][:, :width] = ink
    return field[SIDE : 2 * SIDE, SIDE : 2 * SIDE]


def _centre_of_mass(ink: FloatArray) -> tuple[float, float]:
    """Row and column, counted from 0 at the middle of the first pixel."""
    total = ink.sum(dtype=np.float64)
    height, width = ink.shape
    return float(ink.sum(1) @ np.arange(height) / total), float(ink.sum(0) @ np.arange(width) / total)


def is_of_size(ink: FloatArray) -> bool:
    """Whether the longer side of a picture's ink is 20 pixels, as MNIST has it, wherever it lies."""
    rows, columns = box_of(ink > 0)
    return bool(max(rows.stop - rows.start, columns.stop - columns.start) == LONGER)


def as_bytes(ink: FloatArray) -> ByteArray:
    """Ink 0..1 as uint8 0..255."""
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
