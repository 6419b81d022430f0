"""What several tests share: a tiny data set on disk, the bundled one in memory, commands run as a person runs them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from numnet.data.datasets import Dataset, load_mnist
from numnet.data.idx import write_idx

Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a command finds in a person's shell, whatever this one has set; and warnings are errors in it too."""
    found = {**os.environ, "PYTHONWARNINGS": "error"}
    return {name: value for name, value in found.items() if name not in ("PYTHONUNBUFFERED", "NUMBA_NUM_THREADS")}


@pytest.fixture(scope="session")
def numnet_command(environment: dict[str, str]) -> Command:
    """`numnet_command("-m", "numnet.train", "--quiet")`: Python run so, and what it printed."""

    def run(*arguments: object, cwd: Path | None = None, stdout: IO[str] | int = subprocess.PIPE) -> Result:
        line = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            line, cwd=cwd, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """The bundled MNIST; not to be written to."""
    return load_mnist()


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST's four files in small, raw and not to be written to: 240 + 48 images of 6 x 5, 3 classes.

    Class c has ink in rows 2c and 2c + 1 where the other classes have less, so a few dozen steps tell them apart.
    """
    folder = tmp_path_factory.mktemp("data") / "tiny"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train", 240), ("t10k", 48)):
        labels = rng.integers(0, 3, count).astype(np.uint8)
        images = rng.integers(0, 100, (count, 6, 5), np.uint8)
        for c in range(3):
            images[labels == c, 2 * c : 2 * c + 2] += 120
        write_idx(folder / f"{name}-images-idx3-ubyte", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    return folder


@pytest.fixture
def tiny_folder(tiny_data: Path, tmp_path: Path) -> Path:
    """A copy of `tiny_data` that is yours to break."""
    return shutil.copytree(tiny_data, tmp_path / "tiny")
