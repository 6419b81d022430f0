"""Pictures in characters, for a terminal."""

from collections.abc import Iterator

import numpy as np

from numnet.explain.numbers import Floats, number
from numnet.kernels import ByteArray

INKS = " .:-=+*#%@"  # from none to full
LEVELS = "=- +#"  # of a weight, from far below 0 to far above


def drawn(pixels: ByteArray, marked: tuple[int, int] | None = None) -> Iterator[str]:
    """Pixels, uint8 (H, W), two characters each, one of them marked."""
    for row, inks in enumerate(pixels.tolist()):
        shades = [INKS[ink * (len(INKS) - 1) // 255] * 2 for ink in inks]
        if marked and row == marked[0]:
            shades[marked[1]] = "[]"
        yield ("  " + "".join(shades)).rstrip()


def small(picture: ByteArray) -> Iterator[str]:
    """A character for two pixels, one above the other, which has about their shape."""
    rows = picture[: len(picture) // 2 * 2].astype(int).reshape(-1, 2, picture.shape[1]).sum(axis=1) // 2
    for row in rows.tolist():
        yield "".join(INKS[ink * (len(INKS) - 1) // 255] for ink in row)


def signed(weights: Floats) -> Iterator[str]:
    """Weights, float (H, W): # and + above 0, = and - below, a blank for next to nothing; and the ends of the scale."""
    most = abs(weights).max() or 1.0
    levels = np.clip(np.round((weights / most + 1) * (len(LEVELS) - 1) / 2), 0, len(LEVELS) - 1).astype(int)
    for row in levels:
        yield ("  " + "".join(LEVELS[level] * 2 for level in row)).rstrip()
    yield f"  # + above 0, up to {number(float(weights.max()))}; = - below, down to {number(float(weights.min()))}"
