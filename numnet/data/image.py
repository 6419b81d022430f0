"""People's own pictures of digits, on the one path to what MNIST's pictures are.

    file -> as opened -> ink -> cleaned -> cropped -> seen: uint8 (28, 28), bright on black

Any colours, dark on light or light on dark, a drawing on a transparent ground, a photo under uneven light. Each step
is a function of arrays that can be called by itself, and leaves a picture to be shown.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from numnet.data.components import digit_mask
from numnet.data.ink import along_the_ink, flat_ground, grain_of, otsu, shaded_ground
from numnet.data.opening import decode, name_of, open_image, read_bytes
from numnet.data.shape import FULL_INK, SIDE, as_bytes, box_of, centred, is_of_size, widened, with_pen_width
from numnet.errors import ImageError
from numnet.kernels import BoolArray, ByteArray, FloatArray

# Fainter than this, in levels of 255, is the grain of a camera or the rounding of a JPEG, not ink.
LEAST_CONTRAST = 8
# Of a million grains of paper the farthest is 5 standard deviations off; a pencil's stroke is 10 and more.
LEAST_GRAINS = 8
# Opaque enough to be seen, and the share of its box that an opaque ground under a drawing fills.
OPAQUE, GROUND_SHARE = 128, 0.9
# A drawing on an opaque ground shows at least this spread of levels; one whose colour is even is drawn by its opacity.
DRAWN_SPREAD = 16
# Strokes go down to this share of the threshold between ink and ground, so that faint ends stay on.
FAINT_ENDS = 0.75
# Under uneven light, what is below this share of that threshold is grain.
GRAIN = 0.25
# Strokes are softer at the edge than the mask: it is widened by this share of the picture's longer side.
SOFT_EDGE = 0.01
# MNIST's brightest pixels are 254 or 255; ink as bright as this is left as it is.
BRIGHT = 240


@dataclass(frozen=True)
class Stage:
    """One step on the way, to be shown.

    name : short
    picture : uint8 (height, width), or (height, width, 3) for colour
    note : one short sentence on what was done or found
    """

    name: str
    picture: npt.NDArray[np.uint8]
    note: str = ""


@dataclass(frozen=True)
class Seen:
    """What a network is given of a picture, and how it came about.

    pixels : uint8 (28, 28), ink bright on black, as MNIST has it
    stages : from the file to `pixels`, in order
    """

    pixels: npt.NDArray[np.uint8]
    stages: tuple[Stage, ...]


def see(file: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> Seen:
    """What a network is given of a picture file, a path or an open stream, which messages call `name`.

    Raises ImageError, in one line, where it is no picture, is too large or damaged, or shows nothing.
    """
    with _naming(name_of(file, name)):
        opened = decode(open_image(read_bytes(file)))
        visible, made_of = without_alpha(opened)
        levels, shaded, ground = ink_of(visible)
        stages = (Stage("as opened", _shown(visible), made_of), Stage("ink", as_bytes(levels / levels.max()), ground))
        whole = np.rint(levels)
        if whole.max() >= BRIGHT and is_of_size(whole):
            pixels = as_bytes(centred(whole[box_of(whole > 0)] / 255))
            return Seen(
                pixels, (*stages, Stage("seen", pixels, "drawn as MNIST's digits are: centred by mass, no more"))
            )
        cleaned = clean(levels, shaded=shaded)
        cropped = cleaned[box_of(cleaned > 0.05)]
        pixels = as_bytes(centred(with_pen_width(cropped)))
        return Seen(
            pixels,
            (
                *stages,
                Stage("cleaned", as_bytes(cleaned), "what is not part of the digit removed, ink made full"),
                Stage("cropped", as_bytes(cropped), "to the ink"),
                Stage("seen", pixels, "longer side 20, thin strokes widened, centred by mass"),
            ),
        )


def see_raw(file: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> Seen:
    """A picture of 28 x 28 made grey and inverted, and nothing else; ImageError for another size, too."""
    with _naming(name_of(file, name)):
        image = open_image(read_bytes(file))
        if image.size != (SIDE, SIDE):
            size = f"{image.width} x {image.height}"
            raise ImageError(f"{size} pixels, expected {SIDE} x {SIDE}: resize it, or leave --raw out")
        decode(image)  # damaged bytes are refused here
        grey = np.array(image.convert("L"))
        return Seen(255 - grey, (Stage("as opened", grey, "as grey"), Stage("seen", 255 - grey, "inverted")))


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let an ImageError begin with the file's name."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def without_alpha(picture: ByteArray) -> tuple[ByteArray, str]:
    """What can be seen of a picture, uint8 (H, W, 1, 3 or 4), without opacity, and a note.

    A drawing on an opaque ground keeps its colours; on a transparent one it is the opacity that draws.
    """
    if picture.shape[2] < 4:
        return picture, ""
    colours, alpha = picture[..., :3], picture[..., 3]
    solid = alpha >= OPAQUE
    if alpha.min() == alpha.max() > 0:
        return colours, ""
    if solid.any() and colours[solid].std(0).max() > DRAWN_SPREAD:
        rows, columns = box_of(solid)
        if solid[rows, columns].mean() >= GROUND_SHARE:
            ground = np.median(colours[solid], axis=0).astype(np.uint8)
            return np.where(solid[..., None], colours, ground)[rows, columns], "the opaque part"
    return alpha[..., None], "drawn on a transparent ground: its opacity"


def ink_of(picture: ByteArray) -> tuple[FloatArray, bool, str]:
    """How much ink is where in uint8 (H, W, 1 or 3): float (H, W), levels of 0 to 255; is the ground uneven; a note.

    Raises ImageError where nothing stands out.
    """
    colours = picture.astype(np.float32)
    if (picture == picture[..., :1]).all():
        colours = colours[..., :1]  # grey
    flat = flat_ground(colours)
    ground = shaded_ground(colours) if flat is None else flat
    along = along_the_ink(colours - ground)
    levels = np.maximum(along, 0)
    if levels.max() < max(LEAST_CONTRAST, LEAST_GRAINS * grain_of(along)):
        raise ImageError("an empty picture, nothing stands out from its ground, expected a digit: draw one")
    dark = colours[levels > levels.max() / 2].mean() < ground.mean()
    note = "dark ink on light ground: inverted" if dark else "light ink on dark ground"
    return levels, flat is None, f"{note}; uneven light taken away" if flat is None else note


def clean(levels: FloatArray, *, shaded: bool) -> FloatArray:
    """The digit alone, float (H, W) of 0 to 1 with the cores of its strokes at 1, of levels 0 to 255.

    shaded : the ground was uneven, so that it has grain
    """
    threshold = otsu(levels)
    mask = levels > FAINT_ENDS * threshold
    digit = digit_mask(mask, levels)
    none = GRAIN * threshold if shaded else 0.0
    full = float(np.percentile(levels[digit], FULL_INK))
    kept = _grown(digit) & (digit | ~mask)
    return np.where(kept, np.clip((levels - none) / (full - none), 0, 1), 0)


def _grown(mask: BoolArray) -> BoolArray:
    radius = max(1, round(SOFT_EDGE * max(mask.shape)))
    return widened(mask, radius)[radius:-radius, radius:-radius]


def _shown(picture: ByteArray) -> ByteArray:
    """(H, W, 1 or 3) as a stage has it."""
    return picture[..., 0] if picture.shape[2] == 1 else picture
