"""Planted bugs are caught and named, on networks, seeds and sizes that the diagnosis was not written with."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from numnet.explain import diagnosis, trial
from numnet.explain.diagnosis import diagnose
from numnet.explain.mutants import MUTANTS, Mutant, planted
from numnet.explain.trial import Bench
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from numnet.nn.network import Network

# batch, sizes, activation, dropout: none of them the trial's own
UNSEEN = [
    (5, (14, 11, 11, 7, 4), "relu", 0.0),
    (3, (9, 6, 6, 3), "tanh", 0.0),
    (4, (10, 8, 8, 8, 5), "sigmoid", 0.0),
    (6, (20, 13, 13, 6), "tanh", 0.5),
    (7, (18, 12, 12, 3), "relu", 0.2),
]


def bench(batch: int, sizes: tuple[int, ...], activation: str, dropout: float, seed: int) -> Bench:
    """A network of other numbers, on a minibatch of which no nudge meets a kink."""
    network = Network.mlp(
        sizes, activation=activation, dropout=dropout, bias=0.1, seed=seed, kernels="textbook", dtype=np.float64
    )
    for attempt in range(20):
        rng = np.random.default_rng((seed, attempt))
        images = rng.random((batch, sizes[0])) * (rng.random((batch, sizes[0])) < 0.7)
        found = Bench(network, images, rng.integers(0, sizes[-1], batch).astype(np.uint8), seed)
        if not found.kinked:
            return found
    raise AssertionError("no minibatch without a kink")


def cases(ground: Bench) -> Iterator[tuple[Mutant, Layer | None]]:
    for mutant in MUTANTS:
        for place in mutant.places(ground.network):
            yield mutant, place


def test_there_are_enough_bugs() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert {mutant.where for mutant in MUTANTS} == {"loss", "gradients", Dense, ReLU, Tanh, Sigmoid, Dropout}


def test_the_diagnosis_knows_nothing_of_the_bugs() -> None:
    tree = ast.parse(Path(diagnosis.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {m for m in modules if m and m.startswith("numnet")} == {
        "numnet.kernels",
        "numnet.nn.layers",
    }
    assert not any(alias.name.startswith("numnet") for node in ast.walk(tree) if isinstance(node, ast.Import)
                   for alias in node.names)  # fmt: skip
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"backward", "forward", "kernels"}


def test_bugs_on_unseen_networks_are_all_caught_and_named() -> None:
    tried = caught = named = 0
    for seed, (batch, sizes, activation, dropout) in enumerate(UNSEEN, start=100):
        ground = bench(batch, sizes, activation, dropout, seed)
        for mutant, place in cases(ground):
            with planted(mutant, ground.network, place):
                found = diagnose(ground.evidence())
                passes = ground.passes(seed)
            tried += 1
            caught += found is not None and not passes
            index = None if place is None else place.index
            named += found is not None and (found.name, found.layer) == (mutant.name, index)
    assert tried > 150
    assert caught == tried
    assert named == tried


def test_a_right_network_is_never_accused() -> None:
    for seed in range(100):
        activation, dropout = (("relu", 0.0), ("tanh", 0.3), ("sigmoid", 0.0), ("relu", 0.4))[seed % 4]
        ground = bench(4, (6, 5, 5, 4), activation, dropout, seed)
        assert diagnose(ground.evidence()) is None
        assert ground.passes(seed)


def test_a_bug_that_nobody_knows_is_told_by_its_place() -> None:
    ground = bench(4, (8, 6, 6, 4), "tanh", 0.0, 7)

    def spoil(layer: Dense, dy: np.ndarray, dx: np.ndarray | None) -> np.ndarray | None:
        layer.dw *= np.linspace(1, 2, layer.outputs)
        return dx

    with planted(Mutant("unheard of", Dense, spoil), ground.network, ground.network.layers[2]):
        found = diagnose(ground.evidence())
    assert found is not None
    assert (found.name, found.layer) == ("unknown", 2)
    assert "dw of layer 2" in found.sentence


def test_what_is_no_number_is_wrong() -> None:
    ground = bench(4, (8, 6, 6, 4), "tanh", 0.0, 7)

    def spoil(layer: Dense, dy: np.ndarray, dx: np.ndarray | None) -> np.ndarray | None:
        layer.db[1] = np.nan
        return dx

    with planted(Mutant("no number", Dense, spoil), ground.network, ground.network.layers[2]):
        found = diagnose(ground.evidence())
        assert not ground.passes(0)
    assert found is not None
    assert (found.name, found.layer) == ("unknown", 2)


def test_a_factor_that_nobody_knows_is_told() -> None:
    ground = bench(4, (8, 6, 6, 4), "tanh", 0.0, 7)
    thrice = Mutant("thrice", "gradients", lambda gradients: gradients.__imul__(3))
    with planted(thrice, ground.network, None):
        found = diagnose(ground.evidence())
    assert found is not None
    assert found.name == "all gradients scaled"
    assert "3 times" in found.sentence


def test_a_network_is_honest_again_after_a_bug() -> None:
    ground = bench(4, (8, 6, 6, 4), "relu", 0.3, 7)
    for mutant, place in cases(ground):
        with planted(mutant, ground.network, place):
            pass
        assert diagnose(ground.evidence()) is None, mutant.name


@pytest.mark.slow
def test_the_trial_finds_every_bug_and_training_finds_few(mnist) -> None:
    verdicts = list(trial.trials(trial.small(mnist), 0))
    assert all(verdict.right for verdict in verdicts)
    honest = {verdict.kind: verdict.accuracy for verdict in verdicts if verdict.name == trial.NONE}
    assert set(honest) == set(trial.KINDS)
    bugs = [verdict for verdict in verdicts if verdict.name != trial.NONE]
    near = [bug for bug in bugs if bug.accuracy > honest[bug.kind] - trial.NEAR]
    assert len(near) > len(bugs) / 2  # what a falling loss would have let pass
    assert max(map(len, trial.trial_lines(verdicts))) <= 80
