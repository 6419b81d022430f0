"""The certificate: what is right passes, what is broken fails, and what can't be told is not counted as right."""

import ast
import contextlib
import copy
import json
import math
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import numnet
from numnet.errors import DataError, NonFiniteError, RecipeError
from numnet.explain import oracle
from numnet.explain.gradcheck import fill_gradients, gradcheck
from numnet.explain.oracle import H, Oracle, cross_entropies
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Tanh
from numnet.nn.network import Network
from numnet.randomness import Draw

Command = Callable[..., "subprocess.CompletedProcess[str]"]

BATCH, SIZES = 6, (12, 9, 9, 5)


def minibatch(seed: int = 0, batch: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Images of which half of the numbers are zero, as of pixels."""
    rng = np.random.default_rng(seed)
    images = np.maximum(rng.standard_normal((batch, SIZES[0])), 0).clip(0, 1)
    return images, rng.integers(0, SIZES[-1], batch)


def textbook(layers: list[Layer] | None = None, seed: int = 0, **settings: object) -> Network:
    if layers is not None:
        return Network(layers, SIZES[0], kernels="textbook", dtype=np.float64, seed=seed)
    return Network.mlp(SIZES, kernels="textbook", dtype=np.float64, seed=seed, bias=0.1, **settings)  # type: ignore[arg-type]


# The oracle


def test_the_oracle_uses_the_forward_pass_alone() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {m for m in modules if m and m.startswith("numnet")} == {
        "numnet.errors", "numnet.nn.layers", "numnet.nn.network", "numnet.randomness",
    }  # fmt: skip
    assert not any(alias.name.startswith("numnet") for node in ast.walk(tree) if isinstance(node, ast.Import)
                   for alias in node.names)  # fmt: skip
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"backward", "gradients", "kernels", "tensors", "dw", "db"}


def test_the_oracle_answers_where_no_layer_can_go_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("backward was called")

    for kind in (Dense, ReLU, Dropout):
        monkeypatch.setattr(kind, "backward", refuse)
    network = textbook(activation="relu", dropout=0.3)
    judge = Oracle(network, *minibatch(), Draw(0, 0))
    slope = judge.slope_at(network.layers[0], "w", 3)
    assert np.isfinite(
        [slope.value, judge.look_again(partial(judge.slope_at, network.layers[0], "w", 3), slope).value]
    ).all()


def softmax_slopes(network: Network, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For softmax and cross-entropy over x @ w + b: dw = x.T @ (p - onehot) / B."""
    logits = images @ network.layers[0].w + network.layers[0].b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return images.T @ (p - np.eye(SIZES[-1])[labels]) / len(labels)


@pytest.mark.parametrize("wider", [1, 30])
def test_slopes_of_one_layer_are_those_worked_by_hand(wider: float) -> None:
    network = textbook([Dense(SIZES[0], SIZES[-1])])
    network.parameters *= wider
    images, labels = minibatch()
    right = softmax_slopes(network, images, labels)
    judge = Oracle(network, images, labels, None)
    layer = network.layers[0]
    found = [judge.slope_at(layer, "w", i).value for i in range(right.size)]
    # |d³L/dw³| <= |x|³ max |p (1 - p) (1 - 2p)|, which is under 0.1; and the formula's error is h²/6 of that
    np.testing.assert_allclose(found, right.reshape(-1), atol=judge.noise + 0.1 * H**2 / 6, rtol=0)


def test_a_second_look_leaves_less_of_the_formulas_error() -> None:
    """Where numbers are large h² is no longer small beside them: dL/dw goes with x, its error with x³."""
    network = textbook([Dense(SIZES[0], SIZES[-1])])
    images, labels = minibatch()
    network.parameters /= 1000
    images = 1000 * images
    right = softmax_slopes(network, images, labels).reshape(-1)
    judge, layer = Oracle(network, images, labels, None), network.layers[0]
    first = [judge.slope_at(layer, "w", i) for i in range(right.size)]
    second = [judge.look_again(partial(judge.slope_at, layer, "w", i), slope) for i, slope in enumerate(first)]
    errors, fewer = (max(abs(s.value - r) for s, r in zip(looks, right, strict=True)) for looks in (first, second))
    assert errors > 100 * judge.noise
    assert fewer < errors / 100


def test_one_output_alone_tells_what_the_whole_product_tells() -> None:
    """The oracle looks at one column of a Dense. A kind derived from it, which it can't know, it looks at whole."""

    class Derived(Dense):
        pass

    for kind in (Dense, Derived):
        network = textbook([Dense(SIZES[0], 9), ReLU(), kind(9, 7), Tanh(), Dense(7, SIZES[-1])])
        network.parameters[:] = np.random.default_rng(5).standard_normal(network.parameters.size)
        judge = Oracle(network, *minibatch(), None)
        found = [
            judge.slope_at(network.layers[2], name, i).value
            for name in ("w", "b") for i in range(getattr(network.layers[2], name).size)
        ]  # fmt: skip
        assert np.count_nonzero(found) > 50
        if kind is Dense:
            alone = found
    np.testing.assert_allclose(found, alone, atol=2 * judge.noise, rtol=0)


def test_no_other_output_of_a_dense_layer_moves() -> None:
    network = textbook(activation="relu")
    layer, (images, _) = network.layers[0], minibatch()
    before = layer.forward(images, draw=None).copy()
    for name in ("w", "b"):
        values = getattr(layer, name).reshape(-1)
        for i in range(values.size):
            kept, values[i] = values[i], values[i] + 1
            moved = (layer.forward(images, draw=None) != before).any(axis=0)
            values[i] = kept
            assert not np.delete(moved, i % SIZES[1]).any()


@pytest.mark.parametrize("sizes", [SIZES, (200, 100, 50, 10)])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
def test_the_measured_noise_covers_the_rounding_and_not_much_more(activation: str, sizes: tuple[int, ...]) -> None:
    """Of a slope known to many digits, backward's in this case, differences are off by rounding alone."""
    rng = np.random.default_rng(1)
    network = Network.mlp(sizes, activation=activation, kernels="textbook", dtype=np.float64)
    images = rng.random((BATCH, sizes[0]))
    labels = network.forward(images, draw=None).argmax(axis=1)  # right answers: a small loss of large logits
    fill_gradients(network, images, labels, Draw(0, 0))
    last = network.layers[-1]  # in the logits' own layer the formula's error is less than rounding's
    judge = Oracle(network, images, labels, Draw(0, 0))
    chosen = rng.choice(last.w.size, min(last.w.size, 300), replace=False)
    errors = [abs(judge.slope_at(last, "w", i).value - last.dw.reshape(-1)[i]) for i in chosen]
    assert judge.noise / 1000 < max(errors) < judge.noise


def test_cross_entropy_is_minus_the_logarithm_of_the_probability() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
    for shift in (0, 1000, -1000):
        found = cross_entropies(logits + shift, np.array([1, 1]))
        np.testing.assert_allclose(found, [-np.log(0.25), -np.log(0.8)], rtol=1e-12)


def test_of_a_loss_next_to_nothing_no_digit_is_lost() -> None:
    found = cross_entropies(np.array([[0.0, 40.0, 5.0]]), np.array([1]))
    assert found[0] == pytest.approx(np.exp(-40) + np.exp(-35), rel=1e-12)
    assert cross_entropies(np.array([[0.0, 900.0]]), np.array([0]))[0] == 900


def test_a_nudge_that_switches_a_relu_is_seen() -> None:
    network = textbook([Dense(SIZES[0], 4), ReLU(), Dense(4, SIZES[-1])])
    images, labels = minibatch()
    first = network.layers[0]
    first.b[2] -= (images @ first.w + first.b)[1, 2] - H / 3  # unit 2 of image 1 is a third of a nudge above zero
    judge = Oracle(network, images, labels, None)
    assert judge.slope_at(first, "b", 2).kinked
    assert not judge.slope_at(first, "b", 1).kinked
    found = gradcheck(network, images, labels, every=True)
    assert found.passed
    assert found.checks[1].kinks == 1


class HardTanh(Layer):
    """A learner's own layer, with kinks where the oracle looks for none: at -1 and 1."""

    def forward(self, x: np.ndarray, *, draw: Draw | None) -> np.ndarray:
        self.x = x.copy()
        return x.clip(-1, 1)

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        return dy * (abs(self.x) < 1)


def test_a_kink_of_an_unknown_kind_is_no_accusation() -> None:
    network = textbook([Dense(SIZES[0], 4), HardTanh(), Dense(4, SIZES[-1])])
    images, labels = minibatch()
    first = network.layers[0]
    first.b[2] -= (images @ first.w + first.b)[1, 2] - 1 - H / 3
    found = gradcheck(network, images, labels, every=True)
    assert found.passed, found
    assert found.checks[1].kinks == 1


def test_randomness_that_is_not_the_draws_is_refused() -> None:
    class Noisy(ReLU):
        def forward(self, x: np.ndarray, *, draw: Draw | None) -> np.ndarray:
            return super().forward(x + np.random.default_rng().random(x.shape), draw=draw)

    with pytest.raises(DataError, match="two losses for one draw"):
        gradcheck(textbook([Dense(SIZES[0], 4), Noisy(), Dense(4, SIZES[-1])]), *minibatch())


def test_a_loss_that_is_not_finite_is_refused() -> None:
    network = textbook(activation="relu")
    network.parameters[0] = np.nan
    with pytest.raises(NonFiniteError, match="the loss is nan"):
        gradcheck(network, *minibatch())


def test_parameters_are_left_as_they_were() -> None:
    network = Network.mlp(SIZES, kernels="textbook", dropout=0.2)
    before, gradients = network.parameters.copy(), network.gradients.copy()
    gradcheck(network, *minibatch())
    assert (network.parameters == before).all()
    assert (network.gradients == gradients).all()


# What is right


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_a_right_network_passes(activation: str, dropout: float) -> None:
    found = gradcheck(textbook(activation=activation, dropout=dropout), *minibatch())
    assert found.passed, found
    assert found.worst < 1e-6
    assert all(check.checked for check in found.checks)
    assert found.verdict().startswith("PASSED")


@pytest.mark.slow
def test_a_right_network_is_never_accused() -> None:
    """Of any activation, with dropout or without, its weights a tenth of their size or ten times, each entry of it."""
    for seed in range(100):
        kind, dropout = ("relu", "tanh", "sigmoid", "linear")[seed % 4], seed % 3 / 4
        network = Network.mlp(SIZES, activation=kind, dropout=dropout, bias=0.1, seed=seed, kernels="numba")
        network.parameters *= 10 ** np.random.default_rng(seed).uniform(-1, 1)
        found = gradcheck(network, *minibatch(seed, batch=1 + seed % 9), seed=seed, every=True)
        assert not found.verdict().startswith("FAILED"), f"seed {seed}\n{found}"


def test_every_entry_is_looked_at_if_asked() -> None:
    network = textbook(activation="relu")
    seen: dict[str, tuple[int, int]] = {}
    found = gradcheck(
        network, *minibatch(), every=True, progress=lambda name, done, total: seen.update({name: (done, total)})
    )
    assert found.passed
    for check, (_, values, _) in zip(found.checks, network.tensors(), strict=True):
        assert check.checked + check.zeros + check.kinks + check.small == values.size
        assert seen[check.name] == (values.size, values.size)
    assert re.fullmatch(r"PASSED: \d+ of all 257 entries could be told; they agree to \d\.\de-\d+", found.verdict())


def test_zeros_are_counted_apart() -> None:
    images, labels = minibatch()
    images[:, :3] = 0  # three pixels that no image has ink in
    found = gradcheck(textbook(activation="tanh"), images, labels, every=True)
    assert found.passed
    assert found.checks[0].zeros == 3 * SIZES[1]


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
def test_float32_is_held_to_float64(kernels: str) -> None:
    found = gradcheck(Network.mlp(SIZES, kernels=kernels), *minibatch())
    assert found.kernels == kernels
    assert [each.name for each in found.float32] == [check.name for check in found.checks]
    assert all(0 < each.error < each.bound == 1e-5 for each in found.float32)
    assert found.passed
    assert found.left_out == 0


def test_a_relu_that_float32_switches_is_no_accusation() -> None:
    network = Network([Dense(2, 2), ReLU(), Dense(2, 3)], 2, kernels="textbook", seed=1)
    first = network.layers[0]
    first.w[:], first.b[:] = np.eye(2), (-0.1, 0)
    images = np.array([[float(np.float32(0.1)) + 1e-9, 0.5], [0.4, 0.3], [0.2, 0.7]])  # as float32 it is 0.1 again
    found = gradcheck(network, images, np.array([0, 1, 2]))
    assert found.left_out == 1
    assert {each.verdict for each in found.float32} == {"ok"}
    assert "without 1 of the images" in str(found)


def test_a_network_that_is_sure_is_not_accused_of_what_float32_can_not_hold() -> None:
    """p - y is next to nothing, and p, next to 1, is rounded as ever."""
    images, labels = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    bounds = []
    for sure in (1, 12, 20, 30, 200):
        network = Network([Dense(2, 2)], 2, kernels="textbook")
        network.layers[0].w[:] = np.array([[1, -1], [-1, 1]]) * sure / 1.4
        found = gradcheck(network, images, labels)
        assert not found.verdict().startswith("FAILED"), found
        bounds.append(found.float32[0].bound)
    assert bounds[0] == 1e-5 < bounds[1] < bounds[2]
    assert found.verdict().startswith("UNTOLD")
    assert not found.passed


def test_where_nothing_can_be_compared_nothing_is_certified() -> None:
    network = Network.mlp(SIZES, kernels="textbook")
    network.layers[0].b[:] = -100  # no unit of the first layer ever has anything to say
    found = gradcheck(network, *minibatch())
    assert not found.passed
    assert found.verdict().startswith("UNTOLD: nothing to compare in layer 0 w, layer 0 b, layer 2 w")
    assert found.checks[0].checked == 0 < found.checks[0].zeros
    assert math.isnan(found.float32[0].error)


class LeakyReLU(Layer):
    """A learner's own layer."""

    slope = 0.1

    def forward(self, x: np.ndarray, *, draw: Draw | None) -> np.ndarray:
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        return np.where(self.x > 0, dy, self.slope * dy)


class Scale(Layer):
    """Another, with a parameter."""

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (1, SIZES[1])}

    def initialize(self, seed: int) -> None:
        self.w[:] = 1.5

    def forward(self, x: np.ndarray, *, draw: Draw | None) -> np.ndarray:
        self.x = x.copy()
        return self.x * self.w

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        self.dw[:] = (dy * self.x).sum(axis=0)
        return dy * self.w


def test_a_learners_own_layers_are_checked() -> None:
    layers = [Dense(SIZES[0], SIZES[1]), LeakyReLU(), Scale(), Dense(SIZES[1], SIZES[-1])]
    found = numnet.gradcheck(textbook(layers), *minibatch())
    assert found.passed, found
    assert [check.name for check in found.checks] == ["layer 0 w", "layer 0 b", "layer 2 w", "layer 3 w", "layer 3 b"]


@pytest.mark.slow
def test_the_readmes_layer_of_your_own_runs_as_written(numnet_command: Command) -> None:
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text()
    run = numnet_command("-c", re.search(r"```python\n(import numpy as np, numnet\n.*?)```", readme, re.DOTALL)[1])
    assert (run.returncode, run.stderr) == (0, "")
    assert "\nPASSED: " in run.stdout


# What is broken


class NoMask(ReLU):
    """Gradients go back where nothing came forward."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        return dy.copy()


class MeanBias(Dense):
    """The bias takes the mean of what carries 1/B already."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        dx = super().backward(dy, need_dx=need_dx)
        self.db /= len(dy)
        return dx


class Straight(Dense):
    """w in place of w.T, which no shape objects to in a square layer."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        super().backward(dy, need_dx=need_dx)
        return dy @ self.w


class UpdatedFirst(Dense):
    """w moves before dx is computed with it."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        super().backward(dy, need_dx=False)
        return dy @ (self.w - 0.01 * self.dw).T


class FirstExample(Dense):
    """dw of the first example only."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        dx = super().backward(dy, need_dx=need_dx)
        self.dw[:] = np.outer(self.x[0], dy[0])
        return dx


class NoGradient(Dense):
    """A gradient that stays zero."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
        dx = super().backward(dy, need_dx=need_dx)
        self.dw[:] = 0
        return dx


class OtherMask(Dropout):
    """Backward draws a mask of its own."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        other = Draw(99, 0).keep_mask(self.index, dy.shape, self.drop_rate)
        return dy * other * self.scale


class LostSquare(Tanh):
    """1 - y in place of 1 - y²."""

    def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray:
        return dy * (1 - self.y)


D, M, E = SIZES[0], SIZES[1], SIZES[-1]
BROKEN: dict[str, Callable[[], list[Layer]]] = {
    "no mask": lambda: [Dense(D, M), NoMask(), Dense(M, E)],
    "mean bias": lambda: [Dense(D, M), ReLU(), MeanBias(M, E)],
    "straight": lambda: [Dense(D, M), ReLU(), Straight(M, M), ReLU(), Dense(M, E)],
    "updated first": lambda: [Dense(D, M), Tanh(), UpdatedFirst(M, E)],
    "first example": lambda: [Dense(D, M), ReLU(), FirstExample(M, E)],
    "no gradient": lambda: [Dense(D, M), ReLU(), NoGradient(M, E)],
    "other mask": lambda: [Dense(D, M), Tanh(), OtherMask(0.5), Dense(M, E)],
    "lost square": lambda: [Dense(D, M), LostSquare(), Dense(M, E)],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_backward_fails(name: str) -> None:
    found = gradcheck(textbook(BROKEN[name]()), *minibatch())
    assert not found.passed
    assert "WRONG" in str(found)
    assert found.directions.wrong
    assert found.verdict().startswith("FAILED: layer ")
    assert max(map(len, str(found).splitlines())) <= 80


def test_kernels_that_are_slightly_off_fail_the_second_link(monkeypatch: pytest.MonkeyPatch) -> None:
    from numnet.kernels import compiled

    network = Network.mlp(SIZES, kernels="numba")
    right = compiled.matmul_at

    def off(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        right(a, b, out)
        out *= np.float32(1 + 1e-4)

    monkeypatch.setattr(compiled, "matmul_at", off)
    found = gradcheck(network, *minibatch())
    assert all(check.verdict == "ok" for check in found.checks)
    assert not found.passed
    assert found.verdict() == "FAILED: layer 0 w in float32, layer 2 w in float32, layer 4 w in float32"


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 0.0])
def test_one_spoilt_number_of_the_kernels_fails_the_second_link(spoilt: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from numnet.kernels import compiled

    right = compiled.sum_rows

    def off(a: np.ndarray, out: np.ndarray) -> None:
        right(a, out)
        out[np.argmax(abs(out))] = spoilt

    network = Network.mlp(SIZES, kernels="numba")
    monkeypatch.setattr(compiled, "sum_rows", off)
    found = gradcheck(network, *minibatch())
    assert "layer 0 b in float32" in found.verdict()
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_wrong(spoilt: float) -> None:
    class Spoilt(Dense):
        def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
            dx = super().backward(dy, need_dx=need_dx)
            self.dw[1, 2] = spoilt
            return dx

    layers = [Dense(SIZES[0], 9), ReLU(), Spoilt(9, SIZES[-1])]
    sampled, every = (gradcheck(textbook([*map(copy.copy, layers)]), *minibatch(), every=e) for e in (False, True))
    for found in (sampled, every):
        assert found.directions.wrong == 5  # one in a thousand is in each direction, if not in the sample
        json.dumps(found.as_json(), allow_nan=False)
    assert every.checks[2].worst[:2] == (np.inf, (1, 2))


def test_a_single_wrong_entry_is_found_among_all() -> None:
    class OneOff(Dense):
        def backward(self, dy: np.ndarray, *, need_dx: bool = True) -> np.ndarray | None:
            dx = super().backward(dy, need_dx=need_dx)
            self.dw[3, 1] *= 1 + 1e-4
            return dx

    found = gradcheck(textbook([Dense(SIZES[0], 9), Tanh(), OneOff(9, SIZES[-1])]), *minibatch(), every=True)
    assert [check.wrong for check in found.checks] == [0, 0, 1, 0]
    assert found.checks[2].worst[1] == (3, 1)
    assert "    [3, 1]: backward " in str(found)
    assert ", ratio 1.0001\n" in str(found)


def test_labels_that_are_none_are_refused() -> None:
    images, labels = minibatch()
    network = textbook(activation="relu")
    for wrong in (labels[:-1], labels + SIZES[-1], labels - SIZES[-1], labels.astype(float)):
        with pytest.raises(DataError, match="labels"):
            gradcheck(network, images, wrong)
    with pytest.raises(DataError, match="images"):
        gradcheck(network, images[:, :-1], labels)


# The command


@pytest.mark.slow
def test_the_command_certifies_a_recipe(numnet_command: Command) -> None:
    flags = ("-m", "numnet.explain", "gradcheck", "--recipe", "intended", "--seed", "3")
    run, again = (numnet_command(*flags, "--json") for _ in range(2))
    assert run.returncode == 0, run.stderr
    assert run.stdout == again.stdout
    found = json.loads(run.stdout)
    assert found["passed"]
    assert found["worst"] < 1e-6
    assert len(found["tensors"]) == 8
    assert [each["verdict"] for each in found["float32"]] == ["ok"] * 8
    assert max(each["error"] for each in found["float32"]) < 1e-5
    shown = numnet_command(*flags)
    assert re.search(r"\nPASSED: \d+ sampled entries agree to \d\.\de-\d\d\n$", shown.stdout)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert shown.stderr == ""  # no progress where there is no terminal


SMALL = ("--kernels", "textbook", "--steps", "1", "--batch", "3")


def test_another_seed_looks_at_other_numbers(numnet_command: Command, tiny_folder: Path) -> None:
    line = ("-m", "numnet.explain", "gradcheck", "--data", tiny_folder, *SMALL)
    zero, again, one = (numnet_command(*line, "--seed", seed).stdout for seed in (0, 0, 1))
    assert zero == again != one


def test_a_model_is_checked_as_it_is(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    train = ("--hidden", 7, "--activation", "tanh", "--steps", 30, "--kernels", "textbook", "--quiet", "--save", model)
    assert numnet_command("-m", "numnet.train", "--data", tiny_folder, *train).returncode == 0
    line = ("-m", "numnet.explain", "gradcheck", "--model", model, "--kernels", "textbook")
    run = numnet_command(*line, "--data", tiny_folder, "--every", "--json")
    assert (run.returncode, run.stderr, run.stdout.count("\n")) == (0, "", 1)
    found = json.loads(run.stdout)
    assert [tensor["shape"] for tensor in found["tensors"]] == [[30, 7], [7], [7, 3], [3]]
    assert (found["verdict"], found["passed"], found["sampled"], found["examples"]) == ("PASSED", True, False, 8)
    other = numnet_command(*line)  # on MNIST's images
    assert (other.returncode, other.stdout, other.stderr.count("\n")) == (2, "", 1)
    assert "images of 784 numbers for a network of 30 inputs" in other.stderr


def test_a_check_that_fails_exits_1(numnet_command: Command, tiny_folder: Path) -> None:
    program = f"""if True:
        from numnet.console import command
        from numnet.explain import __main__
        from numnet.nn.layers import Dense
        right = Dense.backward
        def twice(self, dy, *, need_dx=True):
            dx = right(self, dy, need_dx=need_dx)
            self.db *= 2
            return dx
        Dense.backward = twice
        command(lambda _: __main__.main(["gradcheck", "--data", {str(tiny_folder)!r}, *{SMALL}]))
    """
    run = numnet_command("-c", program)
    assert (run.returncode, run.stderr) == (1, "")
    assert "FAILED: layer 0 b, layer 2 b, layer 4 b, layer 7 b, directions\n" in run.stdout
    assert re.search(r"\n    \[\d+\]: backward .*, ratio 2\n", run.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_progress_is_for_a_terminal_and_gone_when_interrupted(
    tiny_folder: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "numnet.explain", "gradcheck", "--every", "--data", str(tiny_folder), *SMALL]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child of a shell's `&` would ignore it
    try:
        started = subprocess.Popen(line, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)
    with started as run:
        os.close(theirs)
        try:
            seen = b""
            while not re.search(rb"layer 0 w: [\d,]+ of 15,360", seen):
                seen += os.read(ours, 1000)
            run.send_signal(number)
            with contextlib.suppress(OSError):  # Linux says so that nobody writes any more
                while more := os.read(ours, 1000):
                    seen += more
            assert run.wait(timeout=30) == 128 + number
        finally:
            run.kill()
            os.close(ours)
        assert run.stdout is not None
        assert run.stdout.read() == b""
    word = "interrupted" if number == signal.SIGINT else "terminated"
    shown = seen.decode().replace("\r\n", "\n")
    if number == signal.SIGINT:  # the line is wiped, and what stays is one line
        assert shown.rpartition("\r\x1b[K")[2] == "numnet: interrupted\n"
    assert f"numnet: {word}\n" in shown


def test_help_is_light_and_names_every_flag(numnet_command: Command) -> None:
    run = numnet_command("-X", "importtime", "-m", "numnet.explain", "gradcheck", "--help")
    assert run.returncode == 0
    for flag in ("--model", "--recipe", "--steps", "--data", "--batch", "--every", "--seed", "--kernels", "--json"):
        assert flag in run.stdout
    assert not re.search(r"\| +(numpy|numba|PIL)$", run.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--batch 0", "--batch 0: expected 1 to"),
        ("--steps -1", "--steps -1: expected 0 to"),
        ("--steps many", "--steps"),
        ("--seed -1", "seed -1: expected 0 to 2**64 - 1"),
        ("--model m.npz --steps 3", "--steps trains a recipe's network first"),
        ("--model m.npz --recipe strong", "not allowed with"),
        ("--data nowhere", "nowhere"),
        ("--recipe strng", "did you mean strong?"),
        ("--model nowhere.npz", "nowhere.npz"),
        ("--kernels fast", "fast"),
    ],
)
def test_what_can_not_be_is_refused_in_a_line(numnet_command: Command, flags: str, told: str) -> None:
    run = numnet_command("-m", "numnet.explain", "gradcheck", *flags.split())
    assert (run.returncode, run.stdout) == (2, "")
    assert told in run.stderr
    assert run.stderr.count("\n") == 1


# Smoothed labels


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
def test_the_gradient_of_the_smoothed_loss_passes_and_that_of_another_does_not(
    kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = minibatch()
    network = Network.mlp(SIZES, kernels=kernels, activation="tanh", bias=0.1)
    assert gradcheck(network, images, labels, smoothing=0.2).passed
    monkeypatch.setattr("numnet.explain.oracle.cross_entropies", lambda x, y, s: cross_entropies(x, y, 0.9 * s))
    assert not gradcheck(network, images, labels, smoothing=0.2).passed


def test_the_oracles_smoothed_loss_is_its_definition() -> None:
    logits, labels = 5 * np.random.default_rng(0).standard_normal((7, 4)), np.arange(7) % 4
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = 0.7 * np.eye(4)[labels] + 0.3 / 4
    np.testing.assert_allclose(cross_entropies(logits, labels, 0.3), -(target * logp).sum(axis=1), rtol=1e-12)


def test_a_smoothing_that_is_no_share_is_refused() -> None:
    with pytest.raises(RecipeError, match="a label smoothing of 1"):
        gradcheck(textbook(), *minibatch(), smoothing=1)
