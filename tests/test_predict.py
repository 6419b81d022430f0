"""`numnet.predict`: people's files in, one answer each out, whatever else is among them."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numnet.data.datasets import Dataset
from numnet.nn.network import Network
from numnet.training.checkpoint import load_model
from numnet.training.committee import judge
from numnet.training.loop import fit
from numnet.training.saving import save_model

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def model(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that knows its digits, 94 % of them."""
    network = Network.mlp((784, 64, 10), kernels="textbook")
    fit(network, mnist.train, steps=600, learning_rate=3e-3, schedule="one_cycle")
    file = tmp_path_factory.mktemp("model") / "small.npz"
    save_model(network, file)
    return file


@pytest.fixture
def folder(mnist: Dataset, model: Path, tmp_path: Path) -> Path:
    """The first test images of classes 0 to 4 that the network reads rightly, as drawings: black on white, enlarged."""
    answers = judge([load_model(model, kernels="textbook")], mnist.test).together.answers
    for digit in range(5):
        row = int(np.flatnonzero((mnist.test.labels == digit) & (answers == digit))[0])
        drawing = Image.fromarray(255 - mnist.test.images[row]).resize((280, 280), Image.Resampling.BICUBIC)
        drawing.save(tmp_path / f"{digit}.png")
    return tmp_path


@pytest.fixture
def predict(numnet_command: Command, model: Path, folder: Path) -> Command:
    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return numnet_command("-m", "numnet.predict", model, *arguments, cwd=folder)

    return run


def test_one_picture_gets_a_digit_and_a_bar_for_each_class(predict: Command) -> None:
    run = predict("3.png")
    lines = run.stdout.splitlines()
    assert (run.returncode, run.stderr) == (0, "")
    assert lines[0] == "3.png: 3"
    assert [line.split()[0] for line in lines[1:]] == [str(c) for c in range(10)]
    longest = max(lines[1:], key=lambda line: line.count("█"))
    assert longest.split()[0] == "3"
    assert sum(float(line.rstrip("%").split()[-1]) for line in lines[1:]) == pytest.approx(100, abs=0.5)


def test_a_folder_and_a_file_get_a_line_each_in_order(predict: Command, folder: Path) -> None:
    (folder / "notes.txt").write_text("not a picture, and not taken from a folder")
    run = predict(".", "2.png")
    assert run.returncode == 0
    assert [line.split()[0] for line in run.stdout.splitlines()] == [
        "0.png:",
        "1.png:",
        "2.png:",
        "3.png:",
        "4.png:",
        "2.png:",
    ]
    assert [line.split()[1] for line in run.stdout.splitlines()] == ["0", "1", "2", "3", "4", "2"]


def test_standard_input_is_read(model: Path, folder: Path, environment: dict[str, str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "numnet.predict", str(model), "-"],
        input=(folder / "4.png").read_bytes(), capture_output=True, env=environment, check=True,
    )  # fmt: skip
    assert run.stdout.decode().startswith("standard input: 4\n")


def test_json_is_one_line_a_file_errors_too(predict: Command, folder: Path) -> None:
    (folder / "empty.png").write_bytes(b"")
    run = predict("1.png", "empty.png", "0.png", "--json")
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert (run.returncode, run.stderr) == (2, "")
    assert [line.get("digit") for line in found] == [1, None, 0]
    assert found[1]["error"].startswith("empty.png: an empty file")
    assert sum(found[0]["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_read(predict: Command, folder: Path) -> None:
    (folder / "text.png").write_text("not a picture")
    (folder / "bare").mkdir()
    run = predict("1.png", "text.png", "missing.png", "bare", "x" * 300, "2.png")
    assert run.returncode == 2
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["1.png:", "2.png:"]
    assert [line.split()[1] for line in run.stderr.splitlines()] == [
        "text.png:",
        "missing.png:",
        "bare:",
        "x" * 300 + ":",
    ]


def test_show_draws_a_row_of_stages_for_each_file(predict: Command, folder: Path) -> None:
    assert predict("1.png", "2.png", "--show", "seen.png").returncode == 0
    with Image.open(folder / "seen.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > sheet.height > 2 * 168


def test_show_replaces_no_model_and_no_picture_and_is_not_read_itself(
    predict: Command, folder: Path, model: Path
) -> None:
    for wrong in (model, folder / "1.png", "seen.jpg"):
        before = (folder / "1.png").read_bytes()
        run = predict("1.png", "--show", wrong)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
        assert (folder / "1.png").read_bytes() == before
    first = predict(".", "--show", "seen.png")
    assert predict(".", "--show", "seen.png").stdout == first.stdout


def test_a_name_with_control_characters_stays_on_its_line(predict: Command, folder: Path) -> None:
    name = "a\n\x1b[31m.png"
    (folder / name).write_bytes((folder / "1.png").read_bytes())
    assert predict(name, "2.png").stdout.splitlines()[0].startswith("a\ufffd\ufffd[31m.png: 1")


def test_raw_feeds_a_picture_as_it_is_and_says_why_that_is_fragile(
    predict: Command, folder: Path, mnist: Dataset, model: Path
) -> None:
    network = load_model(model, kernels="textbook")
    Image.fromarray(255 - mnist.test.images[0]).save(folder / "raw.png")
    logits = network.forward(mnist.test.images[:1].reshape(1, 784).astype(np.float32), draw=None)
    run = predict("raw.png", "--raw")
    assert run.stdout.startswith(f"raw.png: {logits.argmax()}\n")
    assert run.stdout.splitlines()[-1].startswith("--raw: the picture as it is, inverted, 0 to 255")
    assert predict("1.png", "--raw").returncode == 2  # 280 x 280


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere"),
        (("bare",), "bare: no picture in this folder"),
        ((), "FILE"),
        (("1.png", "--show", "no/s.png"), "no/s.png"),
    ],
)
def test_a_refusal_is_one_line(predict: Command, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    (folder / "bare").mkdir()
    run = predict(*arguments)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr


def test_a_model_of_other_images_is_refused(numnet_command: Command, folder: Path) -> None:
    save_model(Network.mlp((30, 3), kernels="textbook"), folder / "tiny.npz")
    run = numnet_command("-m", "numnet.predict", "tiny.npz", "1.png", cwd=folder)
    assert (run.returncode, run.stdout) == (2, "")
    assert "takes 30 numbers; expected 784" in run.stderr


def test_a_terminal_without_blocks_gets_plain_bars(model: Path, folder: Path, environment: dict[str, str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "numnet.predict", str(model), "3.png"],
        capture_output=True, env={**environment, "PYTHONIOENCODING": "ascii"}, cwd=folder, check=True,
    )  # fmt: skip
    assert b"###" in run.stdout
    assert b"?" not in run.stdout


def tutorials_kind() -> bytes:
    """A 16-bit grey picture of 28 x 28 with an alpha channel, the kind that the tutorial's own image is; our own two.

    Pillow has no such mode to write, so the PNG is put together by hand.
    """
    import struct
    import zlib

    grey, alpha = np.full((28, 28), 65535, ">u2"), np.full((28, 28), 65535, ">u2")
    for x, y in [(10, 8), (11, 7), (12, 6), (13, 6), (14, 6), (15, 6), (16, 7), (17, 8), (17, 9), (17, 10), (16, 11),
                 (16, 12), (15, 13), (14, 14), (13, 15), (12, 16), (11, 17), (10, 18), (9, 19), (9, 20), (10, 20),
                 (11, 20), (12, 20), (13, 20), (14, 20), (15, 20), (16, 20), (17, 20), (18, 20)]:  # fmt: skip
        grey[y : y + 2, x : x + 2] = 3000
    rows = b"".join(b"\0" + row.tobytes() for row in np.stack([grey, alpha], axis=2))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 28, 28, 16, 4, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_picture_of_the_tutorials_kind_is_read(predict: Command, folder: Path) -> None:
    (folder / "two.png").write_bytes(tutorials_kind())
    with Image.open(io.BytesIO(tutorials_kind())) as opened:
        assert opened.size == (28, 28)
    assert predict("two.png").stdout.startswith("two.png: 2\n")
