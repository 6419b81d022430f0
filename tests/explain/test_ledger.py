"""A weight's ledger: terms that add up to the last digit, and the strongest of all ways back from the loss."""

import itertools
import json
from collections.abc import Callable

import numpy as np
import pytest

from numnet.explain.ledger import PATHS, weight_ledger
from numnet.explain.scene import Scene
from numnet.explain.story import weight_lines
from numnet.explain.unit import unit, unit_lines
from numnet.explain.walk import Walk

MakeScene = Callable[..., Scene]


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_terms_and_ways_add_up(activation: str, seed: int, scene: MakeScene) -> None:
    walk = Walk(scene(activation, 0.3, seed=seed))
    rng = np.random.default_rng(seed)
    dense = [layer.index for layer in walk.exact.layers if layer.parameter_shapes()]
    for index in dense:
        layer = walk.exact.layers[index]
        i, j = int(rng.integers(layer.inputs)), int(rng.integers(layer.outputs))
        ledger = weight_ledger(walk, index, i, j)
        assert ledger.passed
        assert ledger.total == pytest.approx(layer.dw[i, j], rel=1e-12)
        largest = max((term.value for term in ledger.terms), key=abs)
        assert ledger.ways == pytest.approx(largest, rel=1e-11, abs=1e-16)
        json.dumps(ledger.as_json(), allow_nan=False)
        assert max(map(len, weight_lines(ledger))) <= 80


def test_the_strongest_ways_are_those_of_all_ways_tried_one_by_one(scene: MakeScene) -> None:
    """In a network without kinks, by products of its weights: w2[j,k] * w4[k,c] * dlogits[c]."""
    walk = Walk(scene("linear"))
    ledger = weight_ledger(walk, 0, 3, 4)
    b, x = ledger.example, ledger.terms[ledger.example].x
    w1, w2 = walk.exact.layers[1].w, walk.exact.layers[2].w
    dlogits = walk.passages[-1].dy[b]
    every = {
        (4, k, c): x * w1[4, k] * w2[k, c] * dlogits[c]
        for k, c in itertools.product(range(9), range(5))
    }  # fmt: skip
    strongest = sorted(every, key=lambda units: -abs(every[units]))[:PATHS]
    assert [path.units for path in ledger.paths] == strongest
    for path in ledger.paths:
        assert path.value == pytest.approx(every[path.units], rel=1e-12)
    assert ledger.others == len(every) - PATHS


def test_ways_through_a_unit_that_is_off_carry_nothing(scene: MakeScene) -> None:
    walk = Walk(scene("relu", seed=4))
    ledger = weight_ledger(walk, 0, 0, 0)
    on = walk.passages[3].y[ledger.example] > 0
    assert not on.all()
    assert len(ledger.paths) == PATHS
    assert all(on[path.units[1]] for path in ledger.paths)
    assert ledger.others + PATHS == on.sum() * 5


def test_a_wrong_gradient_shows_in_the_sum(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(scene("tanh"))
    walk.exact.layers[2].dw[1, 5] *= 1.01
    ledger = weight_ledger(walk, 2, 1, 5)
    assert not ledger.adds_up
    assert ledger.nudge.verdict == "WRONG"
    assert "WRONG" in "\n".join(weight_lines(ledger))


def test_where_terms_all_but_cancel_no_digit_is_missed(scene: MakeScene) -> None:
    """What is left of two numbers that cancel has fewer digits than they; that is no mistake."""
    walk = Walk(scene("tanh", batch=2))
    passage, dense = walk.passages[2], walk.exact.layers[2]
    dy = np.array([1.0, -1.0 - 1e-9])
    passage.dy[:, 5], passage.x[:, 1] = dy, 0.3
    dense.dw[1, 5] = 0.3 * dy[0] + 0.3 * dy[1]
    assert weight_ledger(walk, 2, 1, 5).adds_up


def test_an_input_of_zero_has_no_ways(scene: MakeScene) -> None:
    walk = Walk(scene("relu", seed=4))
    walk.passages[0].x[:, 0] = 0
    ledger = weight_ledger(walk, 0, 0, 0)
    assert ledger.paths == []
    assert ledger.others == 0
    assert "none is open" in "\n".join(weight_lines(ledger))


def test_a_weight_moves_as_the_optimizer_says(scene: MakeScene) -> None:
    place = scene("tanh")
    walk = Walk(place)
    ledger = weight_ledger(walk, 2, 1, 5)
    w = walk.exact.parameters.copy()
    place.optimizer.update(w, walk.exact.gradients, step=place.step, learning_rate=place.learning_rate)
    at = 12 * 9 + 1 * 9 + 5
    assert ledger.step == pytest.approx(w[at] - walk.exact.parameters[at], rel=1e-9)


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_without_a_unit_the_loss_is_that_of_a_network_without_it(activation: str, scene: MakeScene) -> None:
    """Its outgoing weights set to 0 are another way to silence it."""
    walk = Walk(scene(activation))
    found = unit(walk, 0, 2)
    after = walk.exact.layers[1 if activation == "linear" else 2]
    kept = after.w[2].copy()
    after.w[2] = 0
    assert found.without == pytest.approx(walk.loss() - walk.oracle.loss, rel=1e-9)
    after.w[2] = kept
    assert max(map(len, unit_lines(found))) <= 80
    json.dumps(found.as_json(), allow_nan=False)
