"""A step taken apart: every number adds up and is checked, and what is wrong is called wrong."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from numnet.explain import loss_steps
from numnet.explain.numbers import folded, spelled_sum
from numnet.explain.scene import Scene
from numnet.explain.step import lines
from numnet.explain.trace import Trace
from numnet.explain.walk import Walk
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from numnet.nn.loss import cross_entropy

MakeScene = Callable[..., Scene]


def by_name(trace: Trace) -> dict[str, object]:
    return {f"{stage.title}: {quantity.name}": quantity for stage in trace.stages for quantity in stage.quantities}


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_right_step_passes_and_its_terms_add_up(
    activation: str, dropout: float, optimizer: str, scene: MakeScene
) -> None:
    trace = Walk(scene(activation, dropout, optimizer)).trace()
    assert trace.passed
    quantities = [quantity for stage in trace.stages for quantity in stage.quantities]
    assert all(quantity.entry.adds_up for quantity in quantities)
    gradients = [q for q in quantities if q.name[0] == "d" and q.name not in ("dtop",)]
    assert len(gradients) >= 8 + 8
    assert all(q.entry.nudge and q.entry.nudge.verdict in ("ok", "kink", "small") for q in gradients)
    assert sum(q.entry.nudge.verdict == "ok" for q in gradients if q.entry.nudge) >= len(gradients) - 2


def test_a_trace_tells_what_training_computes(scene: MakeScene) -> None:
    """The loss, the gradients and the step are those of the network, its loss and its optimizer."""
    place = scene("relu", 0.3)
    walk = Walk(place)
    trace = walk.trace()
    exact = place.network.twin(kernels="textbook", dtype=np.float64)
    logits = exact.forward(exact.to_floats(place.images), draw=walk.draw).copy()
    loss, dlogits = cross_entropy(exact.kernels, logits, place.labels)
    exact.backward(dlogits)
    assert trace.loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_array_equal(walk.exact.gradients, exact.gradients)
    before = exact.parameters.copy()
    place.optimizer.update(exact.parameters, exact.gradients, step=place.step, learning_rate=place.learning_rate)
    after, _ = cross_entropy(exact.kernels, exact.forward(exact.to_floats(place.images), draw=walk.draw), place.labels)
    assert trace.loss_after == pytest.approx(after, rel=1e-12)
    steps = {q.name: q for q in trace.stages[-1].quantities}
    first = steps["layer 0 w step"]
    assert first.entry.value == (exact.parameters - before)[: 12 * 9].reshape(12, 9)[first.entry.index]


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        (Dense, lambda layer, dy, dx: layer.db.__itruediv__(2)),
        (ReLU, lambda layer, dy, dx: dx.__iadd__(1)),
        (Dropout, lambda layer, dy, dx: dx.__imul__(2)),
    ],
)
def test_a_wrong_backward_is_called_wrong(
    kind: type[Layer], spoil, monkeypatch: pytest.MonkeyPatch, scene: MakeScene
) -> None:
    honest = kind.backward

    def backward(layer: Layer, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        dx = honest(layer, dy, need_dx=need_dx)
        spoil(layer, dy, dx)
        return dx

    monkeypatch.setattr(kind, "backward", backward)
    trace = Walk(scene("relu", 0.4)).trace()
    assert not trace.passed
    assert "WRONG" in "\n".join(lines(trace))


def test_the_loss_in_eight_steps_is_the_loss_at_one_blow() -> None:
    rng = np.random.default_rng(3)
    logits, labels = 4 * rng.standard_normal((7, 6)), rng.integers(0, 6, 7)
    state = loss_steps.take_steps(logits, labels)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert float(state["loss"]) == pytest.approx(-np.log(p[np.arange(7), labels]).mean(), rel=1e-12)
    slopes = loss_steps.go_back(state)
    np.testing.assert_allclose(slopes["logits"], (p - np.eye(6)[labels]) / 7, atol=1e-15)


def test_a_step_of_the_loss_is_nudged_with_what_follows_from_it() -> None:
    """Twice the sums are half of every p, and so the loss grows by log 2."""
    state = loss_steps.take_steps(np.array([[1.0, 2.0, 4.0]]), np.array([1]))
    sums = float(state["sums"][0])
    grown = loss_steps.loss_with(state, "sums", (0,), sums) - float(state["loss"])
    assert grown == pytest.approx(math.log(2), rel=1e-12)


def test_a_sum_is_spelled_by_its_largest_terms_and_the_rest() -> None:
    text, total = spelled_sum(np.array([1.0, 0, -5, 3, 2]), np.array([1.0, 7, 1, 1, 2]), 0.5)
    assert text == "0.5 + (-5 * 1) + 2 * 2 + 3 * 1 + 1 (1 more), and 1 term is 0"
    assert total == 3.5
    assert spelled_sum(np.zeros(2)) == ("0, and 2 terms are 0", 0)


def test_lines_are_folded_at_blanks() -> None:
    assert list(folded("  one two three", "    ", width=9)) == ["  one two", "    three"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_trace_fits_eighty_columns_and_json(activation: str, scene: MakeScene) -> None:
    trace = Walk(scene(activation, 0.3)).trace()
    assert max(map(len, lines(trace))) <= 80
    found = json.loads(json.dumps(trace.as_json(), allow_nan=False))
    assert found["passed"] is True
    assert {"name", "formula", "stats", "flops", "entry", "float32", "note"} == set(found["stages"][0]["quantities"][0])


def test_one_layer_alone_is_shown(scene: MakeScene) -> None:
    shown = "\n".join(lines(Walk(scene("tanh")).trace(), layer=1))
    assert "layer 1: Tanh()" in shown
    assert "layer 0" not in shown


@pytest.mark.parametrize(("kind", "slope"), [(Tanh, lambda y: 1 - y * y), (Sigmoid, lambda y: y * (1 - y))])
def test_a_number_spelled_out_is_worked_from_what_went_in(kind: type[Layer], slope, scene: MakeScene) -> None:
    walk = Walk(scene(kind.__name__.lower()))
    passage = next(p for p in walk.passages if isinstance(p.layer, kind))
    stage = next(s for s in walk.trace().stages if s.title.startswith(f"backward, layer {passage.layer.index}"))
    entry = stage.quantities[0].entry
    assert entry.total == pytest.approx(passage.dy[entry.index] * slope(passage.y[entry.index]), rel=1e-12)
