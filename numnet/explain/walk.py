"""Takes a training step apart: forward, loss, backward, optimizer, in float64, each number beside a check of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from numnet.explain.float32 import SecondLink
from numnet.explain.formulas import Account, Formula, Passage, backward_accounts, forward_account
from numnet.explain.loss_stages import loss_back_stage, loss_stage
from numnet.explain.loss_steps import take_steps
from numnet.explain.numbers import Floats
from numnet.explain.oracle import Oracle, Slope, cross_entropies
from numnet.explain.scene import Scene
from numnet.explain.trace import Entry, Quantity, Stage, Trace, judged, quantity, stats
from numnet.explain.update import Update, update_stage
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.randomness import Draw

TRIES = 20  # entries that are tried until one is met whose nudge switches no ReLU


class Walk:
    """A step of a scene's network, taken once, with all that passed through its layers kept.

    exact : the network's twin in float64 with textbook kernels; its gradients are the step's
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.exact = scene.network.twin(kernels="textbook", dtype=np.float64)
        self.x = self.exact.to_floats(self.exact.flat_images(scene.images))
        self.draw = Draw(scene.seed, scene.step)
        self.oracle = Oracle(self.exact, self.x, scene.labels, self.draw)
        self.about = f"{scene.about}, {len(self.x)} images, seed {scene.seed}"
        self.pass_again()

    def pass_again(self) -> None:
        """Let the layers hold the step's own numbers, in place of those of the last nudge."""
        self.passages = _pass(self.exact, self.x, self.scene, self.draw)

    def loss(self) -> float:
        """Of the minibatch, with the parameters as they are now."""
        logits = self.exact.forward(self.x, draw=self.draw)
        return float(cross_entropies(logits, self.scene.labels).mean())

    def trace(self) -> Trace:
        """The step as a trace."""
        state = take_steps(self.passages[-1].y, self.scene.labels)
        stages = [
            _images(self.x, self.scene),
            *(self._forward(passage) for passage in self.passages),
            loss_stage(state),
            loss_back_stage(state, self.passages[-1].dy, self.oracle.noise),
            *(self._backward(passage) for passage in reversed(self.passages)),
        ]
        update = Update(self.scene, self.exact)
        self.exact.parameters[:] = update.after
        loss_after = self.loss()
        self.exact.parameters[:] = update.before
        labels = [int(label) for label in self.scene.labels]
        return Trace(
            self.about,
            labels,
            self.oracle.loss,
            loss_after,
            [*stages, update_stage(update, self.exact, self.oracle.loss, loss_after)],
        )

    @cached_property
    def _float32(self) -> dict[tuple[int, str], float]:
        """How far the scene's own kernels in float32 are off, by layer and gradient; nothing for textbook ones."""
        own = self.scene.network
        if own.kernels_name == "textbook":
            return {}
        own, exact = (own.twin(kernels=net.kernels_name, dtype=net.dtype) for net in (own, self.exact))
        errors = SecondLink(own, exact, self.x, self.scene.labels, self.draw).compare()
        keys = [(layer.index, f"d{name}") for layer in own.layers for name in layer.parameter_shapes()]
        return dict(zip(keys, (each.error for each in errors), strict=True))

    def _forward(self, passage: Passage) -> Stage:
        account = forward_account(passage)
        return Stage(
            _title("forward", passage), [quantity(account, _largest(account.values))], layer=passage.layer.index
        )

    def _backward(self, passage: Passage) -> Stage:
        found = [self._checked(account, passage) for account in backward_accounts(passage)]
        found = [replace(each, float32=self._float32.get((passage.layer.index, each.name))) for each in found]
        note = "" if passage.dx is not None else "dx stops here: training has no use for the gradient of the pixels"
        return Stage(_title("backward", passage), found, note, passage.layer.index)

    def _checked(self, account: Account, passage: Passage) -> Quantity:
        """A gradient, and of its largest number whose nudge switches no ReLU what the nudge says."""
        for index in _by_size(account.values):
            slope = self._slope(account.name, passage, index)
            if not slope.kinked:
                break
        return quantity(account, index, judged(float(account.values[index]), slope, self.oracle.noise))

    def _slope(self, name: str, passage: Passage, index: tuple[int, ...]) -> Slope:
        """What a nudge says of a number of a gradient, dx or that of a parameter."""
        if name == "dx":
            return self.oracle.slope_of_input(passage.layer, passage.x, index)
        shape = getattr(passage.layer, name).shape
        return self.oracle.slope_at(passage.layer, name.removeprefix("d"), int(np.ravel_multi_index(index, shape)))


def _pass(network: Network, x: Floats, scene: Scene, draw: Draw) -> list[Passage]:
    """Forward and backward once, layer by layer, as training does; copies of what each layer took and gave."""
    inputs = [x]
    for layer in network.layers:
        inputs.append(layer.forward(inputs[-1], draw=draw).copy())
    _, dy = cross_entropy(network.kernels, inputs[-1], scene.labels)
    lowest = min(layer.index for layer in network.layers if layer.parameter_shapes())
    passages: list[Passage] = []
    for layer in reversed(network.layers[lowest:]):
        dx = layer.backward(dy, need_dx=layer.index > lowest)
        kept = None if dx is None else dx.copy()
        passages.append(Passage(layer, inputs[layer.index], inputs[layer.index + 1], dy, kept))
        dy = dy if kept is None else kept
    return passages[::-1]


def _title(way: str, passage: Passage) -> str:
    return f"{way}, layer {passage.layer.index}: {passage.layer!r}"


def _largest(values: Floats) -> tuple[int, ...]:
    return next(_by_size(values))


def _by_size(values: Floats) -> Iterator[tuple[int, ...]]:
    """Places of an array, that of the largest number first, up to TRIES."""
    order = np.argsort(-abs(values), axis=None, kind="stable")
    for flat in islice(order, TRIES):
        yield tuple(int(i) for i in np.unravel_index(flat, values.shape))


def _images(x: Floats, scene: Scene) -> Stage:
    """What goes in."""
    index = _largest(x)
    pixel = int(scene.images.reshape(len(x), -1)[index])
    entry = Entry(index, float(x[index]), f"{pixel} / 255", pixel / 255)
    formula = Formula("x[b,i] = pixel[b,i] / 255", "x = pixels / 255", "no ink is 0, full ink is 1")
    labels = ", ".join(str(label) for label in scene.labels[:20]) + (", …" if len(x) > 20 else "")
    return Stage("the images", [Quantity("x", formula, stats(x), x.size, entry)], f"labels: {labels}")
