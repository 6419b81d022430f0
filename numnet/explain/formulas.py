"""What each kind of layer computes, forward and backward: as a formula, and one number of it term by term."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from numnet.explain.numbers import Spelled, inner, number, spelled_sum
from numnet.kernels import FloatArray
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh


class Formula(NamedTuple):
    """What a quantity is: by its indices, by whole matrices, and why it is so."""

    by_index: str
    by_matrix: str
    why: str = ""


class Passage(NamedTuple):
    """What went through a layer, and back: float64 x, dx (B, D) and y, dy (B, H); dx is None where nobody asked."""

    layer: Layer
    x: FloatArray
    y: FloatArray
    dy: FloatArray
    dx: FloatArray | None


class Account(NamedTuple):
    """A quantity of a layer and how it came about.

    spell : writes the number at an index out
    flops : multiplications and additions that it took
    """

    name: str
    values: FloatArray
    formula: Formula
    spell: Callable[[tuple[int, ...]], Spelled]
    flops: int


def forward_account(passage: Passage) -> Account:
    """Of what a layer gives."""
    kind = KINDS.get(type(passage.layer))
    return kind.forward(passage) if kind else _unknown("y", passage.y, "y = f(x), of a layer of one's own")


def backward_accounts(passage: Passage) -> list[Account]:
    """Of the gradients that a layer makes, in the order in which it does: of its parameters, and dx."""
    kind = KINDS.get(type(passage.layer))
    if passage.dx is None and not passage.layer.parameter_shapes():
        return []  # below the first layer with parameters, where nothing goes
    if kind:
        return kind.backward(passage)
    own = [_unknown(f"d{name}", getattr(passage.layer, f"d{name}"), "by a layer of one's own")
           for name in passage.layer.parameter_shapes()]  # fmt: skip
    return own + ([] if passage.dx is None else [_unknown("dx", passage.dx, "by a layer of one's own")])


def _unknown(name: str, values: FloatArray, said: str) -> Account:
    return Account(name, values, Formula(said, ""), lambda at: Spelled("", float(values[at])), 0)


# --- Dense -----------------------------------------------------------------------------------------------------------


def _dense_forward(passage: Passage) -> Account:
    layer, x = passage.layer, passage.x
    assert isinstance(layer, Dense)
    return Account(
        "y", passage.y, Formula("y[b,j] = b[j] + sum_i x[b,i] * w[i,j]", "y = x @ w + b"),
        lambda at: spelled_sum(x[at[0]], layer.w[:, at[1]], float(layer.b[at[1]]), "i"), 2 * len(x) * layer.w.size,
    )  # fmt: skip


def _dense_backward(passage: Passage) -> list[Account]:
    layer, x, dy = passage.layer, passage.x, passage.dy
    assert isinstance(layer, Dense)
    flops = 2 * len(x) * layer.w.size
    accounts = [
        Account(
            "dw", layer.dw.copy(),
            Formula("dw[i,j] = sum_b x[b,i] * dy[b,j]", "dw = x.T @ dy",
                    "w[i,j] meets x[b,i] in every example; b is summed over, so it must be inside: hence x.T"),
            lambda at: spelled_sum(x[:, at[0]], dy[:, at[1]], over="b"), flops,
        ),
        Account(
            "db", layer.db.copy(),
            Formula("db[j] = sum_b dy[b,j]", "db = dy.sum(axis=0)", "a sum, no mean: 1/B is in dy already"),
            lambda at: spelled_sum(dy[:, at[0]], over="b"), (len(dy) - 1) * dy.shape[1],
        ),
    ]  # fmt: skip
    if passage.dx is not None:
        accounts.append(Account(
            "dx", passage.dx,
            Formula("dx[b,i] = sum_j dy[b,j] * w[i,j]", "dx = dy @ w.T",
                    "x[b,i] reaches every output j; what comes back from each adds up"),
            lambda at: spelled_sum(dy[at[0]], layer.w[at[1]], over="j"), flops,
        ))  # fmt: skip
    return accounts


# --- activations and dropout: number by number -----------------------------------------------------------------------

Place = tuple[int, ...]


def _relu(passage: Passage, at: Place) -> Spelled:
    x = float(passage.x[at])
    return Spelled(f"max({number(x)}, 0)", max(x, 0.0))


def _relu_back(passage: Passage, at: Place) -> Spelled:
    dy, y = float(passage.dy[at]), float(passage.y[at])
    return Spelled(f"{number(dy)}, as y > 0" if y > 0 else f"0, as y is 0; dy is {number(dy)}", dy if y > 0 else 0.0)


def _tanh(passage: Passage, at: Place) -> Spelled:
    x = float(passage.x[at])
    return Spelled(f"tanh({number(x)})", math.tanh(x))


def _tanh_back(passage: Passage, at: Place) -> Spelled:
    dy, y = float(passage.dy[at]), float(passage.y[at])
    return Spelled(f"{number(dy)} * (1 - {inner(y)}²)", dy * (1 - y * y))


def _sigmoid(passage: Passage, at: Place) -> Spelled:
    x = float(passage.x[at])
    return Spelled(f"1 / (1 + exp({number(-x)}))", 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x)))


def _sigmoid_back(passage: Passage, at: Place) -> Spelled:
    dy, y = float(passage.dy[at]), float(passage.y[at])
    return Spelled(f"{number(dy)} * {number(y)} * (1 - {number(y)})", dy * y * (1 - y))


def _dropout(passage: Passage, at: Place) -> Spelled:
    return _masked(passage, at, float(passage.x[at]))


def _dropout_back(passage: Passage, at: Place) -> Spelled:
    return _masked(passage, at, float(passage.dy[at]))


def _masked(passage: Passage, at: Place, value: float) -> Spelled:
    layer = passage.layer
    assert isinstance(layer, Dropout)
    if layer.mask is None or layer.mask[at]:
        return Spelled(f"{number(value)} * {number(layer.scale)}", value * layer.scale)
    return Spelled(f"0: {number(value)} is dropped", 0.0)


class _Kind(NamedTuple):
    """What a kind of layer does: an account of y, and those of the gradients, of which dx where it was asked for."""

    forward: Callable[[Passage], Account]
    backward: Callable[[Passage], list[Account]]


Spell = Callable[[Passage, Place], Spelled]


def _by_number(formula: Formula, spell: Spell, flops: int, back: Formula, spell_back: Spell, flops_back: int) -> _Kind:
    """A layer in which every number has a fate of its own: y = f(x), and dx from dy in the same place.

    flops, flops_back : of one number; a maximum, an exp, a tanh count as one
    """

    def forward(passage: Passage) -> Account:
        return Account("y", passage.y, formula, partial(spell, passage), flops * passage.x.size)

    def backward(passage: Passage) -> list[Account]:
        assert passage.dx is not None
        return [Account("dx", passage.dx, back, partial(spell_back, passage), flops_back * passage.dy.size)]

    return _Kind(forward, backward)


KINDS: dict[type[Layer], _Kind] = {
    Dense: _Kind(_dense_forward, _dense_backward),
    ReLU: _by_number(
        Formula("y[b,i] = max(x[b,i], 0)", "y = max(x, 0)",
                "without it two dense layers in a row would be one"), _relu, 1,
        Formula("dx[b,i] = dy[b,i] where y[b,i] > 0, else 0", "dx = dy * (y > 0)",
                "the slope of max(x, 0) is 1 where x > 0; where a unit was off, nothing comes back"), _relu_back, 1,
    ),
    Tanh: _by_number(
        Formula("y[b,i] = tanh(x[b,i])", "y = tanh(x)"), _tanh, 1,
        Formula("dx[b,i] = dy[b,i] * (1 - y[b,i]²)", "dx = dy * (1 - y * y)", "the slope of tanh, by its own value"),
        _tanh_back, 3,
    ),
    Sigmoid: _by_number(
        Formula("y[b,i] = 1 / (1 + exp(-x[b,i]))", "y = 1 / (1 + exp(-x))"), _sigmoid, 3,
        Formula("dx[b,i] = dy[b,i] * y[b,i] * (1 - y[b,i])", "dx = dy * y * (1 - y)",
                "at most a quarter of dy: through many sigmoids little comes back"), _sigmoid_back, 3,
    ),
    Dropout: _by_number(
        Formula("y[b,i] = x[b,i] * mask[b,i] * scale", "y = x * mask * scale",
                "the scale, 1 / (1 - drop rate), keeps the expected y equal to x"), _dropout, 2,
        Formula("dx[b,i] = dy[b,i] * mask[b,i] * scale", "dx = dy * mask * scale",
                "with the very same mask: what was dropped had no part in the loss"), _dropout_back, 2,
    ),
}  # fmt: skip
