"""Picture files from anybody: which are opened, and how they become one array of bytes.

A file is refused by its bytes and its pixels before anything is decoded. What a decoder then makes of damaged bytes
ends as an ImageError as well. The content says what a file is, not its name.
"""

import io
import os
import stat
import threading
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from numnet.errors import ImageError
from numnet.kernels import ByteArray

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
REMEDY = "save it as PNG or JPEG"

MOST_BYTES = 2**25  # 32 MiB: a phone's 50-megapixel JPEG has about 15
MOST_PIXELS = 2**26  # 67 million: that phone's pixels; decoded they take 0.1 to 1.6 GB, by the kind of the picture
# The longer side that is worked on: 20 times what the network sees, so that a digit may be small in its picture.
WORKING_SIDE = 400

ORIENTATION = 0x0112  # the EXIF tag, and what undoes each of its values
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_WARNINGS = threading.Lock()  # catch_warnings changes what all threads share


def name_of(file: str | os.PathLike[str] | BinaryIO, name: str | None) -> str:
    """What messages call a file: `name`, or its path, or "the picture"; on one line, whatever it holds."""
    if name is None:
        name = os.fspath(file) if isinstance(file, str | os.PathLike) else "the picture"
    return printable(name)


def printable(name: str) -> str:
    """A file's name without what would move a terminal's cursor or begin a line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def read_bytes(file: str | os.PathLike[str] | BinaryIO) -> bytes:
    """All bytes of a file or a stream; ImageError if there are none or too many, or it cannot be read."""
    data = _read_path(Path(file)) if isinstance(file, str | os.PathLike) else file.read(MOST_BYTES + 1)
    if not data:
        raise ImageError(f"an empty file, expected a picture: {REMEDY} again")
    if len(data) > MOST_BYTES:
        raise ImageError(f"more than {MOST_BYTES:,} bytes, expected at most that: make the picture smaller")
    return data


def _read_path(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe may wait for ever, a device may never end
            found = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise ImageError(f"{found}, expected a picture: give the name of a file")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{reason}, expected a picture: check the name and the permissions") from error


def open_image(data: bytes) -> Image.Image:
    """The picture in a file's bytes, not decoded yet; ImageError where it is none, of another format, or too large."""
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("far more") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{_guess(data)}, expected PNG, JPEG, BMP, GIF or WebP: {REMEDY}") from error
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise _damaged(error) from error
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(f"{image.width} x {image.height}")
    return image


def _too_large(found: str) -> ImageError:
    return ImageError(f"{found} pixels, expected at most {MOST_PIXELS:,} in all: make the picture smaller")


def _damaged(error: Exception) -> ImageError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ImageError(f"a damaged picture ({reason}), expected a whole one: {REMEDY} again")


def _guess(data: bytes) -> str:
    """What a file looks like that is none of FORMATS."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "a TIFF"
    if data[:4] == b"%PDF":
        return "a PDF"
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF picture or a video"
    if data.lstrip()[:5].lower() in (b"<svg ", b"<?xml", b"<html", b"<!doc"):
        return "an SVG drawing or a web page"
    return "no picture that can be read"


def decode(image: Image.Image) -> ByteArray:
    """An opened picture, upright and its longer side at most WORKING_SIDE, uint8 (H, W, C).

    C is 1 (grey), 3 (red, green, blue) or 4 (with opacity). A 16-bit picture is stretched from its darkest
    to its brightest; an animation gives its first frame. Raises ImageError where the bytes are damaged.
    """
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF data, say: what can be read of a picture is enough
            image.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # a JPEG is decoded small at once, by whole means
            image.load()
            turn = TURNS.get(_orientation(image))
            plain = _reduced(_plain(image))
    except MemoryError:
        raise
    except Exception as error:  # decoders raise what they like on damaged bytes
        raise _damaged(error) from error
    array = np.asarray(plain if turn is None else plain.transpose(turn))
    return array.reshape(*array.shape[:2], -1)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1, upright, where the EXIF data are damaged."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a digit can be read without them
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """Any mode as L, RGB or RGBA; 16 bits are stretched from the darkest to the brightest."""
    if image.mode.startswith("I"):
        values = np.asarray(image, np.float32)
        low, high = values.min(), values.max()
        return Image.fromarray(np.rint(255 * (values - low) / max(high - low, 1)).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """The picture with each pixel the mean of a square: a thin stroke grows paler, but none is lost."""
    factor = -(-max(image.size) // WORKING_SIDE)
    return image.reduce(factor) if factor > 1 else image
