"""Every planted bug on trial: does the check catch it, is it named, and does training notice?

On small networks of real digits, 7 x 7 pixels each, so that every parameter of every network is nudged.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from numnet.data.datasets import Dataset, Split
from numnet.errors import DataError, NonFiniteError
from numnet.explain.diagnosis import Diagnosis, Evidence, Gradients, Seen, diagnose
from numnet.explain.gradcheck import check_directions, check_tensor, fill_gradients
from numnet.explain.mutants import MUTANTS, Mutant, planted
from numnet.explain.numbers import folded
from numnet.explain.oracle import Oracle
from numnet.kernels import FloatArray
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
from numnet.nn.network import Network
from numnet.randomness import Draw
from numnet.training.loop import fit
from numnet.training.metrics import evaluate

WIDTH, SIDE = 16, 7  # of the hidden layers, which are square; of the pictures, a quarter of 28
EXAMPLES = 8  # of the minibatch that is checked: fewer than any layer's inputs, so that images can be told apart
NONE = "none"  # the name of no bug
KINDS = ("relu", "tanh", "sigmoid", "dropout")
STEPS, BATCH, RATE = 300, 32, 0.01  # of the training that is to notice: an honest network gets most digits right
TRAINED_ON, JUDGED_BY = 4096, 1000  # images


@dataclass(frozen=True)
class Verdict:
    """What came of a bug at a place.

    kind : of the network, one of KINDS
    name, layer : of the bug; layer None for the loss    where : in words
    caught : whether gradcheck failed    named : what the diagnosis said
    accuracy : on test images after training with the bug; NaN where the loss blew up
    """

    kind: str
    name: str
    layer: int | None
    where: str
    caught: bool
    named: Diagnosis | None
    accuracy: float

    @property
    def right(self) -> bool:
        """Whether the diagnosis is the bug's name and place; of no bug, whether nothing was accused."""
        if self.name == NONE:
            return not self.caught
        return self.named is not None and (self.named.name, self.named.layer) == (self.name, self.layer)

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        named = self.named._asdict() if self.named else None
        accuracy = None if np.isnan(self.accuracy) else self.accuracy
        return {**asdict(self), "named": named, "accuracy": accuracy, "right": self.right}


def small(dataset: Dataset) -> Dataset:
    """Some of the pictures, of 7 x 7 pixels, each the mean of 4 x 4 where they were 28 x 28.

    Raises DataError for pictures that are smaller, or have colours.
    """
    return replace(
        dataset,
        train=_pooled(dataset.train, TRAINED_ON),
        validation=_pooled(dataset.validation, JUDGED_BY),
        test=_pooled(dataset.test, JUDGED_BY),
    )


def _pooled(split: Split, count: int) -> Split:
    images = split.images[:count]
    if images.ndim != 3 or min(images.shape[1:]) < SIDE:
        raise DataError(f"images of shape {images.shape[1:]}: expected height and width of at least {SIDE}, no colours")
    tall, wide = (length // SIDE for length in images.shape[1:])
    blocks = images[:, : SIDE * tall, : SIDE * wide].reshape(len(images), SIDE, tall, SIDE, wide)
    return Split(np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8), split.labels[:count])


def small_network(kind: str, classes: int, seed: int) -> Network:
    """In float64, of one of KINDS."""
    activation, rate = ("relu", 0.3) if kind == "dropout" else (kind, 0.0)
    sizes = (SIDE * SIDE, WIDTH, WIDTH, classes)
    return Network.mlp(
        sizes, activation=activation, dropout=rate, bias=0.1, seed=seed, kernels="textbook", dtype=np.float64
    )


class Bench:
    """A network, a minibatch and the slopes of all its parameters, taken once for all bugs.

    images : float64 (B, D)    labels : int (B,)
    Its `kinked` says whether a nudge switched a ReLU: then some slopes are none, and another minibatch is wanted.
    """

    def __init__(self, network: Network, images: FloatArray, labels: Any, seed: int) -> None:
        self.network, self.images, self.labels, self.draw = network, images, labels, Draw(seed, 0)
        self.oracle = Oracle(network, images, labels, self.draw)
        self.kinked = False
        self.numeric = {key: self._slopes(*key) for key in _keys(network)}

    def _slopes(self, index: int, gradient: str) -> FloatArray:
        layer, name = self.network.layers[index], gradient.removeprefix("d")
        shape = getattr(layer, name).shape
        slopes = [self.oracle.slope_at(layer, name, i) for i in range(getattr(layer, name).size)]
        self.kinked |= any(slope.kinked for slope in slopes)
        return np.array([slope.value for slope in slopes]).reshape(shape)

    def passes(self, seed: int) -> bool:
        """What `gradcheck` says of the gradients that the network has now: its sampled entries and directions."""
        checks = [check_directions(self.oracle, self.network.gradients, seed)]
        for layer in self.network.layers:
            checks += [check_tensor(self.oracle, layer, name, seed, None) for name in layer.parameter_shapes()]
        return not any(check.wrong for check in checks)

    def evidence(self) -> Evidence:
        """After going backward, in whatever way the network does now."""
        fill_gradients(self.network, self.images, self.labels, self.draw)
        analytic: Gradients = {key: getattr(self.network.layers[key[0]], key[1]).copy() for key in self.numeric}
        return Evidence(self._seen(), self.labels, analytic, self.numeric, self.oracle.noise)

    def _seen(self) -> list[Seen]:
        found, x = [], self.images
        for layer in self.network.layers:
            y = layer.forward(x, draw=self.draw).copy()
            w = layer.w if isinstance(layer, Dense) else None
            mask = layer.mask if isinstance(layer, Dropout) else None
            found.append(Seen(type(layer), x, y, w, mask, getattr(layer, "scale", 1.0)))
            x = y
        return found


def _keys(network: Network) -> list[tuple[int, str]]:
    return [(layer.index, f"d{name}") for layer in network.layers for name in layer.parameter_shapes()]


def bench(kind: str, dataset: Dataset, seed: int) -> Bench:
    """Of a small network of that kind, on a minibatch of which no nudge meets a kink."""
    network = small_network(kind, dataset.classes, seed)
    for first in range(0, len(dataset.train) - EXAMPLES, EXAMPLES):
        images = dataset.train.images[first : first + EXAMPLES]
        x = network.to_floats(network.flat_images(images))
        found = Bench(network, x, dataset.train.labels[first : first + EXAMPLES], seed)
        if not found.kinked:
            return found
    raise DataError(f"in all of {len(dataset.train)} images no minibatch is without a ReLU that is about to switch")


def trials(dataset: Dataset, seed: int) -> Iterator[Verdict]:
    """Of each kind of network, without a bug, and then with every bug that it is the first to be able to have."""
    for kind in KINDS:
        ground = bench(kind, dataset, seed)
        found = diagnose(ground.evidence())
        caught = not ground.passes(seed) or found is not None
        yield Verdict(kind, NONE, None, f"{kind} network", caught, found, _trained(dataset, kind, seed))
        for mutant in MUTANTS:
            if _kind_of(mutant) == kind:
                for place in mutant.places(ground.network):
                    yield _try(ground, dataset, kind, seed, mutant, place)


def _kind_of(mutant: Mutant) -> str:
    kinds: dict[type[Layer] | str, str] = {ReLU: "relu", Tanh: "tanh", Sigmoid: "sigmoid", Dropout: "dropout"}
    return kinds.get(mutant.where, KINDS[0])


def _try(ground: Bench, dataset: Dataset, kind: str, seed: int, mutant: Mutant, place: Layer | None) -> Verdict:
    with planted(mutant, ground.network, place):
        evidence = ground.evidence()
        caught = not ground.passes(seed)
    named = diagnose(evidence)
    index = None if place is None else place.index
    where = "the loss" if place is None else f"{index} {place!r}"
    accuracy = _trained(dataset, kind, seed, mutant, index)
    return Verdict(kind, mutant.name, index, where, caught, named, accuracy)


def _trained(dataset: Dataset, kind: str, seed: int, mutant: Mutant | None = None, index: int | None = None) -> float:
    """Test accuracy after STEPS of Adam with the bug; NaN where the loss is no number any more."""
    network = small_network(kind, dataset.classes, seed)
    run = {"steps": STEPS, "batch_size": BATCH, "learning_rate": RATE, "seed": seed}
    with np.errstate(all="ignore"):
        try:
            if mutant is None:
                fit(network, dataset.train, **run)  # type: ignore[arg-type]
            else:
                with planted(mutant, network, None if index is None else network.layers[index]):
                    fit(network, dataset.train, **run)  # type: ignore[arg-type]
        except NonFiniteError:
            return float("nan")
        return float(evaluate(network, dataset.test)[0])


NEAR = 0.06  # of the honest network's accuracy: who sees that little less looks elsewhere for the reason


def trial_lines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """A table of 80 columns, a row as soon as its verdict is there, and what it comes to."""
    yield f"{'bug':<30}{'where':<24}{'check':>7}{'named':>9}{'training':>10}"
    seen = []
    for each in verdicts:
        seen.append(each)
        check = ("passes" if each.name == NONE else "MISSED") if not each.caught else "caught"
        named = "" if each.name == NONE else "rightly" if each.right else "WRONGLY"
        yield f"{each.name:<30}{each.where:<24}{check:>7}{named:>9}{_share(each.accuracy):>10}"
        if each.named and not each.right:
            yield f"    named: {each.named.name}, layer {each.named.layer}"
    yield ""
    yield from _summary(seen)


def _summary(verdicts: list[Verdict]) -> Iterator[str]:
    honest = {each.kind: each for each in verdicts if each.name == NONE}
    bugs = [each for each in verdicts if each.name != NONE]
    kinds, caught, right = len({bug.name for bug in bugs}), sum(b.caught for b in bugs), sum(b.right for b in bugs)
    accused = sum(each.caught for each in honest.values())
    near = sum(bug.accuracy > honest[bug.kind].accuracy - NEAR for bug in bugs)
    yield from folded(
        f"{len(bugs)} bugs of {kinds} kinds planted: {caught} caught, {right} rightly named, place and all. "
        f"{len(honest)} networks without a bug: {accused} accused."
    )
    yield from folded(
        f"With {near} of them {STEPS} steps of Adam end within {100 * NEAR:.0f} points of the network without a bug: "
        "an accuracy, or a loss that falls, does not show them."
    )


def _share(accuracy: float) -> str:
    return "blows up" if np.isnan(accuracy) else f"{accuracy:.1%}"
