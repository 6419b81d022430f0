"""A distorted pixel is what its four say: by hand, beside the kernel, and in a trace, which calls a wrong one so."""

import subprocess
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numnet.data.augment import Distorter, Distortion
from numnet.explain import scene as scenes
from numnet.explain.mix import mixed
from numnet.explain.trace import Trace
from numnet.explain.walk import Walk
from numnet.kernels import textbook

Command = Callable[..., "subprocess.CompletedProcess[str]"]
PICTURE = np.array([[255, 51], [0, 204]], np.uint8)


def test_a_place_between_four_pixels_by_hand() -> None:
    """A quarter of the way down and half across: 3/8 of 1 and of 0.2, 1/8 of 0 and of 0.8."""
    mix = mixed(PICTURE, 0.25, 0.5)
    assert mix.weights == (0.375, 0.375, 0.125, 0.125)
    text, value, where = mix.spelled()
    assert text == "0.375 * 1 + 0.375 * 0.2 + 0.125 * 0 + 0.125 * 0.8"
    assert value == pytest.approx(0.375 + 0.075 + 0.1, rel=1e-12)
    assert where == "of the image as it is, 0.25 pixels down and 0.50 across"


def test_beyond_the_edges_there_is_no_ink() -> None:
    assert mixed(PICTURE, -0.5, 0).spelled().value == 0.5
    assert mixed(PICTURE, 1, 1.75).spelled().value == pytest.approx(0.25 * 0.8, rel=1e-12)
    assert mixed(PICTURE, -3, 9).spelled().value == 0


def test_every_pixel_that_the_kernel_distorts_is_the_mix_of_its_place() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 7, 6), np.uint8)
    distorter = Distorter(Distortion(), (7, 6), 3, seed=2, kernels=textbook, dtype=np.float64)
    out = np.empty((3, 42))
    distorter.distort(pictures, np.full(3, 4), np.arange(3), out)
    for row in range(3):
        for i in range(42):
            mix = mixed(pictures[row], *distorter.place(4, row, *divmod(i, 6)))
            assert mix.spelled().value == pytest.approx(out[row, i], abs=1e-12)


def test_a_kernel_that_distorts_otherwise_is_called_wrong(
    numnet_command: Command, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, flags = tmp_path / "m.npz", ("--kernels", "textbook", "--hidden", 8, "--steps", 9, "--stop-at", 3, "--quiet")
    line = ("--data", tiny_folder, "--distortion", 0.5, "--save", model)
    assert numnet_command("-m", "numnet.train", *flags, *line).returncode == 0
    asked = {"model": model, "data": tiny_folder, "batch": 4, "kernels": "textbook"}

    def traced() -> Trace:
        return Walk(scenes.scene(Namespace(**asked, recipe=None, steps=None, seed=None))).trace()

    trace = traced()
    assert trace.passed
    (x,) = trace.stages[0].quantities
    assert x.entry.text.count(" * ") == 4
    assert "pixels down and" in x.entry.note

    honest = textbook.distort

    def spoiled(*arguments: np.ndarray) -> None:
        honest(*arguments)
        arguments[-1][:] *= 0.999

    monkeypatch.setattr(textbook, "distort", spoiled)
    trace = traced()
    assert [q.name for stage in trace.stages for q in stage.quantities if q.verdict == "WRONG"] == ["x"]
