"""`numnet.evaluate`: figures worked by hand, files as a person finds them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numnet.data.datasets import Split, load_folder
from numnet.errors import DataError, NonFiniteError
from numnet.nn.network import Network
from numnet.training.metrics import Report, evaluate, report, wilson_interval
from numnet.training.saving import save_model

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def three_classes() -> Report:
    """Six images: two of class 0, three of class 1, one of class 2, which is never answered."""
    sure = {0: [0.8, 0.1, 0.1], 1: [0.05, 0.9, 0.05]}
    answers = [0, 1, 1, 1, 0, 1]
    probabilities = np.array([sure[answer] for answer in answers], np.float32)
    return Report(probabilities, np.array([0, 0, 1, 1, 1, 2], np.uint8))


def test_confusion_precision_and_recall_by_hand() -> None:
    found = three_classes()
    assert found.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    assert found.accuracy == pytest.approx(3 / 6)
    np.testing.assert_allclose(found.precision, [1 / 2, 2 / 4, np.nan])
    np.testing.assert_allclose(found.recall, [1 / 2, 2 / 3, 0])


def test_loss_by_hand() -> None:
    right = [0.8, 0.05, 0.9, 0.9, 0.1, 0.05]
    assert three_classes().loss == pytest.approx(-np.log(right).mean(), rel=1e-6)


def test_the_worst_mistakes_are_those_it_was_surest_of() -> None:
    assert three_classes().worst(9).tolist() == [1, 5, 4]
    assert three_classes().worst(1).tolist() == [1]


def test_wilson_interval_against_published_figures() -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, total), interval in published.items():
        np.testing.assert_allclose(wilson_interval(right, total), interval, atol=5e-5)
    np.testing.assert_allclose(wilson_interval(20, 20), (1 - 0.1611, 1), atol=5e-5)


def networks(*seeds: int) -> list[Network]:
    return [Network.mlp((30, 8, 3), seed=seed, kernels="textbook") for seed in seeds]


def test_one_network_reports_what_evaluate_says(tiny_folder: Path) -> None:
    split = load_folder(tiny_folder).test
    found = report(networks(1), split)
    assert (found.accuracy, found.loss) == pytest.approx(evaluate(networks(1)[0], split), rel=1e-5)


def test_several_networks_average_their_probabilities(tiny_folder: Path) -> None:
    split = load_folder(tiny_folder).test
    apart = [report([network], split).probabilities for network in networks(1, 2, 3)]
    together = report(networks(1, 2, 3), split)
    np.testing.assert_allclose(together.probabilities, sum(apart) / 3, rtol=1e-6)


def test_networks_that_cannot_vote_together_are_refused() -> None:
    split = Split(np.zeros((2, 30), np.uint8), np.zeros(2, np.uint8))
    with pytest.raises(DataError, match="3, 4 classes can't vote"):
        report([*networks(1), Network.mlp((30, 4), kernels="textbook")], split)
    broken = networks(1)
    broken[0].parameters[:] = np.nan
    with pytest.raises(NonFiniteError, match="NaN"):
        report(broken, split)


@pytest.fixture
def judge(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> Command:
    for seed, network in enumerate(networks(1, 2)):
        save_model(network, tmp_path / f"m{seed}.npz")

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return numnet_command("-m", "numnet.evaluate", *arguments, "--data", tiny_folder, cwd=tmp_path)

    return run


def test_the_command_prints_the_table(judge: Command, tiny_folder: Path) -> None:
    run = judge("m0.npz")
    found = report(networks(1), load_folder(tiny_folder).test)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("m0.npz on tiny, test: 48 images\n\naccuracy  ")
    assert f"accuracy  {found.accuracy:.4f}, 95 % interval {found.interval[0]:.4f}" in run.stdout
    last = run.stdout.splitlines()[-3:]
    assert [[int(number) for number in line.replace(".", "0").split("|")[1].split()] for line in last] == (
        found.confusion.tolist()
    )


def test_json_of_two_models_and_a_sheet_of_the_worst(judge: Command, tmp_path: Path) -> None:
    run = judge("m0.npz", "m1.npz", "--split", "validation", "--worst", 4, "worst.png", "--json")
    found = json.loads(run.stdout)
    assert (found["models"], found["split"], found["images"]) == (["m0.npz", "m1.npz"], "validation", 20)
    assert np.sum(found["confusion"]) == 20
    with Image.open(tmp_path / "worst.png") as sheet:
        assert sheet.format == "PNG"
        assert len(set(sheet.convert("L").tobytes())) > 20  # not a blank one


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.npz",), "none.npz: No such file or directory; make one with"),
        (("m0.npz", "--worst", "none", "w.png"), "--worst none w.png: expected how many"),
        (("m0.npz", "--worst", "3", "nowhere/w.png"), "nowhere/w.png"),
        (("m0.npz", "--worst", "3", "m1.npz"), "the name of a .png file"),
        (("m0.npz", "--kernels", "fast"), "unknown kernels 'fast'"),
        ((), "MODEL.npz"),
    ],
)
def test_a_refusal_is_one_line(judge: Command, arguments: tuple[str, ...], words: str) -> None:
    run = judge(*arguments)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert words in run.stderr


def test_a_hurt_model_file_is_refused_and_the_one_before_named(judge: Command, tmp_path: Path) -> None:
    save_model(networks(3)[0], tmp_path / "m0.npz")
    (tmp_path / "m0.npz").write_bytes((tmp_path / "m0.npz").read_bytes()[:-100])
    run = judge("m0.npz")
    assert run.returncode == 2
    assert "damaged" in run.stderr
    assert "the one before is whole: m0.previous.npz" in run.stderr
