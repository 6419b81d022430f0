"""What a gradient should be, by somebody who knows nothing of backpropagation: nudge a number, look at the loss.

    dL/dp = (L(p + h) - L(p - h)) / 2h + O(h²)

Only the forward pass is used, in float64, and a loss of its own: what is judged has no part in the judgement.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numnet.errors import DataError, NonFiniteError
from numnet.nn.layers import Dense, Dropout, Layer, Sigmoid, Tanh
from numnet.nn.network import Network
from numnet.randomness import Draw, Purpose, generator

Floats = npt.NDArray[np.floating[Any]]  # float64, all of them

# Where the error of the formula, h² or so, and the rounding of the loss, 1e-16 / h, are both small.
H = 1e-5
NEAR = 100  # a second look at an entry is from so much nearer
SMOOTH = (Dense, Dropout, Sigmoid, Tanh)  # layers without a kink; of any other kind, a learner's own, we can't know
EPSILON = float(np.finfo(np.float64).eps)
POINTS, APART = 32, H / 50  # of the line along which rounding is measured
SURE = 10  # standard deviations: that none of a million entries is off by more is all but certain


@dataclass(frozen=True)
class Slope:
    """How fast the loss changes along a nudge.

    value : (L(p + h) - L(p - h)) / 2h
    kinked : between the two a ReLU switched on or off, so that the value is not a slope at p
    """

    value: float
    kinked: bool


@dataclass(frozen=True)
class _Place:
    """A layer among whose parameters one is nudged: what it is given and gives, before that.

    x : float64 (B, D)    y : float64 (B, H)
    alone : for a Dense, one of its outputs, to look at that and no other
    """

    layer: Layer
    x: Floats
    y: Floats
    alone: Dense | None


class Oracle:
    """The slopes of a network's loss on a minibatch, by central differences.

    network : in float64; its parameters are nudged and put back
    images : float64 (B, D)    labels : int (B,)
    draw : the randomness of the step, whose masks are the same at each look
    smoothing : of the labels, as the run has it

    loss : where nothing is nudged, in nats
    noise : what rounding can add to a slope, or take from it

    Raises NonFiniteError where the loss is NaN or infinite, DataError where a second look finds another loss.
    """

    def __init__(
        self, network: Network, images: Floats, labels: npt.NDArray[np.integer], draw: Draw | None,
        smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        self.network, self.images, self.labels, self.draw, self.smoothing = network, images, labels, draw, smoothing
        self._place: _Place | None = None
        first, again = self._look(0, images)[0], self._look(0, images)[0]
        self.loss = float(first.mean())
        if not math.isfinite(self.loss):
            raise NonFiniteError(f"the loss is {self.loss}: it has no slope to check a gradient against")
        if not np.array_equal(first, again):
            raise DataError("forward gave two losses for one draw: a layer's randomness must come from `draw` alone")
        self.noise = self._noise()

    def slope_at(self, layer: Layer, name: str, index: int, h: float = H) -> Slope:
        """The slope along one number: entry `index`, counted row by row, of a layer's parameter `name`."""
        place = self._place_at(layer)  # while nothing is nudged
        values = getattr(layer, name).reshape(-1)
        kept = values[index]
        try:
            values[index] = above = kept + h
            up = self._outputs(place, index)
            values[index] = below = kept - h
            down = self._outputs(place, index)
        finally:
            values[index] = kept
        if np.array_equal(up, down):
            return Slope(0.0, False)  # from the same numbers the layers above make the same loss
        return self._slope(layer.index + 1, up, down, float(above - below))  # not quite 2h: the sums were rounded

    def look_again(self, look: Callable[[float], Slope], found: Slope) -> Slope:
        """A better slope than `found`, for a number that backward has another opinion of; `look` nudges it by an h.

        From nearer by: where that changes the slope by more than rounding can, the loss has a bend within the nudge,
        in a layer whose kinks we don't know. And from twice as far: the formula's error is a h² + O(h⁴), so doubling
        h changes the slope by 3 a h², and a third of the change is what h itself got wrong (Richardson 1911).
        """
        near, far = (look(h) for h in (H / NEAR, 2 * H))
        bent = abs(near.value - found.value) > (NEAR + 1) * self.noise
        return Slope(found.value - (far.value - found.value) / 3, found.kinked or near.kinked or far.kinked or bent)

    def slope_of_input(self, first: int, x: Floats, index: tuple[int, ...], h: float = H) -> Slope:
        """The slope along one number of what layer `first` is given: x, float64 (B, D), which is left as it is.

        first : behind the last layer it is the loss, and x the logits
        """
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        return self._slope(first, up, down, float(up[index] - down[index]))

    def loss_from(self, first: int, x: Floats) -> float:
        """The mean loss where x, float64 (B, D), is what layer `first` is given."""
        return float(self._look(first, x)[0].mean())

    def slope_along(self, direction: Floats) -> Slope:
        """The slope of all parameters at once along a direction, float64 (P,), of length 1."""
        (up, sides_up), (down, sides_down) = (self._look_along(h * direction) for h in (H, -H))
        return Slope(float((up - down).mean()) / (2 * H), sides_up != sides_down)

    def _slope(self, first: int, up: Floats, down: Floats, distance: float) -> Slope:
        """The slope between two inputs of layer `first`, a distance apart."""
        (above, sides_above), (below, sides_below) = (self._look(first, x) for x in (up, down))
        return Slope(float((above - below).mean()) / distance, sides_above != sides_below)

    def _outputs(self, place: _Place, index: int) -> Floats:
        """What a layer gives, its parameters as they are now, where none but entry `index` of one of them has moved.

        Output j of a Dense is made of column j of w and of b[j], and of nothing else: so we look at that one alone,
        some hundred times as fast. A test holds that to the whole product.
        """
        layer = place.layer
        if place.alone is None:
            return np.array(layer.forward(place.x, draw=self.draw))
        j = index % place.y.shape[1]  # of w, (D, H), as well as of b, (H,)
        assert isinstance(layer, Dense)
        place.alone.w[:, 0], place.alone.b[0] = layer.w[:, j], layer.b[j]
        y = place.y.copy()
        y[:, j] = place.alone.forward(place.x, draw=self.draw)[:, 0]
        return y

    def _place_at(self, layer: Layer) -> _Place:
        """Kept from one nudge of a layer to the next."""
        if self._place is None or self._place.layer is not layer:
            x: Floats = self.images
            for each in self.network.layers[: layer.index]:
                x = each.forward(x, draw=self.draw)
            x = np.array(x)  # it may be a buffer, which the next look writes to
            y = np.array(layer.forward(x, draw=self.draw))
            self._place = _Place(layer, x, y, _one_output(layer))
        return self._place

    def _look(self, first: int, x: Floats) -> tuple[Floats, bytes]:
        """Each example's loss, float64 (B,), from layer `first` on; and where a kink could be, which side x is on."""
        sides = []
        for each in self.network.layers[first:]:
            if not isinstance(each, SMOOTH):
                sides.append(np.packbits(x > 0).tobytes())
            x = each.forward(x, draw=self.draw)
        return cross_entropies(x, self.labels, self.smoothing), b"".join(sides)

    def _look_along(self, nudges: Floats) -> tuple[Floats, bytes]:
        """The same from all parameters nudged at once, float64 (P,)."""
        kept = self.network.parameters.copy()
        try:
            self.network.parameters += nudges
            return self._look(0, self.images)
        finally:
            self.network.parameters[:] = kept

    def _noise(self) -> float:
        """What rounding does to a slope, measured: no bound that holds for every network is of use for any.

        Along a line of tiny steps the loss is all but straight, so its fourth differences would be 0 but for
        rounding. Of independent errors of deviation s theirs is s * sqrt(1² + 4² + 6² + 4² + 1²). The median of
        their sizes is 0.6745 deviations, and does not mind a kink on the line. A slope is the difference of two
        such errors over 2h. Source: Moré and Wild 2011, "Estimating computational noise".
        """
        direction = unit_vector(generator(0, Purpose.CHECK, 2), len(self.network.parameters))
        losses = [self._look_along(step * APART * direction)[0].mean() for step in range(POINTS)]
        deviation = float(np.median(np.abs(np.diff(losses, 4)))) / 0.6745 / math.sqrt(70)
        # Never less than the loss's own last bit; nor than what backward makes of the last bit of a probability,
        # with inputs of up to 100, say: it is not to be accused of that.
        return max(SURE * math.sqrt(2) * deviation / (2 * H), EPSILON * self.loss / H, 100 * EPSILON)


def _one_output(layer: Layer) -> Dense | None:
    """A Dense of one output as wide as a Dense; None for a layer of another kind, or of a kind derived from it."""
    if type(layer) is not Dense:
        return None
    alone = Dense(layer.inputs, 1)
    Network([alone], layer.inputs, kernels="textbook", dtype=np.float64)
    return alone


def unit_vector(random: np.random.Generator, size: int) -> Floats:
    """A random direction, each as likely as any other: float64 (size,) of length 1."""
    direction = random.standard_normal(size)
    return np.asarray(direction / np.linalg.norm(direction))


def cross_entropies(logits: Floats, labels: npt.NDArray[np.integer], smoothing: float = 0.0) -> Floats:
    """log(sum of exp(logits)) less the logit of the label, for each example: float64 (B, C), int (B,) -> float64 (B,).

    With smoothing, less what the logits come to by their shares in the target: the label's 1 - s, and s / C for all.

    The largest of the exps is taken out of the sum: 1 + (what the others are beside it). So even where the network
    is sure of itself, and the loss next to nothing, no digit of it is lost.
    """
    rows = np.arange(len(labels))
    top = logits.argmax(axis=1)
    beside = np.exp(logits - logits[rows, top][:, None])
    beside[rows, top] = 0
    found = np.log1p(beside.sum(axis=1)) + (logits[rows, top] - logits[rows, labels])
    if smoothing:
        found += smoothing * (logits[rows, labels] - logits.mean(axis=1))
    return np.asarray(found)
