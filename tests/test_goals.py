"""What the recipes are there to reach, through the command line.

`strong` is given four of its seven epochs here; what whole recipes reach, a mean over seeds, `make accuracy` measures.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numnet.training.recipes import RECIPES

pytestmark = pytest.mark.slow

FASHION = Path("/usr/share/datasets/fashion-mnist")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(numnet_command: Callable[..., "subprocess.CompletedProcess[str]"]) -> Train:
    """`train("--recipe", "strong")`: what `python -m numnet.train --json` reports."""

    def run(*flags: object) -> dict[str, Any]:
        done = numnet_command("-m", "numnet.train", *flags, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_tutorial_gets_no_further_than_an_affine_map_does(train: Train) -> None:
    assert 0.90 < train("--recipe", "tutorial", "--seed", 0)["test_accuracy"] < 0.93


def test_the_network_that_the_tutorial_meant_is_better_than_any_affine_map(train: Train) -> None:
    assert train("--recipe", "intended")["test_accuracy"] >= 0.93


def test_four_epochs_of_the_strong_recipe_reach_97_and_a_half_percent(train: Train) -> None:
    assert train("--recipe", "strong", "--epochs", 4)["test_accuracy"] >= 0.975


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_a_step(train: Train, name: str) -> None:
    assert train("--recipe", name, "--dry-run")["steps"] == 1


@pytest.mark.skipif(not FASHION.is_dir(), reason=f"no {FASHION}: apt-get install dataset-fashion-mnist")
def test_four_epochs_of_the_strong_recipe_reach_86_percent_on_clothes(train: Train) -> None:
    assert train("--recipe", "strong", "--epochs", 4, "--data", FASHION)["test_accuracy"] >= 0.86


@pytest.mark.skipif(CORES < 2, reason="one core: a second thread would be capped")
def test_one_thread_and_two_make_the_same_network(train: Train) -> None:
    one, two = (train("--recipe", "intended", "--steps", 200, "--threads", threads) for threads in (1, 2))
    assert (one["threads"], two["threads"]) == (1, 2)
    assert one["parameters_sha256"] == two["parameters_sha256"]


STEPS_ON_THREADS = """
import os
os.environ["NUMBA_NUM_THREADS"] = "8"  # so that there are as many helpers, however few cores
from numnet.data.datasets import load_mnist
from numnet.kernels.threads import set_threads
from numnet.nn.network import Network
from numnet.training.loop import fit
split = load_mnist().train
for count in (1, 2, 3, 8):
    set_threads(count)
    network = Network.mlp((784, 512, 256, 128, 10), dropout=0.5)
    aids = dict(distortion=1.0, weight_decay=0.1, label_smoothing=0.1, average=0.9, clip=0.5)
    fit(network, split, steps=6, **aids)
    print(network.parameters_sha256())
"""


def test_any_number_of_threads_makes_the_same_network(
    numnet_command: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    """Of the tutorial's size, so that every kernel is dealt out, and with every aid; more threads than cores, too."""
    done = numnet_command("-c", STEPS_ON_THREADS)
    assert done.returncode == 0, done.stderr
    hashes = done.stdout.split()
    assert len(hashes) == 4
    assert len(set(hashes)) == 1
