"""The optimizer's step in a trace: what it remembers, how far it moves each tensor, and what that does to the loss."""

import math

import numpy as np

from numnet.explain.formulas import Formula
from numnet.explain.numbers import Spelled, inner, number
from numnet.explain.scene import Scene
from numnet.explain.trace import Entry, Quantity, Stage, stats
from numnet.kernels import FloatArray, IntArray
from numnet.nn.layers import Layer
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam, Optimizer

# Of a weight's size a step: much more shakes it, much less hardly moves it. Source: the notes of Stanford's CS231n,
# "Ratio of weights:updates".
USUAL = 1e-3
ADAM_FLOPS, SGD_FLOPS = 12, 4  # of one parameter: 3 for m, 4 for v, 5 for w; 2 for the velocity, 2 for w


class Update:
    """The step that a scene's optimizer is about to take, taken on a copy.

    before, after : the parameters, float64 (P,)    step : from one to the other    gradients : float64 (P,)
    vectors : what the optimizer remembered before, by name
    """

    def __init__(self, scene: Scene, exact: Network) -> None:
        self.scene, self.rate, self.t = scene, scene.learning_rate, scene.step + 1
        self.before, self.gradients = exact.parameters.copy(), exact.gradients.copy()
        self.optimizer = _in_float64(scene.optimizer, exact)
        self.vectors = {name: vector.copy() for name, vector in self.optimizer.vectors.items()}
        self.after = self.before.copy()
        self.optimizer.update(self.after, self.gradients, step=scene.step, learning_rate=self.rate)
        self.step = self.after - self.before
        self._exact = exact

    @property
    def formula(self) -> Formula:
        """What the optimizer remembers, and what it does with it, to each parameter by itself."""
        if isinstance(self.optimizer, SGD):
            velocity = f"velocity = {self.optimizer.momentum:g} * velocity + dw"
            return Formula(velocity, "step = -rate * velocity", "a ball that rolls downhill")
        adam = self.optimizer
        m, v = (f"{beta:g} * {name} + {1 - beta:g} * {what}" for beta, name, what in
                ((adam.beta1, "m", "dw"), (adam.beta2, "v", "dw²")))  # fmt: skip
        last, least = (f"{1 / (1 - beta):.0f}" for beta in (adam.beta1, adam.beta2))
        why = (
            f"m is a mean of the last {last} or so gradients, v of the last {least} or so squares: so a step is about "
            "as long as the rate at most, whatever the gradient's size. Both begin at 0, which size makes up for: "
            f"size = rate * sqrt(1 - {adam.beta2:g}^t) / (1 - {adam.beta1:g}^t)"
        )
        return Formula(f"m = {m},   v = {v}", "step = -size * m / (sqrt(v) + epsilon)", why)

    def places(self, layer: Layer, name: str) -> IntArray:
        """Where in the flat vectors the numbers of a layer's parameter lie, in its shape."""
        return self._exact.view(np.arange(len(self.before)), layer, name)

    def remembered(self, place: int) -> dict[str, tuple[float, float]]:
        """What the optimizer remembers of one parameter, before and after."""
        after = self.optimizer.vectors
        return {name: (float(self.vectors[name][place]), float(after[name][place])) for name in after}

    def spell(self, place: int) -> Spelled:
        """The step of one parameter, by its place in the flat vector."""
        dw = float(self.gradients[place])
        if isinstance(self.optimizer, SGD):
            velocity = self.optimizer.momentum * float(self.vectors["velocity"][place]) + dw
            return Spelled(f"-{number(self.rate)} * {inner(velocity)}", -self.rate * velocity)
        return self._spell_adam(self.optimizer, place, dw)

    def _spell_adam(self, adam: Adam, place: int, dw: float) -> Spelled:
        kept_m, kept_v = float(self.vectors["m"][place]), float(self.vectors["v"][place])
        m = adam.beta1 * kept_m + (1 - adam.beta1) * dw
        v = adam.beta2 * kept_v + (1 - adam.beta2) * dw * dw
        first, second = 1 - adam.beta1**self.t, 1 - adam.beta2**self.t
        size = self.rate * math.sqrt(second) / first
        epsilon = adam.epsilon * (math.sqrt(second) if adam.epsilon_form == "pytorch" else 1)
        note = (
            f"m = {adam.beta1:g} * {inner(kept_m)} + {1 - adam.beta1:g} * {inner(dw)}, "
            f"v = {adam.beta2:g} * {number(kept_v)} + {1 - adam.beta2:g} * {inner(dw)}², t = {self.t}"
        )
        text = f"-{number(size)} * {inner(m)} / (sqrt({number(v)}) + {number(epsilon)})"
        return Spelled(text, -size * m / (math.sqrt(v) + epsilon), note)


def update_stages(update: Update, exact: Network, loss: float, loss_after: float) -> list[Stage]:
    """The step of each tensor, layer by layer; and what all of them do to the loss of the same images and masks."""
    kind = type(update.optimizer).__name__
    stages = [
        Stage(f"{kind}'s step, layer {layer.index}: {layer!r}", _quantities(update, layer), layer=layer.index)
        for layer in exact.layers if layer.parameter_shapes()
    ]  # fmt: skip
    promised = float(update.gradients @ update.step)
    change = loss_after - loss
    note = (
        f"the loss was {loss:.4f} and is {loss_after:.4f}: {change:+.4f}; along the slope it would be {promised:+.4f}"
    )
    return [*stages, Stage("after the step, on the same images and masks", [], note)]


def _quantities(update: Update, layer: Layer) -> list[Quantity]:
    """How far each of a layer's tensors moves; spelled out for its largest gradient."""
    found = []
    for name in layer.parameter_shapes():
        places = update.places(layer, name)
        step, tensor = update.step[places], getattr(layer, name)
        index = np.unravel_index(abs(getattr(layer, f"d{name}")).argmax(), tensor.shape)
        place = int(places[index])
        entry = Entry(tuple(int(i) for i in index), float(step[index]), *update.spell(place))
        flops = (SGD_FLOPS if isinstance(update.optimizer, SGD) else ADAM_FLOPS) * step.size
        found.append(
            Quantity(f"step of {name}", update.formula, stats(step), flops, entry, note=_share(step, tensor))
        )  # fmt: skip
    return found


def _share(step: FloatArray, tensor: FloatArray) -> str:
    """Of a matrix, how large the step is beside it."""
    if tensor.ndim < 2 or not tensor.any():
        return ""
    return f"{np.linalg.norm(step) / np.linalg.norm(tensor):.1e} of the tensor's norm; {USUAL:g} is usual"


def _in_float64(kept: Optimizer, exact: Network) -> Adam | SGD:
    """The same optimizer, with what it remembers, for a twin in float64."""
    found: Adam | SGD
    if isinstance(kept, Adam):
        found = Adam(exact.kernels, exact.parameters, epsilon=kept.epsilon, epsilon_form=kept.epsilon_form)
    else:
        assert isinstance(kept, SGD)
        found = SGD(exact.kernels, exact.parameters, momentum=kept.momentum)
    for name, vector in kept.vectors.items():
        found.vectors[name][:] = vector
    return found
