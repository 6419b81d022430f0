"""The commands as a person runs them: what they print, what they refuse, and twice the same."""

import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numnet.data.datasets import Dataset
from numnet.training.checkpoint import encode, read

Command = Callable[..., "subprocess.CompletedProcess[str]"]
TINY = ("--recipe", "tutorial", "--steps", "2")


@pytest.fixture
def seven(tmp_path: Path, mnist: Dataset) -> Path:
    file = tmp_path / "seven.png"
    Image.fromarray(255 - mnist.test.images[0]).resize((140, 140)).save(file)
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("step", "--steps", "2"),
        ("weight", 0, 407, 17, *TINY),
        ("unit", 2, 5, *TINY),
        ("gradcheck", "--kernels", "textbook"),
        ("distortions", "--images", 2),
    ],
)
def test_a_command_says_the_same_twice_and_another_seed_something_else(
    words: tuple[object, ...], numnet_command: Command
) -> None:
    first, second = (numnet_command("-m", "numnet.explain", *words) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert max(map(len, first.stdout.splitlines())) <= 80
    assert numnet_command("-m", "numnet.explain", *words, "--seed", 1).stdout != first.stdout


@pytest.mark.slow
def test_a_step_with_numba_is_a_step_in_float64(numnet_command: Command) -> None:
    one, other = (
        json.loads(numnet_command("-m", "numnet.explain", "step", *TINY, "--json", "--kernels", name).stdout)
        for name in ("textbook", "numba")
    )
    assert one["loss"] == other["loss"]
    compared = [q["float32"] for stage in other["stages"] for q in stage["quantities"] if q["name"] in ("dw", "db")]
    assert [each["verdict"] for each in compared] == ["ok"] * 8
    assert 0 < max(each["error"] for each in compared) < 1e-5


def test_a_pixel_and_its_answer(seven: Path, numnet_command: Command) -> None:
    run = numnet_command("-m", "numnet.explain", "pixel", seven, 7, 12, "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["nudge"]["verdict"] == "ok"
    assert len(found["moved"]) == 3
    shown = numnet_command("-m", "numnet.explain", "pixel", seven, 7, 12).stdout
    assert "[]" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_an_image_and_its_stages(seven: Path, tmp_path: Path, numnet_command: Command) -> None:
    out = tmp_path / "stages.png"
    run = numnet_command("-m", "numnet.explain", "image", seven, "--out", out)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("as opened, 140 x 140")
    assert "\nink, 140 x 140: dark ink on light ground" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80
    with Image.open(out) as sheet:
        assert sheet.width > 3 * 168
    seen = json.loads(numnet_command("-m", "numnet.explain", "image", seven, "--json").stdout)
    assert np.array(seen["pixels"]).shape == (28, 28)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("step", "--layer", 9), "layer 9: expected 0 to 7: 0 Dense(784, 512), 1 ReLU()"),
        (("weight", 1, 0, 0), "layer 1 is ReLU() and has no weights; expected one of the layers 0, 2, 4, 7"),
        (("weight", 0, 784, 0), "input 784 of layer 0, Dense(784, 512): expected 0 to 783"),
        (("weight", 0, 0, -1), "output -1 of layer 0, Dense(784, 512): expected 0 to 511"),
        (("unit", 2, 256), "output 256 of layer 2, Dense(512, 256): expected 0 to 255"),
        (("pixel", "none.png", 28, 0), "row 28: expected 0 to 27"),
        (("pixel", "none.png", 2, 2), "none.png: No such file or directory, expected a picture"),
        (("image", "none.png"), "none.png: No such file or directory, expected a picture"),
        (("step", "--recipe", "intendet"), "did you mean intended?"),
        (("step", "--steps", 1000), "--steps 1000: expected less than the 1,000 that recipe intended takes"),
        (("gradcheck", "--mutants", "--seed", -1), "seed -1: expected 0 to 2**64 - 1"),
        (("gradcheck", "--mutants", "--recipe", "strong", "--every"), "leave --recipe, --every out"),
        (("step", "--batch", 129), "--batch 129: expected 1 to 128, the images of one of the run's batches"),
        (("weight", 0, 0, 0, "--kernels", "numba"), "unrecognized arguments: --kernels numba"),
        (("distortions", "--images", 0), "--images 0: expected 1 to 100"),
        (("distortions", "--epoch", -1), "--epoch -1: expected 0 to"),
        (("distortions", "--out", "sheet.jpg"), "--out sheet.jpg: expected the name of a .png file"),
        (("story",), "invalid choice: 'story'"),
        ((), "the following arguments are required: VERB"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(words: tuple[object, ...], said: str, numnet_command: Command) -> None:
    run = numnet_command("-m", "numnet.explain", *words)
    assert run.returncode == 2
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert said in run.stderr


@pytest.mark.slow
def test_a_model_of_other_pictures_has_no_pixels_of_28_by_28(
    tiny_folder: Path, tmp_path: Path, seven: Path, numnet_command: Command
) -> None:
    model = tmp_path / "m.npz"
    saved = numnet_command("-m", "numnet.train", "--data", tiny_folder, "--steps", 3, "--save", model, "--quiet")
    assert saved.returncode == 0, saved.stderr
    run = numnet_command("-m", "numnet.explain", "pixel", seven, 0, 0, "--model", model, "--data", tiny_folder)
    assert run.returncode == 2
    assert "takes 30 numbers; expected 784" in run.stderr
    assert numnet_command("-m", "numnet.explain", "step", "--model", model, "--data", tiny_folder).returncode == 0
    wrong = numnet_command("-m", "numnet.explain", "step", "--model", model)
    assert wrong.returncode == 2
    assert wrong.stderr == (
        f"numnet: {model} is of other data than mnist: images of 784 numbers for a network of 30 inputs; "
        "give its folder by --data\n"
    )


@pytest.mark.slow
def test_a_model_of_a_run_is_explained_at_the_runs_next_step(
    tiny_folder: Path, tmp_path: Path, numnet_command: Command
) -> None:
    """With the optimizer that it had, not one that begins."""
    model = tmp_path / "m.npz"
    flags = ("--data", tiny_folder, "--batch-size", 32, "--steps", 5, "--optimizer", "sgd", "--learning-rate", 0.03,
             "--seed", 4)  # fmt: skip
    saved = numnet_command("-m", "numnet.train", *flags, "--stop-at", 3, "--save", model, "--quiet")
    assert saved.returncode == 0, saved.stderr
    run = numnet_command("-m", "numnet.explain", "step", "--model", model, "--data", tiny_folder, "--json")
    found = json.loads(run.stdout)
    assert found["passed"]
    assert "after 3 steps, 8 images, seed 4" in found["what"]
    step = next(stage for stage in found["stages"] if stage["title"].startswith("SGD's step"))["quantities"][0]
    assert step["formula"]["by_index"] == "velocity = 0.9 * velocity + dw"
    assert step["entry"]["text"].startswith("-0.03 * ")
    stored = np.load(model)["optimizer.velocity"]
    width = np.load(model)["parameters"].size
    assert stored.shape == (width,)
    assert stored.any()


def test_distortions_are_drawn(tmp_path: Path, numnet_command: Command) -> None:
    out = tmp_path / "sheet.png"
    run = numnet_command("-m", "numnet.explain", "distortions", "--images", 2, "--out", out, "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)["images"]
    assert list(found[0]["stages"]) == ["as it is", "turned", "stretched", "leaned", "moved", "bent", "all"]
    with Image.open(out) as sheet:
        assert sheet.width > 7 * 112


def test_of_a_run_with_aids_the_very_next_step_is_explained(
    tiny_folder: Path, tmp_path: Path, numnet_command: Command
) -> None:
    """Its distorted images, its smoothed loss, its rate amid the warm-up, its clipped and decayed step, its average."""
    model, flags = tmp_path / "m.npz", ("--data", tiny_folder, "--kernels", "textbook", "--hidden", "8,7,6")
    aids = ("--distortion", 0.3, "--label-smoothing", 0.2, "--clip", 0.1, "--weight-decay", 0.5, "--average", 0.5)
    run = (
        "--recipe",
        "strong",
        "--schedule",
        "cosine",
        "--warmup",
        9,
        "--images",
        "all",
        *aids,
        "--steps",
        30,
        "--batch-size",
        128,
    )
    saved = numnet_command("-m", "numnet.train", *flags, *run, "--stop-at", 3, "--save", model, "--quiet")
    assert saved.returncode == 0, saved.stderr

    explain = ("-m", "numnet.explain", "step", "--model", model, "--data", tiny_folder, "--batch", 128, "--json")
    told = json.loads(numnet_command(*explain).stdout)
    after = numnet_command("-m", "numnet.train", "--resume", model, "--data", tiny_folder, "--stop-at", 4, "--quiet")
    assert after.returncode == 0, after.stderr
    previous, now = (read(file).parameters for file in (model.with_name("m.previous.npz"), model))
    assert told["passed"]
    assert "with the weights that training goes on from" in told["what"]
    steps = [q for stage in told["stages"] for q in stage["quantities"] if q["name"] in ("step of w", "step of b")]
    assert len(steps) == 8
    norm = math.sqrt(sum(step["stats"]["norm"] ** 2 for step in steps))
    assert norm == pytest.approx(np.linalg.norm(now.astype(float) - previous), rel=1e-4)
    x = next(q for stage in told["stages"] for q in stage["quantities"] if q["name"] == "x")
    assert x["formula"]["by_matrix"] == "x = distort(pixels) / 255"


def test_a_run_that_patience_ended_is_over(tiny_folder: Path, tmp_path: Path, numnet_command: Command) -> None:
    """Steps are left of its sixty epochs, but the run takes none of them; one that was left before does go on."""
    flags = ("--data", tiny_folder, "--kernels", "textbook", "--recipe", "strong", "--hidden", "9,8,7", "--quiet")
    run = ("--batch-size", 50, "--learning-rate", 0.02, "--epochs", 60, "--patience", 2)

    def told(name: str, *more: object) -> str:
        saved = numnet_command("-m", "numnet.train", *flags, *run, *more, "--save", tmp_path / name)
        assert saved.returncode == 0, saved.stderr
        explain = ("-m", "numnet.explain", "step", "--model", tmp_path / name, "--data", tiny_folder, "--json")
        return str(json.loads(numnet_command(*explain).stdout)["what"])

    assert "(its run is over; one step more)" in told("whole.npz")
    whole = read(tmp_path / "whole.npz")
    assert whole.header.step < whole.header.horizon
    assert whole.best is not None
    assert "its run is over" not in told("part.npz", "--stop-at", whole.best.step + 3)


def test_a_model_file_whose_vectors_are_not_its_optimizers_is_refused(
    tiny_folder: Path, tmp_path: Path, numnet_command: Command
) -> None:
    """Otherwise an Adam with half of its memory at 0 would be explained as the run's own."""
    model, flags = tmp_path / "m.npz", ("--data", tiny_folder, "--kernels", "textbook", "--hidden", 8, "--quiet")
    assert numnet_command("-m", "numnet.train", *flags, "--steps", 5, "--save", model).returncode == 0
    kept = read(model)
    model.write_bytes(encode(replace(kept, vectors={"m": kept.vectors["m"]})))
    run = numnet_command("-m", "numnet.explain", "step", "--model", model, "--data", tiny_folder)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "vectors m: expected m, v" in run.stderr
