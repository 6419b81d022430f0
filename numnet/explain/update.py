"""The optimizer's step in a trace: what it remembers, how far it moves each tensor, and what that does to the loss."""

import math

import numpy as np

from numnet.explain.formulas import Formula
from numnet.explain.numbers import Floats, Spelled, number
from numnet.explain.scene import Scene
from numnet.explain.trace import Entry, Quantity, Stage, stats
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam, Optimizer

USUAL = 1e-3  # of a weight a step: much more shakes it, much less hardly moves it (Karpathy 2019, "A recipe")

MEANS = "m = 0.9 m + 0.1 dw;   v = 0.999 v + 0.001 dw²"
WHY = "m: the mean of the last ten or so dw; v: of their squares; so a step is about as long as the rate"
ADAM = {
    "tensorflow": Formula(MEANS, "w -= rate * sqrt(1 - 0.999^t) / (1 - 0.9^t) * m / (sqrt(v) + eps)", WHY),
    "pytorch": Formula(MEANS, "w -= rate * m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + eps)", WHY),
}
MOMENTUM = Formula(
    "velocity = momentum * velocity + dw", "w -= rate * velocity", "a ball that rolls downhill"
)  # fmt: skip


class Update:
    """The step that a scene's optimizer is about to take, taken on a copy.

    before, after : the parameters, float64 (P,)    gradients : float64 (P,)
    vectors : what the optimizer remembered before, by name
    """

    def __init__(self, scene: Scene, exact: Network) -> None:
        self.scene, self.rate, self.t = scene, scene.learning_rate, scene.step + 1
        self.before, self.gradients = exact.parameters.copy(), exact.gradients.copy()
        self.optimizer = _in_float64(scene.optimizer, exact)
        self.vectors = {name: vector.copy() for name, vector in self.optimizer.vectors.items()}
        self.after = self.before.copy()
        self.optimizer.update(self.after, self.gradients, step=scene.step, learning_rate=self.rate)

    @property
    def formula(self) -> Formula:
        """What the optimizer does to each parameter."""
        return ADAM[self.optimizer.epsilon_form] if isinstance(self.optimizer, Adam) else MOMENTUM

    def remembered(self, place: int) -> dict[str, tuple[float, float]]:
        """What the optimizer remembers of one parameter, before and after."""
        after = self.optimizer.vectors
        return {name: (float(self.vectors[name][place]), float(after[name][place])) for name in after}

    def spell(self, place: int) -> Spelled:
        """The step of one parameter, by its place in the flat vector."""
        dw = float(self.gradients[place])
        if isinstance(self.optimizer, SGD):
            velocity = self.optimizer.momentum * float(self.vectors["velocity"][place]) + dw
            return Spelled(f"-{number(self.rate)} * {number(velocity)}", -self.rate * velocity)
        assert isinstance(self.optimizer, Adam)
        return self._spell_adam(self.optimizer, place, dw)

    def _spell_adam(self, adam: Adam, place: int, dw: float) -> Spelled:
        m = adam.beta1 * float(self.vectors["m"][place]) + (1 - adam.beta1) * dw
        v = adam.beta2 * float(self.vectors["v"][place]) + (1 - adam.beta2) * dw * dw
        first, second = 1 - adam.beta1**self.t, 1 - adam.beta2**self.t
        if adam.epsilon_form == "pytorch":
            step = -self.rate * m / first / (math.sqrt(v / second) + adam.epsilon)
        else:
            step = -self.rate * math.sqrt(second) / first * m / (math.sqrt(v) + adam.epsilon)
        return Spelled(f"(m {number(m)}, v {number(v)}, t {self.t}, rate {number(self.rate)})", step)


def update_stage(update: Update, exact: Network, loss: float, loss_after: float) -> Stage:
    """The step of each tensor, and what all of them do to the loss of the same images with the same masks."""
    found = [_quantity(update, name, exact, tensor, dtensor) for name, tensor, dtensor in exact.tensors()]
    promised = float(update.gradients @ (update.after - update.before))
    note = (
        f"the loss was {loss:.4f} and is {loss_after:.4f}: {loss_after - loss:+.4f}; the slope promised {promised:+.4f}"
    )
    return Stage(f"the optimizer's step: {type(update.optimizer).__name__}", found, note)


def _quantity(update: Update, name: str, exact: Network, tensor: Floats, dtensor: Floats) -> Quantity:
    """How far a tensor moves; spelled out for its largest gradient."""
    places = np.arange(len(exact.parameters))[_slice(exact.parameters, tensor)].reshape(tensor.shape)
    step = (update.after - update.before)[places]
    index = tuple(int(i) for i in np.unravel_index(abs(dtensor).argmax(), tensor.shape))
    text, total = update.spell(int(places[index]))
    share = float(np.linalg.norm(step) / np.linalg.norm(tensor)) if tensor.any() else math.inf
    entry = Entry(index, float(step[index]), text, total)
    return Quantity(f"{name} step", update.formula, stats(step), 8 * step.size, entry,
                    note=f"{share:.1e} of the tensor's norm; {USUAL:g} is usual")  # fmt: skip


def _slice(whole: Floats, part: Floats) -> slice:
    """Where in a flat vector a view of it lies."""
    begin = (part.ctypes.data - whole.ctypes.data) // whole.itemsize
    return slice(begin, begin + part.size)


def _in_float64(kept: Optimizer, exact: Network) -> Adam | SGD:
    """The same optimizer, with what it remembers, for a twin in float64."""
    if isinstance(kept, Adam):
        found: Adam | SGD = Adam(
            exact.kernels, exact.parameters, epsilon=kept.epsilon, epsilon_form=kept.epsilon_form
        )  # fmt: skip
    else:
        assert isinstance(kept, SGD)
        found = SGD(exact.kernels, exact.parameters, momentum=kept.momentum)
    for name, vector in kept.vectors.items():
        found.vectors[name][:] = vector
    return found
