"""Bugs that people plant into backward, one at a time: to see that a gradient check finds them, and what training does.

Each spoils what an honest backward pass has just computed. None stops the loss from being printed, and most let it
fall: that is why a falling loss proves nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from numnet.kernels import FloatArray, Kernels
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from numnet.nn.loss import softmax
from numnet.nn.network import Network

UPDATE = 0.01  # the learning rate of the bug that updates the weights too early
SCALED = 0.37  # by the bug that clips gradients which are small enough, or scales a loss and never back


class Mutant(NamedTuple):
    """A bug.

    name : what a diagnosis should call it
    where : the kind of layer that can have it; "loss", or "gradients" for all of them alike
    spoil : of a layer: (layer, dy, its honest dx) -> dx, and may change the layer's dw and db; of the loss:
        (logits, labels, the honest dlogits) -> dlogits; of the gradients: changes them in place
    square : whether only a layer with as many outputs as inputs can have it
    spares : the place, 0 or -1, among those layers at which it would do nothing, or nothing of its own
    """

    name: str
    where: type[Layer] | str
    spoil: Callable[..., Any]
    square: bool = False
    spares: int | None = None

    def places(self, network: Network) -> list[Layer | None]:
        """The layers of a network that can have it; None is no layer."""
        if isinstance(self.where, str):
            return [None]
        layers = [layer for layer in network.layers if isinstance(layer, self.where)]
        if self.spares is not None:
            del layers[self.spares]
        return [each for each in layers if not self.square or (isinstance(each, Dense) and each.inputs == each.outputs)]


@contextmanager
def planted(mutant: Mutant, network: Network, place: Layer | None) -> Iterator[None]:
    """While inside, the network goes backward with the bug."""
    owner: Any
    if place is not None:
        owner, name, spoiled = place, "backward", _spoiled_layer(mutant, place)
    elif mutant.where == "loss":
        owner, name, spoiled = network, "kernels", _spoiled_loss(mutant, network.kernels)
    else:
        owner, name, spoiled = network, "backward", _spoiled_gradients(mutant, network)
    kept = vars(owner).get(name)
    setattr(owner, name, spoiled)
    try:
        yield
    finally:
        if kept is None:
            delattr(owner, name)
        else:
            setattr(owner, name, kept)


def _spoiled_layer(mutant: Mutant, layer: Layer) -> Any:
    honest = layer.backward

    def backward(dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        kept = dy.copy()
        dx = mutant.spoil(layer, kept, honest(dy, need_dx=need_dx))
        return np.ascontiguousarray(dx) if need_dx else None

    return backward


def _spoiled_loss(mutant: Mutant, kernels: Kernels) -> Any:
    def softmax_cross_entropy(
        logits: FloatArray, labels: Any, scale: float, smoothing: float, losses: FloatArray, dlogits: FloatArray
    ) -> None:
        kernels.softmax_cross_entropy(logits, labels, scale, smoothing, losses, dlogits)
        dlogits[:] = mutant.spoil(logits, labels, dlogits.copy())

    return SimpleNamespace(**{**vars(kernels), "softmax_cross_entropy": softmax_cross_entropy})


def _spoiled_gradients(mutant: Mutant, network: Network) -> Any:
    honest = network.backward

    def backward(dlogits: FloatArray) -> None:
        honest(dlogits)
        mutant.spoil(network.gradients)

    return backward


# --- in the loss, or in all gradients alike ---------------------------------------------------------------------------


def _onehot(labels: Any, classes: int) -> FloatArray:
    return np.asarray(np.eye(classes)[labels])


def _label_off(logits: FloatArray, labels: Any, dlogits: FloatArray) -> FloatArray:
    classes = logits.shape[1]
    return np.asarray((softmax(logits) - _onehot((labels.astype(int) + 1) % classes, classes)) / len(logits))


def _softmax_again(logits: FloatArray, labels: Any, dlogits: FloatArray) -> FloatArray:
    p = softmax(logits)
    return np.asarray(p * (dlogits - (p * dlogits).sum(axis=1, keepdims=True)))


def _without_last(logits: FloatArray, labels: Any, dlogits: FloatArray) -> FloatArray:
    dlogits[-1] = 0
    return dlogits


def _scale(gradients: FloatArray) -> None:
    gradients *= SCALED


def _add_up_twice(gradients: FloatArray) -> None:
    gradients *= 2


IN_THE_LOSS = [
    Mutant("no 1/B", "loss", lambda z, c, d: d * len(d)),
    Mutant("1/B twice", "loss", lambda z, c, d: d / len(d)),
    Mutant("sign turned", "loss", lambda z, c, d: -d),
    Mutant("onehot not taken off", "loss", lambda z, c, d: softmax(z) / len(z)),
    Mutant("label off by one", "loss", _label_off),
    Mutant("no softmax", "loss", lambda z, c, d: (z - _onehot(c, z.shape[1])) / len(z)),
    Mutant("softmax twice", "loss", _softmax_again),
    Mutant("last image left out", "loss", _without_last),
    Mutant("gradients added up twice", "gradients", _add_up_twice),
    Mutant("all gradients scaled", "gradients", _scale),
]

# --- in a dense layer -------------------------------------------------------------------------------------------------


def _spoil_dw(change: Callable[[Dense, FloatArray], FloatArray]) -> Callable[..., Any]:
    def spoil(layer: Dense, dy: FloatArray, dx: FloatArray | None) -> FloatArray | None:
        layer.dw[:] = change(layer, dy)
        return dx

    return spoil


def _spoil_db(change: Callable[[Dense, FloatArray], Any]) -> Callable[..., Any]:
    def spoil(layer: Dense, dy: FloatArray, dx: FloatArray | None) -> FloatArray | None:
        layer.db[:] = change(layer, dy)
        return dx

    return spoil


IN_A_DENSE_LAYER = [
    Mutant("dw a mean again", Dense, _spoil_dw(lambda layer, dy: layer.dw / len(dy))),
    Mutant("dw transposed", Dense, _spoil_dw(lambda layer, dy: layer.dw.T.copy()), square=True),
    Mutant("dw without the last image", Dense, _spoil_dw(lambda layer, dy: layer.x[:-1].T @ dy[:-1])),
    Mutant("dw a row off", Dense, _spoil_dw(lambda layer, dy: np.roll(layer.dw, 1, axis=0))),
    Mutant("dw forgotten", Dense, _spoil_dw(lambda layer, dy: np.zeros_like(layer.dw))),
    Mutant("db a mean", Dense, _spoil_db(lambda layer, dy: dy.mean(axis=0))),
    Mutant("db forgotten", Dense, _spoil_db(lambda layer, dy: 0)),
    # dlogits adds up to 0, so that in the last layer this would be the bug before
    Mutant("db summed over units too", Dense, _spoil_db(lambda layer, dy: dy.sum()), spares=-1),
    Mutant("db of the first image alone", Dense, _spoil_db(lambda layer, dy: dy[0])),
    # nobody asks for the first layer's dx
    Mutant("dx by w, not w.T", Dense, lambda layer, dy, dx: dy @ layer.w, square=True, spares=0),
    Mutant(
        "dx by weights already updated", Dense, lambda layer, dy, dx: dy @ (layer.w - UPDATE * layer.dw).T, spares=0
    ),
    Mutant("dx cut off", Dense, lambda layer, dy, dx: np.zeros_like(dx), spares=0),
]

# --- in an activation, or dropout -------------------------------------------------------------------------------------


def _other_mask(layer: Dropout, dy: FloatArray, dx: FloatArray | None) -> FloatArray:
    assert layer.mask is not None
    return np.asarray(dy * np.roll(layer.mask, 1, axis=0) * layer.scale)


IN_A_LAYER_WITHOUT_WEIGHTS = [
    Mutant("relu lets all back", ReLU, lambda layer, dy, dx: dy),
    Mutant("relu's mask turned round", ReLU, lambda layer, dy, dx: dy * (layer.y <= 0)),
    Mutant("relu's mask by dy", ReLU, lambda layer, dy, dx: dy * (dy > 0)),
    Mutant("relu times y", ReLU, lambda layer, dy, dx: dy * layer.y),
    Mutant("tanh's slope left out", Tanh, lambda layer, dy, dx: dy),
    Mutant("tanh's y not squared", Tanh, lambda layer, dy, dx: dy * (1 - layer.y)),
    Mutant("tanh's slope without the 1 -", Tanh, lambda layer, dy, dx: dy * layer.y**2),
    Mutant("sigmoid's slope left out", Sigmoid, lambda layer, dy, dx: dy),
    Mutant("sigmoid's slope without y", Sigmoid, lambda layer, dy, dx: dy * (1 - layer.y)),
    Mutant("sigmoid's slope without 1 - y", Sigmoid, lambda layer, dy, dx: dy * layer.y),
    Mutant("dropout's mask left out", Dropout, lambda layer, dy, dx: dy * layer.scale),
    Mutant("dropout's scale left out", Dropout, lambda layer, dy, dx: dy * layer.mask),
    Mutant("dropout left out", Dropout, lambda layer, dy, dx: dy),
    Mutant("dropout by another mask", Dropout, _other_mask),
]

MUTANTS = [*IN_THE_LOSS, *IN_A_DENSE_LAYER, *IN_A_LAYER_WITHOUT_WEIGHTS]
