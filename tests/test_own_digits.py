"""The measuring script on a small folder of our own, with every figure worked by hand."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numnet.data.datasets import Dataset
from numnet.nn.network import Network
from numnet.training.saving import save_model

Command = Callable[..., "subprocess.CompletedProcess[str]"]

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "own_digits.py"


@pytest.fixture
def folder(mnist: Dataset, tmp_path: Path) -> Path:
    """Four pictures by two hands, one of them no picture, and a model that answers 3 whatever it sees."""
    rows = ["file\tlabel\tmedium\twidth\theight\tmode\ttags\thand"]
    for name, label, medium, side, hand in [
        ("a.png", 3, "own28", 28, "h1"), ("b.png", 3, "photo", 56, "h1"), ("c.png", 4, "photo", 56, "h2"),
    ]:  # fmt: skip
        image = mnist.test.images[np.flatnonzero(mnist.test.labels == label)[0]]
        Image.fromarray(image).resize((side, side)).save(tmp_path / name)
        rows.append(f"{name}\t{label}\t{medium}\t{side}\t{side}\tL\t\t{hand}")
    (tmp_path / "d.png").write_text("no picture")
    rows.append("d.png\t3\tpaint\t99\t99\tL\t\th2")
    (tmp_path / "index.tsv").write_text("\n".join(rows) + "\n")
    network = Network.mlp((784, 10), kernels="textbook")
    network.parameters[:] = 0
    network.parameters[-10 + 3] = 5  # the bias of class 3
    save_model(network, tmp_path / "three.npz")
    return tmp_path


def test_accuracy_by_kind_and_by_hand(numnet_command: Command, folder: Path) -> None:
    run = numnet_command(SCRIPT, folder, folder / "three.npz", "--sheet", folder / "failures.png", "--json")
    found = json.loads(run.stdout)
    assert run.returncode == 0
    assert found["accuracy"] == pytest.approx(
        {"all": 2 / 4, "not 28x28": 1 / 3, "photos": 1 / 2, "medium own28": 1, "medium paint": 0, "medium photo": 1 / 2}
    )
    assert found["mean over hands"] == pytest.approx((1 + 0) / 2)
    assert "d.png" in run.stderr
    with Image.open(folder / "failures.png") as sheet:
        assert sheet.format == "PNG"


def test_a_folder_without_an_index_is_refused(numnet_command: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    run = numnet_command(SCRIPT, tmp_path / "bare", folder / "three.npz")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "index.tsv" in run.stderr
