"""Pictures in characters, for a terminal."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from numnet.explain.numbers import number
from numnet.kernels import ByteArray, FloatArray

INKS = " .:-=+*#%@"  # from none to full
SHRUNK = 28  # pixels
LEVELS = "=- +#"  # of a weight, from far below 0 to far above


def drawn(pixels: ByteArray, marked: tuple[int, int] | None = None) -> Iterator[str]:
    """Pixels, uint8 (H, W), two characters each, one of them marked."""
    for row, inks in enumerate(pixels.tolist()):
        shades = [INKS[ink * (len(INKS) - 1) // 255] * 2 for ink in inks]
        if marked and row == marked[0]:
            shades[marked[1]] = "[]"
        yield ("  " + "".join(shades)).rstrip()


def beside(*pictures: ByteArray) -> Iterator[str]:
    """Pictures, uint8 (H, W) each, beside each other: a character for two pixels, one above the other."""
    for row in zip(*map(_halved, pictures), strict=True):
        yield ("  " + "    ".join(row)).rstrip()


def _halved(picture: ByteArray) -> Iterator[str]:
    rows = picture[: len(picture) // 2 * 2].astype(int).reshape(-1, 2, picture.shape[1]).sum(axis=1) // 2
    for row in rows.tolist():
        yield "".join(INKS[ink * (len(INKS) - 1) // 255] for ink in row)


def shrunk(picture: ByteArray) -> ByteArray:
    """A picture of any size, uint8 (H, W) or (H, W, 3), in grey, its longer side of at most 28 pixels."""
    image = Image.fromarray(picture).convert("L")
    image.thumbnail((SHRUNK, SHRUNK))
    return np.asarray(image)


def signed(weights: FloatArray) -> Iterator[str]:
    """Weights, float (H, W): # and + above 0, = and - below, a blank for next to nothing; and the ends of the scale."""
    most = abs(weights).max() or 1.0
    levels = np.clip(np.round((weights / most + 1) * (len(LEVELS) - 1) / 2), 0, len(LEVELS) - 1).astype(int)
    for row in levels:
        yield ("  " + "".join(LEVELS[level] * 2 for level in row)).rstrip()
    yield f"  # + above 0, up to {number(float(weights.max()))}; = - below, down to {number(float(weights.min()))}"
