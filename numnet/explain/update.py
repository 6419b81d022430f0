"""The optimizer's step in a trace: what it remembers, how far it moves each tensor, and what that does to the loss.

Its aids are part of the step: gradients that are scaled down before, weights that shrink, an average that follows.
"""

import math

import numpy as np

from numnet.explain.formulas import Formula
from numnet.explain.numbers import Spelled, inner, number
from numnet.explain.scene import Scene
from numnet.explain.trace import Entry, Quantity, Stage, stats
from numnet.kernels import FloatArray, IntArray
from numnet.nn.aids import Aids, Averaging, Clipping, Decay, aided
from numnet.nn.layers import Layer
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam, Optimizer

# Of a weight's size a step: much more shakes it, much less hardly moves it. Source: the notes of Stanford's CS231n,
# "Ratio of weights:updates".
USUAL = 1e-3
# Of one parameter.
ADAM_FLOPS, SGD_FLOPS = 12, 4  # 3 for m, 4 for v, 5 for w; 2 for the velocity, 2 for w
CLIP_FLOPS = 3  # a square, a sum, a product
DECAY_FLOPS = 1  # a product
AVERAGE_FLOPS = 3  # a difference, a product, a sum


class Update:
    """The step that a scene's optimizer is about to take, taken on a copy.

    before, after : the parameters, float64 (P,)    step : from one to the other
    gradients : float64 (P,)    clipped : what the optimizer is given for them
    vectors : what the optimizer remembered before, by name
    """

    def __init__(self, scene: Scene, exact: Network) -> None:
        self.scene, self.rate, self.t = scene, scene.learning_rate, scene.step + 1
        self.before, self.gradients = exact.parameters.copy(), exact.gradients.copy()
        self.optimizer, self.aids = _taken_apart(scene.optimizer, exact)
        whole = aided(self.optimizer, exact.kernels, exact.parameters, len(exact.weights), self.aids)
        for name, vector in scene.optimizer.vectors.items():
            whole.vectors[name][:] = vector
        self.vectors = {name: vector.copy() for name, vector in whole.vectors.items()}
        self.after, self.clipped = self.before.copy(), self.gradients.copy()
        whole.update(self.after, self.clipped, step=scene.step, learning_rate=self.rate)
        self.vectors_after = whole.vectors
        self.step = self.after - self.before
        self._exact, self._weights = exact, len(exact.weights)

    @property
    def norm(self) -> float:
        """Of all gradients together."""
        return float(np.linalg.norm(self.gradients))

    @property
    def factor(self) -> float:
        """What clipping multiplies the gradients by."""
        return min(1.0, self.aids.clip / self.norm) if self.aids.clip and self.norm else 1.0

    def decay(self, place: int) -> float:
        """The share that is taken away of one parameter, by its place in the flat vector; of a bias it is 0."""
        return self.rate * self.aids.weight_decay if place < self._weights else 0.0

    @property
    def share(self) -> float:
        """Of the way to the parameters, how much their average goes."""
        decay = self.aids.average
        return (1 - decay) / (1 - decay**self.t)

    def formula(self, place: int) -> Formula:
        """What the optimizer remembers, and what it does with it, to each parameter of this one's kind by itself."""
        plain = self._plain_formula
        clip, decay = self.aids.clip, self.decay(place)
        last, why = "", plain.why
        if clip:
            how = f"all are scaled by {number(self.factor)}" if self.factor < 1 else "they stay as they are"
            why += (
                f". Gradients are clipped to a norm of {clip:g}: that of all together is {number(self.norm)}, so {how}"
            )
        if decay:
            last = " - rate * decay * w"
            why += f". Weights, not biases, shrink by rate * decay = {number(decay)} of themselves, whatever dw is"
        return Formula(plain.by_index, plain.by_matrix + last, why)

    @property
    def _plain_formula(self) -> Formula:
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
        after = self.vectors_after
        return {name: (float(self.vectors[name][place]), float(after[name][place])) for name in after}

    def spell(self, place: int) -> Spelled:
        """The step of one parameter, by its place in the flat vector."""
        raw = float(self.gradients[place])
        text, value, note = self._spell_plain(place, self.factor * raw)
        if self.factor < 1:
            note = f"dw = {number(self.factor)} * {inner(raw)}{', ' * bool(note)}{note}"
        if decay := self.decay(place):
            w = float(self.before[place])
            text, value = f"{text} - {number(decay)} * {inner(w)}", value - decay * w
        return Spelled(text, value, note)

    def spell_average(self, place: int) -> Spelled:
        """The average of one parameter after the step."""
        kept, w, share = float(self.vectors["average"][place]), float(self.after[place]), self.share
        text = f"{number(kept)} + {number(share)} * ({number(w)} - {inner(kept)})"
        return Spelled(text, kept + share * (w - kept))

    def _spell_plain(self, place: int, dw: float) -> Spelled:
        """The step that the optimizer itself takes."""
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


AVERAGE = Formula(
    "average = average + share * (w - average)", "average += share * (w - average)",
    "whoever uses the network uses this mean of its weights, which wander about the place they look for: the last one "
    "or, with patience, that of the best epoch",
)  # fmt: skip


def _quantities(update: Update, layer: Layer) -> list[Quantity]:
    """How far each of a layer's tensors moves, and where its average goes; spelled out for its largest gradient."""
    found = []
    for name in layer.parameter_shapes():
        places = update.places(layer, name)
        step, tensor = update.step[places], getattr(layer, name)
        index = np.unravel_index(abs(getattr(layer, f"d{name}")).argmax(), tensor.shape)
        at, place = tuple(int(i) for i in index), int(places[index])
        entry = Entry(at, float(step[index]), *update.spell(place))
        flops = _flops(update, place) * step.size
        formula, note = update.formula(place), _share(step, tensor)
        found.append(Quantity(f"step of {name}", formula, stats(step), flops, entry, note=note))
        if update.aids.average:
            average = update.vectors_after["average"][places]
            entry = Entry(at, float(average[index]), *update.spell_average(place))
            found.append(Quantity(f"average of {name}", AVERAGE, stats(average), AVERAGE_FLOPS * average.size, entry))
    return found


def _flops(update: Update, place: int) -> int:
    """Of the step of one parameter."""
    plain = SGD_FLOPS if isinstance(update.optimizer, SGD) else ADAM_FLOPS
    return plain + CLIP_FLOPS * bool(update.aids.clip) + DECAY_FLOPS * bool(update.decay(place))


def _share(step: FloatArray, tensor: FloatArray) -> str:
    """Of a matrix, how large the step is beside it."""
    if tensor.ndim < 2 or not tensor.any():
        return ""
    return f"{np.linalg.norm(step) / np.linalg.norm(tensor):.1e} of the tensor's norm; {USUAL:g} is usual"


def _taken_apart(kept: Optimizer, exact: Network) -> tuple[Adam | SGD, Aids]:
    """The optimizer inside its aids, for a twin in float64, remembering nothing; and the number of each aid, or 0."""
    aids = Aids()
    while isinstance(kept, Clipping | Decay | Averaging):
        match kept:
            case Clipping():
                aids = aids._replace(clip=kept.most)
            case Decay():
                aids = aids._replace(weight_decay=kept.rate)
            case Averaging():
                aids = aids._replace(average=kept.decay)
        kept = kept.inner
    if isinstance(kept, Adam):
        return Adam(exact.kernels, exact.parameters, epsilon=kept.epsilon, epsilon_form=kept.epsilon_form), aids
    assert isinstance(kept, SGD)
    return SGD(exact.kernels, exact.parameters, momentum=kept.momentum), aids
