"""Sheets of pictures with captions, to look at many images at once."""

import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from numnet.kernels import ByteArray

GAP, LINE, TEXT = 10, 16, 13  # pixels: between cells, a line of a caption, and the height of its letters
PAPER, INK, FRAME = (255, 255, 255), (30, 30, 30), (150, 150, 150)


class Cell(NamedTuple):
    """One picture of a sheet.

    picture : uint8 (height, width), grey, or (height, width, 3), colour
    caption : one line, or a few
    """

    picture: ByteArray
    caption: str


def draw_sheet(cells: Sequence[Cell], *, columns: int, side: int) -> bytes:
    """A PNG of all cells in rows of `columns`, each picture fitted into a square of `side` pixels."""
    lines = max(cell.caption.count("\n") + 1 for cell in cells)
    wide, tall = side + GAP, side + LINE * lines + GAP
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (min(columns, len(cells)) * wide + GAP, rows * tall + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, cell in enumerate(cells):
        left, top = GAP + place % columns * wide, GAP + place // columns * tall
        fitted = _fitted(Image.fromarray(cell.picture), side)
        sheet.paste(fitted, (left, top))
        draw.rectangle((left - 1, top - 1, left + fitted.width, top + fitted.height), outline=FRAME)
        draw.multiline_text((left, top + side + 2), cell.caption, fill=INK, font_size=TEXT, spacing=LINE - TEXT)
    buffer = io.BytesIO()
    sheet.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """The picture as large as fits; pixels of a small one stay squares."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
