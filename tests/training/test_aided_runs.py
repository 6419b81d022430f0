"""Runs with aids: they go on to the bit, end with the right parameters, and see no image that they should not."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numnet.data.augment import Distorter, Distortion
from numnet.data.datasets import Dataset, Split, load_folder
from numnet.errors import RecipeError
from numnet.nn.network import Network
from numnet.randomness import permutation
from numnet.training.callbacks import Callback, Run, Validation
from numnet.training.checkpoint import load_model, read
from numnet.training.flags import refuse_unknown
from numnet.training.loop import fit, warm_up
from numnet.training.metrics import Metrics, evaluate
from numnet.training.outcome import Best
from numnet.training.recipes import find_recipe
from numnet.training.schedules import cosine, rate_factor

Command = Callable[..., "subprocess.CompletedProcess[str]"]

RUN = ("--recipe", "strong", "--hidden", "9,8,7", "--batch-size", "50", "--quiet")
ALL_AIDS = (
    "--distortion", 0.5, "--warmup", 7, "--schedule", "cosine", "--weight-decay", 0.1, "--label-smoothing", 0.1,
    "--average", 0.9, "--clip", 0.5, "--patience", 3,
)  # fmt: skip


@pytest.fixture
def train(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> Command:
    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return numnet_command("-m", "numnet.train", "--data", tiny_folder, *arguments, cwd=tmp_path)

    return run


def stripes(images: int, seed: int = 0) -> Split:
    """Images of 8x8 with a brighter column; the label says which of the first three, and is wrong for one in ten."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images).astype(np.uint8)
    pixels = rng.integers(0, 120, (images, 8, 8)).astype(np.uint8)
    pixels[np.arange(images), :, labels] += 60
    return Split(pixels, np.where(rng.random(images) < 0.1, (labels + 1) % 3, labels))


def network(**settings: object) -> Network:
    return Network.mlp((64, 12, 3), kernels="textbook", **settings)


class Watch(Callback):
    """Keeps what passes: the parameters after each step, and the learning rates."""

    def __init__(self) -> None:
        self.parameters: list[np.ndarray] = []
        self.rates: list[float] = []
        self.images: list[np.ndarray] = []

    def on_step(self, run: Run) -> None:
        self.parameters.append(run.network.parameters.copy())
        self.rates.append(run.learning_rate)
        self.images.append(run.batch.images.copy())


# Going on


@pytest.mark.parametrize("stop", [1, 8, 17, 23])
def test_with_every_aid_a_run_left_and_resumed_ends_with_the_bytes_of_the_whole_run(
    train: Command, tmp_path: Path, stop: int
) -> None:
    run = (*RUN, *ALL_AIDS, "--kernels", "textbook", "--steps", 30, "--save")
    assert train(*run, "whole.npz").returncode == 0
    assert train(*run, "parts.npz", "--stop-at", stop).returncode == 0
    assert read(tmp_path / "parts.npz").header.step == stop
    assert train("--resume", "parts.npz", "--quiet").returncode == 0
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "parts.npz").read_bytes()


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="without a compiler there are no threads")
def test_compiled_with_every_aid_it_is_the_same_at_any_number_of_threads(train: Command, tmp_path: Path) -> None:
    """Wide enough, 40,000 parameters and more, that the aids' passes are dealt out."""
    run = ("--recipe", "strong", "--hidden", "200,150,40", "--batch-size", 50, "--quiet", *ALL_AIDS, "--steps", 20)
    assert train(*run, "--threads", 2, "--save", "whole.npz").returncode == 0
    assert train(*run, "--threads", 1, "--stop-at", 9, "--save", "parts.npz").returncode == 0
    assert train("--resume", "parts.npz", "--threads", 2, "--quiet").returncode == 0
    assert read(tmp_path / "whole.npz").header.recipe["clip"] == 0.5
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "parts.npz").read_bytes()


def test_a_resumed_run_keeps_its_aids(train: Command) -> None:
    train(*RUN, *ALL_AIDS, "--kernels", "textbook", "--steps", 12, "--stop-at", 9, "--save", "m.npz")
    run = train("--resume", "m.npz", "--clip", 1, "--images", "all", "--patience", 0)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "patience 3, not 0; clip 0.5, not 1.0" in run.stderr or "clip 0.5, not 1.0; patience 3, not 0" in run.stderr
    assert "images train, not all" in run.stderr


# What the network is at the end


def test_a_run_with_an_average_ends_with_it_and_goes_on_without(train: Command, tmp_path: Path) -> None:
    run = train(*RUN[:-1], "--average", 0.9, "--kernels", "textbook", "--steps", 12, "--save", "m.npz", "--json")
    checkpoint = read(tmp_path / "m.npz")
    average = checkpoint.vectors["average"]
    assert abs(average - checkpoint.parameters).max() > 1e-4
    np.testing.assert_array_equal(load_model(tmp_path / "m.npz", kernels="textbook").parameters, average)
    np.testing.assert_array_equal(checkpoint.network("textbook", to_train=True).parameters, checkpoint.parameters)
    found = json.loads(run.stdout)
    judged = evaluate(load_model(tmp_path / "m.npz"), load_folder(tmp_path / "tiny").test)
    assert found["test_accuracy"] == judged.accuracy
    assert found["parameters_sha256"] == load_model(tmp_path / "m.npz").parameters_sha256()


def test_fit_ends_with_the_mean_of_the_last_steps() -> None:
    trained, watch = network(), Watch()
    fit(trained, stripes(60), steps=20, batch_size=10, learning_rate=0.01, average=0.5, callbacks=[watch])
    weights = 0.5 ** np.arange(19, -1, -1)
    wanted = weights @ np.array(watch.parameters, float) / weights.sum()
    np.testing.assert_allclose(trained.parameters, wanted, rtol=1e-5, atol=1e-6)
    assert abs(wanted - watch.parameters[-1]).max() > 1e-3


def test_validation_judges_the_average() -> None:
    """With a decay next to 1 and two steps, the average lies half way, and what is logged is of that."""
    trained, split = network(), stripes(40, seed=1)
    settings = {"steps": 2, "batch_size": 10, "learning_rate": 0.1, "average": 0.999999}
    history = fit(trained, stripes(20), **settings, callbacks=[Validation(split)])
    assert history.rows[-1]["validation_loss"] == pytest.approx(evaluate(trained, split).loss, rel=1e-6)


# Early stopping


def early(trained: Network, callbacks: tuple[Callback, ...] = (), **settings: object) -> list[dict[str, float]]:
    run = {"epochs": 40, "batch_size": 10, "learning_rate": 0.02, "patience": 3, "seed": 2}
    history = fit(trained, stripes(60), validation=stripes(90, seed=1), callbacks=callbacks, **{**run, **settings})
    return history.rows


def test_the_best_epochs_parameters_are_what_a_run_ends_with() -> None:
    """Nine labels of ten are right, so that the network soon learns the wrong ones by heart."""
    trained, watch = network(), Watch()
    rows = early(trained, (watch,))
    keys = [(row["validation_accuracy"], -row["validation_loss"]) for row in rows]
    best = keys.index(max(keys))
    assert [row["step"] for row in rows] == [6 * epoch + 5 for epoch in range(len(rows))]
    assert len(rows) == best + 1 + 3 < 40  # three epochs without a better one, and no fourth
    np.testing.assert_array_equal(trained.parameters, watch.parameters[rows[best]["step"]])
    assert evaluate(trained, stripes(90, seed=1)).loss == pytest.approx(rows[best]["validation_loss"])


def test_accuracy_comes_first_and_the_loss_decides_between_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([(0.5, 1.0), (0.6, 2.0), (0.6, 1.9), (0.6, 1.9), (0.5, 0.1), (0.9, 0.1)])
    monkeypatch.setattr("numnet.training.callbacks.evaluate", lambda *_: Metrics(*next(seen)))
    watch = Watch()
    rows = early(trained := network(), (watch,), patience=2)
    assert len(rows) == 5  # the third was best; the same again is no better
    np.testing.assert_array_equal(trained.parameters, watch.parameters[17])


def test_who_stops_a_run_and_who_logs_it_share_a_look_at_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four epochs, two splits: eight looks and rows, not twelve; and who logs is told what was seen."""
    looks: list[Split] = []

    def counted(judged: Network, split: Split) -> Metrics:
        looks.append(split)
        return evaluate(judged, split)

    monkeypatch.setattr("numnet.training.callbacks.evaluate", counted)
    seen, other, told = stripes(90, seed=1), stripes(30, seed=2), list[str]()
    logs = [Validation(seen, told.append), Validation(other)]
    settings = {"epochs": 4, "batch_size": 10, "patience": 9, "validation": seen}
    history = fit(network(), stripes(60), **settings, callbacks=logs)
    assert [split is seen for split in looks] == [True, False] * 4
    assert [row["step"] for row in history.rows] == [5, 5, 11, 11, 17, 17, 23, 23]
    for line, row in zip(told, history.rows[::2], strict=True):
        assert f"validation loss {row['validation_loss']:.4f}, {row['validation_accuracy']:.2%}" in line


def test_the_best_so_far_without_patience_is_refused() -> None:
    trained = network()
    with pytest.raises(RecipeError, match="a best epoch so far without `patience`"):
        fit(trained, stripes(60), steps=3, best=Best(1, 0.5, 1.0, trained.parameters.copy()))


def test_an_epoch_ends_in_the_very_step_that_completes_it() -> None:
    """220 images in batches of 50: 66 steps are 15 epochs to the image, though 66 / 4.4 in floats is less than 15."""
    history = fit(network(), stripes(220), steps=67, batch_size=50, callbacks=[Validation(stripes(9, seed=1))])
    ends = [-(-220 * epoch // 50) for epoch in range(1, 16)]
    assert ends[-1] == 66
    assert [row["step"] + 1 for row in history.rows] == [*ends, 67]


def test_a_run_that_ended_early_stays_ended_and_one_left_before_ends_where_it_would_have(
    train: Command, tmp_path: Path
) -> None:
    """The tiny folder is learned at once, so two epochs later, of 220 images by 50, the run is over."""
    run = (*RUN, "--kernels", "textbook", "--learning-rate", 0.02, "--epochs", 60, "--patience", 2, "--save")
    assert train(*run, "whole.npz").returncode == 0
    whole = read(tmp_path / "whole.npz")
    assert whole.best is not None
    assert whole.best.step + 2 * 4.4 <= whole.header.step + 1 < whole.header.horizon
    np.testing.assert_array_equal(load_model(tmp_path / "whole.npz").parameters, whole.best.parameters)
    bytes_before = (tmp_path / "whole.npz").read_bytes()
    for more in ((), ("--stop-at", whole.header.step + 2)):
        assert train("--resume", "whole.npz", "--quiet", *more).returncode == 0
        assert (tmp_path / "whole.npz").read_bytes() == bytes_before
    assert train(*run, "parts.npz", "--stop-at", whole.best.step + 3).returncode == 0
    assert read(tmp_path / "parts.npz").header.step == whole.best.step + 3
    assert train("--resume", "parts.npz", "--quiet").returncode == 0
    assert (tmp_path / "parts.npz").read_bytes() == bytes_before


def test_with_an_average_it_is_the_average_that_is_judged_and_kept() -> None:
    trained, watch = network(), Watch()
    rows = early(trained, (watch,), average=0.9)
    assert evaluate(trained, stripes(90, seed=1)).accuracy == max(row["validation_accuracy"] for row in rows)
    assert not any(np.array_equal(trained.parameters, each) for each in watch.parameters)


# Which images


def test_distorted_batches_are_those_of_the_seed_and_the_epoch() -> None:
    watch, split = Watch(), stripes(30)
    fit(network(), split, steps=5, batch_size=8, seed=4, distortion=0.5, callbacks=[watch])
    distorter = Distorter(Distortion().times(0.5), (8, 8), 30, seed=4, kernels=network().kernels)
    epochs = np.arange(40) // 30
    rows = np.concatenate([permutation(4, 0, 30), permutation(4, 1, 30)])[:40]
    wanted = np.empty((40, 64), np.float32)
    distorter.distort(split.images[rows], epochs, rows, wanted)
    np.testing.assert_array_equal(np.concatenate(watch.images), wanted)
    assert abs(wanted - split.images[rows].reshape(40, 64) / 255).max() > 0.1


def test_images_all_trains_on_every_row_of_the_training_files(train: Command, tiny_folder: Path) -> None:
    story = train("--recipe", "tutorial", "--hidden", 8, "--kernels", "textbook", "--images", "all", "--epochs", 1)
    assert "tiny: 240 train, 48 test;" in story.stdout
    assert (
        find_recipe("tutorial").changed(images="all").trained_on(load_folder(tiny_folder)).train.images.shape[0] == 240
    )


class Poison:
    """In the place of a split that nobody may look at."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"somebody asked for {name} of a split that is not for training")


@pytest.mark.parametrize("images", ["train", "all"])
def test_training_never_looks_at_the_test_images(tiny_folder: Path, images: str) -> None:
    """Nor at those of the validation split, where nothing asks for it."""
    found = load_folder(tiny_folder)
    recipe = find_recipe("strong").changed(hidden=(9,), batch_size=50, steps=20, distortion=0.5, images=images)
    unseen: Any = Poison()
    validation = unseen if images == "train" else found.validation
    dataset = recipe.trained_on(Dataset("poisoned", found.classes, found.train, validation, unseen))
    warm_up(recipe, dataset, "textbook", 1)
    fit(recipe.network(30, 3, seed=0, kernels="textbook"), dataset.train, **recipe.training())


def test_a_recipe_says_which_images_it_trains_on() -> None:
    assert find_recipe("intended").changed(images="all").describe(784, 10).endswith(", 1000 steps, images all")
    assert "images" not in find_recipe("strong").describe(784, 10)


# The learning rate


def test_a_warm_up_is_a_line_and_the_schedule_follows_over_the_rest() -> None:
    """Three steps of four parts of the way; then a cosine over the seven that are left."""
    rates = [rate_factor("cosine", step, 10, warmup=3) for step in range(10)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1]
    assert rates[3:] == [cosine(step, 7) for step in range(7)]
    assert rate_factor("one_cycle", 0, 10, warmup=1) == pytest.approx(1 / 50)
    assert [rate_factor("linear", step, 4) for step in range(4)] == [1, 0.75, 0.5, 0.25]


def test_the_loop_follows_it() -> None:
    watch = Watch()
    settings = {"steps": 10, "batch_size": 8, "learning_rate": 0.02, "schedule": "cosine", "warmup": 3}
    fit(network(), stripes(30), **settings, callbacks=[watch])
    assert watch.rates == [0.02 * rate_factor("cosine", step, 10, 3) for step in range(10)]


def test_label_smoothing_is_in_the_loss_of_training_and_in_no_other() -> None:
    """Logits (20, 0, 0) for every image: smoothing by 0.3 adds 0.3 * (z[c] - 20/3), 4 where c is 0 and else -2."""
    split, sure = stripes(30), network()
    sure.layers[-1].w[:], sure.layers[-1].b[0] = 0, 20
    settings = {"steps": 1, "batch_size": 30, "learning_rate": 1e-9}
    plain, smooth = (fit(sure, split, **settings, label_smoothing=s).losses[0] for s in (0, 0.3))
    zeros = (split.labels == 0).mean()
    assert smooth - plain == pytest.approx(4 * zeros - 2 * (1 - zeros), rel=1e-5)
    assert evaluate(sure, split).loss == pytest.approx(plain, rel=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"distortion": -0.1}, "a distortion of -0.1: expected a number from 0, which is none, to less than 10"),
        ({"distortion": 1e9}, "a distortion of 1000000000.0"),
        ({"distortion": float("nan")}, "a distortion of nan"),
        ({"warmup": -1}, "a warm-up of -1: expected a whole number from 0, which is none, on"),
        ({"warmup": 1.5}, "a warm-up of 1.5"),
        ({"warmup": 3}, "a warm-up of 3 steps in a run of 3: expected fewer"),
        ({"weight_decay": -1}, "a weight decay of -1"),
        ({"weight_decay": float("inf")}, "a weight decay of inf"),
        ({"weight_decay": 1000, "learning_rate": 0.001}, "a step would take all of a weight away"),
        ({"label_smoothing": 1}, "a label smoothing of 1: expected a number from 0, which is none, to less than 1"),
        ({"average": 1}, "a decay of the average of 1"),
        ({"clip": -1}, "a norm to clip gradients to of -1"),
        ({"patience": 0.5}, "a patience of 0.5: expected a whole number"),
        ({"patience": 2}, "a patience of 2 without `validation`: give a split that is not trained on"),
    ],
)
def test_numbers_that_no_run_can_have_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        fit(network(), stripes(30), **{"steps": 3, **settings})


def test_so_are_they_as_flags(train: Command) -> None:
    for flags, said in (
        (("--clip", -1), "a norm to clip gradients to of -1.0"),
        (("--images", "most"), "images 'most': expected one of train, all"),
        (("--images", "all", "--patience", 2), "a patience of 2 with images all"),
        (("--schedule", "cosin"), "unknown schedule 'cosin': expected one of constant, linear, cosine, one_cycle"),
        (("--warmup", 30, "--steps", 30), "a warm-up of 30 steps in a run of 30"),
    ):
        run = train(*RUN, "--kernels", "textbook", *flags)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
        assert said in run.stderr


def test_a_dry_run_takes_one_step_of_a_recipe_with_a_warm_up(train: Command) -> None:
    assert train(*RUN, *ALL_AIDS, "--kernels", "textbook", "--dry-run").returncode == 0


@pytest.mark.parametrize(("length", "steps"), [(("--steps", 30), 30), (("--epochs", 2), 9)])
def test_a_dry_run_of_what_is_no_run_is_refused(train: Command, length: tuple[object, ...], steps: int) -> None:
    """220 images in batches of 50: two epochs are 8.8 steps, so 9."""
    run = train(*RUN, "--kernels", "textbook", *length, "--warmup", 30, "--dry-run")
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert f"a warm-up of 30 steps in a run of {steps}" in run.stderr


def test_a_warm_up_longer_than_the_steps_is_refused_before_any_data_are_read() -> None:
    with pytest.raises(RecipeError, match="a warm-up of 5000 steps in a run of 1000"):
        refuse_unknown(find_recipe("tutorial").changed(warmup=5000), "textbook")
    refuse_unknown(find_recipe("strong").changed(warmup=5000), "textbook")  # how long ten epochs are, the data say
