"""A step taken apart: every number adds up and is checked, and what is wrong is called wrong."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numnet.explain import loss_steps
from numnet.explain.numbers import folded, listed, spelled_sum
from numnet.explain.scene import Scene
from numnet.explain.step import lines
from numnet.explain.update import Update
from numnet.explain.walk import Walk
from numnet.kernels import compiled, textbook
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.nn.optim import Adam

MakeScene = Callable[..., Scene]


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
    gradients = [q for q in quantities if q.name[0] == "d"]
    assert len(gradients) >= 8 + 10
    assert all(q.entry.nudge and q.entry.nudge.verdict in ("ok", "kink", "small") for q in gradients)
    assert sum(q.entry.nudge.verdict == "ok" for q in gradients if q.entry.nudge) >= len(gradients) - 3


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
    first = next(stage for stage in trace.stages if stage.title.startswith("Adam's step, layer 0")).quantities[0]
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
    text, total, note = spelled_sum(np.array([1.0, 0, -5, 3, 2]), np.array([1.0, 7, 1, 1, 2]), 0.5, "i")
    assert (text, total, note) == ("0.5 + (-5) * 1 + 2 * 2 + 3 * 1 + 1 (1 more)", 3.5, "i = 2, 4, 3; 1 term is 0")
    assert spelled_sum(np.zeros(2)) == ("0", 0, "2 terms are 0")
    assert listed([1.0, -2.0, 3.0, 4.0], most=2) == "1 + (-2) + 7 (2 more)"


def test_lines_are_folded_at_blanks() -> None:
    assert list(folded("  one two three", "    ", width=9)) == ["  one two", "    three"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_a_trace_fits_eighty_columns_and_json(activation: str, scene: MakeScene) -> None:
    trace = Walk(scene(activation, 0.3)).trace()
    assert max(map(len, lines(trace))) <= 80
    found = json.loads(json.dumps(trace.as_json(), allow_nan=False))
    assert found["passed"] is True
    first = found["stages"][0]["quantities"][0]
    assert {"name", "formula", "stats", "flops", "entry", "float32", "note", "verdict"} == set(first)
    assert set(first["formula"]) == {"by_index", "by_matrix", "why"}


def test_one_layer_alone_is_shown(scene: MakeScene) -> None:
    trace = Walk(scene("tanh")).trace()
    shown = "\n".join(lines(trace.of_layer(2)))
    assert [title for title in ("forward", "backward", "Adam's step") if f"{title}, layer 2: Dense(9, 9)" in shown] == [
        "forward", "backward", "Adam's step",
    ]  # fmt: skip
    assert "layer 0" not in shown
    assert len(trace.of_layer(1).stages) == 2


@pytest.mark.parametrize(("kind", "slope"), [(Tanh, lambda y: 1 - y * y), (Sigmoid, lambda y: y * (1 - y))])
def test_a_number_spelled_out_is_worked_from_what_went_in(kind: type[Layer], slope, scene: MakeScene) -> None:
    walk = Walk(scene(kind.__name__.lower()))
    passage = next(p for p in walk.passages if isinstance(p.layer, kind))
    stage = next(s for s in walk.trace().stages if s.title.startswith(f"backward, layer {passage.layer.index}"))
    entry = stage.quantities[0].entry
    assert entry.total == pytest.approx(passage.dy[entry.index] * slope(passage.y[entry.index]), rel=1e-12)


@pytest.mark.parametrize("margin", [1.0, 12.0, 20.0, 30.0, 200.0])
def test_a_network_that_is_sure_is_not_called_wrong(margin: float, scene: MakeScene) -> None:
    """Its losses are next to nothing, and in small steps rounded away; that is no mistake of backward's."""
    place = scene("tanh", batch=1)
    place.network.layers[-1].b[int(place.labels[0])] += margin
    assert Walk(place).trace().passed


def test_a_probability_stored_as_zero_is_said_and_not_stumbled_over(scene: MakeScene) -> None:
    place = scene("linear", batch=2)
    place.network.layers[-1].w *= 1e4
    place.labels[:] = Walk(scene("linear", batch=2)).passages[-1].y.argmin(axis=1)
    trace = Walk(place).trace()
    assert "in small steps this loss is lost" in " ".join(lines(trace)).replace("   ", " ")
    assert trace.passed
    json.dumps(trace.as_json(), allow_nan=False)


def test_with_smoothing_another_class_than_the_label_may_lose_the_loss(scene: MakeScene) -> None:
    """The label's p is 1, and the p of some other class, which counts as well, is stored as 0."""
    place = scene("linear", batch=2, smoothing=0.2)
    place.network.layers[-1].w *= 1e4
    place.labels[:] = Walk(scene("linear", batch=2)).passages[-1].y.argmax(axis=1)
    trace = Walk(place).trace()
    story = " ".join("\n".join(lines(trace)).split())
    assert "some class's p, and with smoothed labels each class counts, is stored as 0 here" in story
    assert "the label's p" not in story


@pytest.mark.parametrize("sizes", [(12, 5), (12, 9, 5), (12, 1, 2)])
@pytest.mark.parametrize("batch", [1, 2])
def test_small_networks_and_single_images_are_explained(sizes: tuple[int, ...], batch: int, scene: MakeScene) -> None:
    trace = Walk(scene("relu", sizes=sizes, batch=batch)).trace()
    assert trace.passed
    assert max(map(len, lines(trace))) <= 80


def test_a_layer_below_all_parameters_gets_no_gradient() -> None:
    rng = np.random.default_rng(0)
    network = Network([Tanh(), Dense(12, 5)], 12, kernels="textbook", dtype=np.float64)
    adam = Adam(network.kernels, network.parameters)
    images, labels = rng.integers(0, 256, (4, 12)).astype(np.uint8), np.arange(4).astype(np.uint8)
    trace = Walk(Scene("a test", network, images, labels, 0, 0, adam, 1e-3)).trace()
    assert trace.passed
    titles = [stage.title for stage in trace.stages]
    assert "forward, layer 0: Tanh()" in titles
    assert "backward, layer 0: Tanh()" not in titles


@pytest.mark.parametrize("form", ["tensorflow", "pytorch"])
def test_both_forms_of_epsilon_are_spelled_out(form: str, scene: MakeScene) -> None:
    place = scene("tanh")
    kept = place.optimizer.vectors
    place.optimizer = Adam(place.network.kernels, place.network.parameters, epsilon=0.1, epsilon_form=form)
    place.optimizer.vectors.update(kept)
    assert Walk(place).trace().passed


def test_operations_are_counted_as_by_hand(scene: MakeScene) -> None:
    """6 images, layers of 12, 9, 9 and 5: products count two for each multiplication, one of them the addition."""
    stages = {stage.title: stage.quantities for stage in Walk(scene("tanh")).trace().stages}
    assert stages["forward, layer 0: Dense(12, 9)"][0].flops == 2 * 6 * 12 * 9
    dw, db, dx = stages["backward, layer 2: Dense(9, 9)"]
    assert (dw.flops, db.flops, dx.flops) == (2 * 6 * 81, 5 * 9, 2 * 6 * 81)
    assert stages["backward, layer 1: Tanh()"][0].flops == 3 * 6 * 9
    loss = {quantity.name: quantity.flops for quantity in stages["the loss, in eight steps"]}
    assert loss == {
        "top": 24, "shifted": 30, "exps": 30, "sums": 24, "p": 30, "logp": 30, "picked": 0, "loss": 7,
    }  # fmt: skip


def test_kernels_in_float32_that_are_off_are_called_wrong(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    place = scene("tanh")
    place.network = place.network.twin(kernels="numba", dtype=np.float32)
    assert Walk(place).trace().passed
    honest = compiled.sum_rows

    def spoiled(a: np.ndarray, out: np.ndarray) -> None:
        honest(a, out)
        out *= 1.001

    monkeypatch.setattr(compiled, "sum_rows", spoiled)
    trace = Walk(place).trace()
    wrong = {q.name for stage in trace.stages for q in stage.quantities if q.verdict == "WRONG"}
    assert wrong == {"db"}


def test_a_kernel_whose_dlogits_is_off_is_called_wrong(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = textbook.softmax_cross_entropy

    def spoiled(*arguments: Any) -> None:
        honest(*arguments)
        arguments[-1][0] += 1e-6

    monkeypatch.setattr(textbook, "softmax_cross_entropy", spoiled)
    trace = Walk(scene("tanh")).trace()
    assert [stage.title for stage in trace.stages if stage.wrong] == ["backward, through the loss"]
    assert not trace.passed


AIDS = {"clip": 0.01, "weight_decay": 0.5, "average": 0.9}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_with_smoothing_and_every_aid_adds_up_and_is_what_the_loss_does(
    scene: MakeScene, activation: str, optimizer: str
) -> None:
    trace = Walk(scene(activation, optimizer=optimizer, dropout=0.3, smoothing=0.2, **AIDS)).trace()
    assert trace.passed
    assert all(len(line) <= 80 for line in lines(trace))
    story = " ".join("\n".join(lines(trace)).split())
    for words in ("picked = (target * logp).sum(axis=1)", "dlogits = (p - target) / B", "- rate * decay * w",
                  "Gradients are clipped to a norm of 0.01", "average += share * (w - average)",
                  "or, with patience, that of the best epoch"):  # fmt: skip
        assert words in story


def test_the_smoothed_loss_of_a_trace_is_its_definition_by_hand(scene: MakeScene) -> None:
    place = scene("tanh", smoothing=0.2)
    logits = place.network.forward(place.images / 255, draw=None)
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = 0.8 * np.eye(5)[place.labels] + 0.2 / 5
    assert Walk(place).trace().loss == pytest.approx(-(target * logp).sum(axis=1).mean(), rel=1e-12)


def test_a_kernel_that_smooths_otherwise_is_called_wrong(scene: MakeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = textbook.softmax_cross_entropy

    def spoiled(logits: Any, labels: Any, scale: float, smoothing: float, *outs: Any) -> None:
        honest(logits, labels, scale, 1.001 * smoothing, *outs)

    monkeypatch.setattr(textbook, "softmax_cross_entropy", spoiled)
    assert not Walk(scene("tanh", smoothing=0.2)).trace().passed
    assert Walk(scene("tanh")).trace().passed


def test_the_step_of_a_weight_with_every_aid_is_that_of_the_formulas(scene: MakeScene) -> None:
    """SGD: w - 1e-3 * 0.5 * w - 1e-3 * (0.9 * velocity + clipped dw); a bias likewise, but for the decay."""
    place = scene("tanh", optimizer="sgd", **AIDS)
    walk = Walk(place)
    update = Update(place, walk.exact)
    w, velocity = place.network.parameters, place.optimizer.vectors["velocity"]
    dw = walk.exact.gradients * 0.01 / np.linalg.norm(walk.exact.gradients)
    decay = np.where(np.arange(len(w)) < len(place.network.weights), 1e-3 * 0.5, 0)
    wanted = w - decay * w - 1e-3 * (0.9 * velocity + dw)
    np.testing.assert_allclose(update.after, wanted, rtol=1e-12)
    share = 0.1 / (1 - 0.9**4)
    average = place.optimizer.vectors["average"]
    for at in (0, len(w) - 1):
        assert update.spell(at).value == pytest.approx(wanted[at] - w[at], rel=1e-9)
        assert update.spell_average(at).value == pytest.approx((1 - share) * average[at] + share * wanted[at], rel=1e-9)
