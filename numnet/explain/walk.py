"""Takes a training step apart: forward, loss, backward, optimizer, in float64, each number beside a check of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial

import numpy as np

from numnet.explain.certificate import Comparison
from numnet.explain.float32 import SecondLink
from numnet.explain.formulas import Account, Formula, Passage, backward_accounts, forward_account
from numnet.explain.gradcheck import best_slope
from numnet.explain.loss_stages import loss_back_stage, loss_stage
from numnet.explain.loss_steps import take_steps
from numnet.explain.oracle import Oracle, Slope, cross_entropies
from numnet.explain.scene import Scene
from numnet.explain.trace import Entry, Nudge, Quantity, Stage, Trace, judged, quantity, stats
from numnet.explain.update import Update, update_stages
from numnet.kernels import FloatArray
from numnet.nn.loss import cross_entropy
from numnet.randomness import Draw

TRIES = 20  # entries that are tried until one is met whose nudge switches no ReLU
LABELS = 20  # that are shown
DISTORTED = (
    "no ink is 0, full ink is 1; each image is turned, stretched, moved and bent as this run does it in this epoch; "
    "between pixels the four round a place are mixed by nearness"
)


class Walk:
    """A step of a scene's network, taken once, with all that passed through its layers kept.

    exact : the network's twin in float64 with textbook kernels; its gradients are the step's
    passages : what went through each layer, and back
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.exact = scene.network.twin(kernels="textbook", dtype=np.float64)
        self.x = self.exact.to_floats(self.exact.flat_images(scene.images))
        self.draw = Draw(scene.seed, scene.step)
        self.oracle = Oracle(self.exact, self.x, scene.labels, self.draw, scene.smoothing)
        self.about = f"{scene.about}, {len(self.x)} images, seed {scene.seed}"
        self.pass_again()

    def pass_again(self) -> None:
        """Forward and backward, layer by layer, as training does: the layers then hold the step's own numbers."""
        inputs = [self.x]
        for layer in self.exact.layers:
            inputs.append(layer.forward(inputs[-1], draw=self.draw).copy())
        _, dy = cross_entropy(self.exact.kernels, inputs[-1], self.scene.labels, self.scene.smoothing)
        lowest = min(layer.index for layer in self.exact.layers if layer.parameter_shapes())
        self.passages: list[Passage] = []
        for layer in reversed(self.exact.layers):
            dx = layer.backward(dy, need_dx=layer.index > lowest) if layer.index >= lowest else None
            kept = None if dx is None else dx.copy()
            self.passages.insert(0, Passage(layer, inputs[layer.index], inputs[layer.index + 1], dy, kept))
            dy = dy if kept is None else kept

    def loss(self) -> float:
        """Of the minibatch, with the parameters as they are now."""
        logits = self.exact.forward(self.x, draw=self.draw)
        return float(cross_entropies(logits, self.scene.labels, self.scene.smoothing).mean())

    def nudge(self, gradient: float, layer: int, x: FloatArray, index: tuple[int, ...]) -> Nudge:
        """A gradient of what layer `layer` is given, float64 (B, D); judged by what the loss does."""
        return self._judge(gradient, partial(self.oracle.slope_of_input, layer, x, index))

    def nudge_parameter(self, gradient: float, layer: int, name: str, index: tuple[int, ...]) -> Nudge:
        """A gradient of a parameter."""
        owner = self.exact.layers[layer]
        flat = int(np.ravel_multi_index(index, getattr(owner, name).shape))
        return self._judge(gradient, partial(self.oracle.slope_at, owner, name, flat))

    def _judge(self, gradient: float, look: "partial[Slope]") -> Nudge:
        return judged(gradient, best_slope(self.oracle, look, gradient), self.oracle.noise)

    def trace(self) -> Trace:
        """The step as a trace."""
        logits, dlogits = self.passages[-1].y, self.passages[-1].dy
        state = take_steps(logits, self.scene.labels, self.scene.smoothing)
        behind = len(self.passages)
        stages = [
            _images(self.x, self.scene),
            *(self._forward(passage) for passage in self.passages),
            loss_stage(state),
            loss_back_stage(state, dlogits, lambda index: self.nudge(float(dlogits[index]), behind, logits, index)),
            *(stage for stage in map(self._backward, reversed(self.passages)) if stage.quantities),
        ]
        update = Update(self.scene, self.exact)
        loss_after = self._loss_after(update)
        stages += update_stages(update, self.exact, self.oracle.loss, loss_after)
        labels = [int(label) for label in self.scene.labels]
        return Trace(self.about, labels, self.oracle.loss, loss_after, stages)

    def _loss_after(self, update: Update) -> float:
        self.exact.parameters[:] = update.after
        loss = self.loss()
        self.exact.parameters[:] = update.before
        return loss

    @cached_property
    def _float32(self) -> dict[tuple[int, str], Comparison]:
        """How far the scene's own kernels in float32 are off, by layer and gradient; nothing for textbook ones."""
        network = self.scene.network
        if network.kernels_name == "textbook":
            return {}
        own, exact = (net.twin(kernels=net.kernels_name, dtype=net.dtype) for net in (network, self.exact))
        link = SecondLink(own, exact, self.x, self.scene.labels, self.draw, self.scene.smoothing)
        keys = [(layer.index, f"d{name}") for layer in own.layers for name in layer.parameter_shapes()]
        return dict(zip(keys, link.compare(), strict=True))

    def _forward(self, passage: Passage) -> Stage:
        account = forward_account(passage)
        found = quantity(account, next(_by_size(account.values)))
        return Stage(_title("forward", passage), [found], layer=passage.layer.index)

    def _backward(self, passage: Passage) -> Stage:
        index = passage.layer.index
        found = [self._checked(account, passage) for account in backward_accounts(passage)]
        found = [replace(each, float32=self._float32.get((index, each.name))) for each in found]
        note = "" if passage.dx is not None else "dx stops here: training has no use for the gradient of the pixels"
        return Stage(_title("backward", passage), found, note, index)

    def _checked(self, account: Account, passage: Passage) -> Quantity:
        """A gradient, and of its largest number whose nudge switches no ReLU what the nudge says."""
        for index in _by_size(account.values):
            gradient = float(account.values[index])
            if account.name == "dx":
                nudge = self.nudge(gradient, passage.layer.index, passage.x, index)
            else:
                nudge = self.nudge_parameter(gradient, passage.layer.index, account.name.removeprefix("d"), index)
            if nudge.verdict != "kink":
                break
        return quantity(account, index, nudge)


def _title(way: str, passage: Passage) -> str:
    return f"{way}, layer {passage.layer.index}: {passage.layer!r}"


def _by_size(values: FloatArray) -> Iterator[tuple[int, ...]]:
    """Places of an array, that of the largest number first, up to TRIES."""
    sizes = abs(values).reshape(-1)
    largest = np.argpartition(-sizes, min(TRIES, sizes.size - 1))[:TRIES]
    for flat in largest[np.lexsort((largest, -sizes[largest]))]:
        yield tuple(int(i) for i in np.unravel_index(flat, values.shape))


def _images(x: FloatArray, scene: Scene) -> Stage:
    """What goes in."""
    index = next(_by_size(x))
    if scene.mix is None:
        pixel = int(scene.images.reshape(len(x), -1)[index])
        entry = Entry(index, float(x[index]), f"{pixel} / 255", pixel / 255)
        formula = Formula("x[b,i] = pixel[b,i] / 255", "x = pixels / 255", "no ink is 0, full ink is 1")
    else:
        entry = Entry(index, float(x[index]), *scene.mix(*index).spelled())
        formula = Formula("x[b,i] = pixel[b, place of i] / 255", "x = distort(pixels) / 255", DISTORTED)
    labels = ", ".join(str(label) for label in scene.labels[:LABELS]) + ", …" * (len(x) > LABELS)
    return Stage("the images", [Quantity("x", formula, stats(x), x.size, entry)], f"labels: {labels}")
