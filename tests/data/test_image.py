"""People's own pictures: what is made of them, that what does not matter changes nothing, and what is refused."""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from numnet.data import opening
from numnet.data.components import find_pieces
from numnet.data.datasets import Dataset
from numnet.data.image import Seen, see, see_raw
from numnet.data.ink import otsu
from numnet.data.shape import centred, stroke_width
from numnet.errors import ImageError

Pixels = npt.NDArray[Any]

SAMPLES = range(10)


def encoded(picture: Pixels | Image.Image, form: str = "png", **options: Any) -> io.BytesIO:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(stream, form, **options)
    stream.seek(0)
    return stream


def enlarged(digit: Pixels, side: int = 280) -> Pixels:
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


def painted(digit: Pixels, ink: tuple[int, ...], ground: tuple[int, ...]) -> Pixels:
    """A digit of ink 0..255 in one colour on another."""
    share = digit[..., None] / 255
    return np.rint(share * np.array(ink) + (1 - share) * np.array(ground)).astype(np.uint8)


def alike(seen: Pixels, digit: Pixels) -> float:
    """The best correlation of two pictures, one moved by a pixel at most: rounding may tip the centre of mass."""
    moves = [np.roll(seen, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return max(float(np.corrcoef(moved.ravel(), digit.ravel())[0, 1]) for moved in moves)


def assert_reads_as(seen: Seen, digit: Pixels, least: float = 0.8) -> None:
    assert seen.pixels.shape == (28, 28)
    assert seen.pixels.dtype == np.uint8
    assert alike(seen.pixels, digit) > least
    assert seen.pixels.max() > 200


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(ImageError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(params=SAMPLES)
def digit(request: pytest.FixtureRequest, mnist: Dataset) -> Pixels:
    """One test image of each class."""
    return np.asarray(mnist.test.images[np.flatnonzero(mnist.test.labels == request.param)[0]])


@pytest.fixture
def three(mnist: Dataset) -> Pixels:
    return np.asarray(mnist.test.images[np.flatnonzero(mnist.test.labels == 3)[0]])


# MNIST itself


@pytest.mark.slow
def test_mnist_goes_through_unchanged(mnist: Dataset) -> None:
    same = [np.array_equal(see(encoded(image)).pixels, image) for image in mnist.test.images]
    assert sum(same) >= 9_990
    inverted = [np.array_equal(see(encoded(255 - image)).pixels, image) for image in mnist.test.images[:500]]
    assert sum(inverted) >= 499


# What does not matter


@pytest.mark.parametrize(("top", "left", "side"), [(1, 1, 28), (7, 7, 28), (30, 9, 64)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_digit_of_the_right_size_is_moved_to_the_middle_and_nothing_else(
    digit: Pixels, top: int, left: int, side: int, inverted: bool
) -> None:
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    ink = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    field = np.zeros((side, side), np.uint8)
    field[top : top + len(ink), left : left + ink.shape[1]] = ink
    assert see(encoded(255 - field if inverted else field)).pixels.tobytes() == digit.tobytes()


def test_size_and_place_do_not_matter(digit: Pixels) -> None:
    field = np.zeros((500, 700), np.uint8)
    field[40:320, 350:630] = enlarged(digit)
    assert_reads_as(see(encoded(field)), digit)
    assert_reads_as(see(encoded(np.roll(digit, (3, -3), (0, 1)))), digit)


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((30, 40, 200), (250, 250, 240)),
        ((200, 30, 30), (20, 120, 40)),
        ((230, 220, 40), (40, 40, 40)),
        ((200, 200, 200), (225, 225, 225)),
    ],
)
def test_colours_do_not_matter(three: Pixels, ink: tuple[int, ...], ground: tuple[int, ...]) -> None:
    assert_reads_as(see(encoded(painted(enlarged(three), ink, ground))), three)


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_a_drawing_on_a_transparent_ground(three: Pixels, ink: tuple[int, ...]) -> None:
    large = enlarged(three)
    rgba = np.concatenate([np.broadcast_to(np.uint8(ink), (*large.shape, 3)), large[..., None]], -1)
    assert_reads_as(see(encoded(rgba)), three)


def test_an_opaque_sheet_amid_transparent_ground(three: Pixels) -> None:
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[50:330, 60:340] = np.dstack([np.repeat(255 - enlarged(three)[..., None], 3, -1), np.full((280, 280), 255)])
    assert_reads_as(see(encoded(rgba)), three)


def test_uneven_light_and_grain(digit: Pixels) -> None:
    light = np.linspace(90, 220, 280) * np.linspace(1, 0.8, 280)[:, None]
    grain = np.random.default_rng(0).normal(0, 4, light.shape)
    photo = np.clip(light * (1 - 0.7 * enlarged(digit) / 255) + grain, 0, 255).astype(np.uint8)
    seen = see(encoded(photo))
    assert_reads_as(seen, digit)
    assert "uneven light" in seen.stages[1].note


def test_pale_ruled_lines_specks_and_a_frame_are_left_out(three: Pixels) -> None:
    field = np.full((400, 400), 255, np.uint8)
    field[60:340, 60:340] = 255 - enlarged(three)
    ruled = np.minimum(field, np.where(np.arange(400) % 40 < 2, 225, 255)[:, None]).astype(np.uint8)
    ruled[:, 392:] = 0  # a dark table at the edge
    ruled[20:24, 20:24] = 0  # a speck
    assert_reads_as(see(encoded(ruled)), three)


def test_strokes_apart_stay_together() -> None:
    image = Image.new("L", (200, 300), 255)
    draw = ImageDraw.Draw(image)
    draw.line([(60, 40), (140, 40)], 0, 14)
    draw.line([(60, 70), (60, 250)], 0, 14)
    top, left, bottom, right = find_pieces(see(encoded(image)).pixels > 60).boxes[0]
    assert bottom - top >= 19  # the stroke below alone would be as tall, but a fifth as wide
    assert right - left >= 7


def test_a_thin_line_is_widened_not_lost() -> None:
    image = Image.new("L", (1600, 1600), 255)
    ImageDraw.Draw(image).ellipse((400, 300, 1200, 1300), outline=0, width=3)
    pixels = see(encoded(image)).pixels
    assert pixels.max() > 240
    assert 1.5 < stroke_width(pixels / 255) < 3


# Any mode, any turn


def test_modes_that_pillow_opens(three: Pixels) -> None:
    large = 255 - enlarged(three)
    grey = Image.fromarray(large)
    pictures = {
        "1": encoded(grey.convert("1", dither=Image.Dither.NONE)),
        "P": encoded(grey.convert("RGB").quantize(16)),
        "CMYK": encoded(grey.convert("CMYK"), "jpeg", quality=95),
        "YCbCr": encoded(grey.convert("RGB"), "jpeg"),
        "I;16": encoded(large.astype(np.uint16) * 257),
        "faint I;16": encoded(large.astype(np.uint16) + 20_000),
        "LA": encoded(grey.convert("LA")),
        "bmp": encoded(grey.convert("RGB"), "bmp"),
        "webp": encoded(grey.convert("RGB"), "webp"),
    }
    for name, file in pictures.items():
        assert alike(see(file).pixels, three) > 0.8, name


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_16_bit_grey_with_alpha(three: Pixels) -> None:
    samples = np.stack([(255 - three).astype(">u2") * 257, np.full(three.shape, 65535)], -1).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    np.testing.assert_array_equal(see(io.BytesIO(png(28, 28, 16, 4, rows))).pixels, three)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns(three: Pixels, orientation: int) -> None:
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: np.rot90,
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }[orientation](255 - enlarged(three))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_reads_as(see(encoded(np.ascontiguousarray(stored), "jpeg", exif=exif)), three)


def test_an_animation_gives_its_first_frame(three: Pixels) -> None:
    first, second = Image.fromarray(255 - enlarged(three)), Image.new("L", (280, 280), 0)
    assert_reads_as(see(encoded(first, "gif", save_all=True, append_images=[second])), three)


def test_the_content_decides_not_the_extension(three: Pixels, tmp_path: Path) -> None:
    (tmp_path / "three.bmp").write_bytes(encoded(three).getvalue())
    np.testing.assert_array_equal(see(tmp_path / "three.bmp").pixels, three)


# Stages


def test_stages_can_be_shown(three: Pixels) -> None:
    seen = see(encoded(painted(enlarged(three), (30, 40, 200), (255, 255, 255))))
    assert [stage.name for stage in seen.stages] == ["as opened", "ink", "cleaned", "cropped", "seen"]
    assert all(stage.picture.dtype == np.uint8 for stage in seen.stages)
    assert seen.stages[1].note == "dark ink on light ground: inverted"
    np.testing.assert_array_equal(seen.stages[-1].picture, seen.pixels)


def test_centred_by_hand() -> None:
    field = centred(np.ones((20, 4)))
    assert field.sum() == 80
    assert field[4:24, 12:16].all()


def test_stroke_width_of_a_bar() -> None:
    assert stroke_width(np.ones((100, 5))) == pytest.approx(2 * 500 / 210, rel=0.02)


def test_pieces_touch_at_corners_and_by_detours() -> None:
    mask = np.array([[1, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1]], bool)
    pieces = find_pieces(mask)
    assert pieces.labels.tolist() == [[1, 0, 0, 2, 0, 3], [0, 1, 0, 0, 0, 3], [0, 0, 0, 3, 3, 3]]
    assert pieces.boxes.tolist() == [[0, 0, 2, 2], [0, 3, 1, 4], [0, 3, 3, 6]]
    assert len(find_pieces(np.zeros((3, 3), bool))) == 0


def test_otsu_parts_two_classes() -> None:
    assert 10 < otsu(np.array([0.0] * 90 + [10.0] * 5 + [200.0] * 9)) < 200


# Raw


def test_raw_is_grey_and_inverted_and_nothing_else(three: Pixels) -> None:
    np.testing.assert_array_equal(see_raw(encoded(three)).pixels, 255 - three)
    message = refusal(lambda: see_raw(encoded(enlarged(three)), "big.png"))
    assert message.startswith("big.png: 280 x 280 pixels, expected 28 x 28")


# What is refused


def test_no_picture(tmp_path: Path) -> None:
    assert "No such file" in refusal(lambda: see(tmp_path / "none.png"))
    assert "a folder, expected a picture" in refusal(lambda: see(tmp_path))
    assert refusal(lambda: see(io.BytesIO(b""), "e.png")).startswith("e.png: an empty file, expected a picture")
    words = "x: no picture that can be read, expected PNG, JPEG, BMP, GIF or WebP: save it as PNG or JPEG"
    assert refusal(lambda: see(io.BytesIO(b"hello"), "x")) == words
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "a pipe or a device" in refusal(lambda: see(tmp_path / "pipe"))


def test_another_format(three: Pixels) -> None:
    assert refusal(lambda: see(encoded(three, "tiff"), "t.png")).startswith("t.png: a TIFF, expected PNG")
    assert "no picture that can be read" in refusal(lambda: see(encoded(three, "ppm")))


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp", "webp"])
def test_a_file_cut_short(three: Pixels, form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(noise, form).getvalue()
    for share in (0.1, 0.5, 0.8):
        refusal(lambda share=share: see(io.BytesIO(content[: int(share * len(content))])))  # type: ignore[misc]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16"])
def test_nothing_drawn(mode: str) -> None:
    blank = Image.new(mode, (50, 40))
    assert "an empty picture, nothing stands out" in refusal(lambda: see(encoded(blank)))


def test_bombs_are_refused_before_they_are_decoded() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    for side in (8_500, 12_000, 60_000):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            message = refusal(lambda side=side: see(io.BytesIO(png(side, side, 8, 0, b"\0" * 99)), "bomb"))  # type: ignore[misc]
        assert message.startswith("bomb: ")
        assert "pixels, expected at most 67,108,864 in all: make the picture smaller" in message
    assert limit == Image.MAX_IMAGE_PIXELS


def test_too_many_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, three: Pixels) -> None:
    (tmp_path / "three.png").write_bytes(encoded(three).getvalue())
    monkeypatch.setattr(opening, "MOST_BYTES", 100)
    assert "more than 100 bytes" in refusal(lambda: see(tmp_path / "three.png"))
    assert "more than 100 bytes" in refusal(lambda: see(encoded(three)))


@pytest.mark.parametrize("side", [300, 900])
@pytest.mark.parametrize("grain", [2.5, 8])
@pytest.mark.parametrize("shade", [0, 40])
def test_blank_paper_has_grain_and_is_empty(side: int, grain: float, shade: float) -> None:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    paper = 200 - shade * (x * x + y * y)[..., None] + np.random.default_rng(0).normal(0, grain, (side, side, 3))
    with pytest.raises(ImageError, match="an empty picture"):
        see(encoded(np.clip(paper, 0, 255).astype(np.uint8), "jpeg"))
