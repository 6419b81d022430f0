"""Is every gradient right? Two links, from the definition to the kernels that train.

    1   backward in float64     against     central differences of the loss     (oracle.py)
    2   the kernels in float32  against     backward in float64                 (float32.py)

No step of a difference in float32 is both small and exact enough, so the kernels are not compared with one themselves.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from numnet.errors import DataError, RecipeError
from numnet.explain.certificate import CLOSE, Certificate, Check, agree
from numnet.explain.float32 import SecondLink
from numnet.explain.oracle import H, Oracle, Slope, unit_vector
from numnet.kernels import FloatArray, IntArray
from numnet.nn.layers import Layer
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.randomness import Draw, Purpose, generator
from numnet.training.recipes import AIDS

EACH = 6  # entries drawn from each stratum of a tensor
DIRECTIONS = 5
TRIES = 100  # directions drawn until so many of them are told

Progress = Callable[[str, int, int], None]


def gradcheck(
    network: Network,
    images: npt.NDArray[np.generic],
    labels: IntArray,
    *,
    every: bool = False,
    seed: int = 0,
    smoothing: float = 0.0,
    progress: Progress | None = None,
) -> Certificate:
    """Check the gradients of a network on a minibatch; the network is left as it is.

    images : uint8 (B, …) of 0..255 or float (B, …) of 0..1    labels : int (B,)
    every : look at all parameters, not at some of each kind; takes minutes for a network of half a million
    seed : which entries and directions are drawn, and which masks dropout makes
    smoothing : of the labels, as fit's label_smoothing
    progress : called with a tensor's name, how many of its entries are done, and of how many

    Raises DataError where images and labels are not the network's, NonFiniteError where the loss is not finite.
    """
    if not 0 <= seed < 2**64:
        raise RecipeError(f"seed {seed}: expected 0 to 2**64 - 1")
    AIDS["label_smoothing"].refuse(smoothing)
    exact = network.twin(kernels="textbook", dtype=np.float64)
    x = exact.to_floats(exact.flat_images(images))
    labels = _checked(labels, len(x), network.classes)
    draw = Draw(seed, 0)
    with np.errstate(over="ignore", invalid="ignore"):  # the certificate says where; NumPy only which line
        oracle = Oracle(exact, x, labels, draw, smoothing)
        fill_gradients(exact, x, labels, draw, smoothing)
        found = Certificate(not every, oracle.loss, len(labels), check_directions(oracle, exact.gradients, seed))
        for layer in exact.layers:
            for name in layer.parameter_shapes():
                found.checks.append(check_tensor(oracle, layer, name, None if every else seed, progress))
        if network.dtype == np.float32:
            own = network.twin(kernels=network.kernels_name, dtype=network.dtype)
            link = SecondLink(own, exact, x, labels, draw, smoothing)
            found.kernels, found.float32 = network.kernels_name, link.compare()
            found.left_out = int((~link.alike).sum())
    return found


def fill_gradients(network: Network, x: FloatArray, labels: IntArray, draw: Draw, smoothing: float = 0.0) -> None:
    """Forward and backward, once: images float (B, D) of 0..1 and labels int (B,) to the network's gradients."""
    _, dlogits = cross_entropy(network.kernels, network.forward(x, draw=draw), labels, smoothing)
    network.backward(dlogits)


def _checked(labels: IntArray, examples: int, classes: int) -> IntArray:
    """Raises DataError unless there is a label for each image, 0 .. classes - 1."""
    labels = np.asarray(labels)
    if labels.shape != (examples,) or labels.dtype.kind not in "iu" or examples == 0:
        raise DataError(f"labels {labels.dtype} {labels.shape} for {examples} images: expected whole numbers, one each")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels {labels.min()} to {labels.max()}: the network's classes are 0 to {classes - 1}")
    return labels


def check_tensor(oracle: Oracle, layer: Layer, name: str, seed: int | None, progress: Progress | None) -> Check:
    """A tensor's entries, drawn or every one, each beside its slope."""
    values, gradient = getattr(layer, name), getattr(layer, f"d{name}").reshape(-1).copy()
    check = Check(f"layer {layer.index} {name}", values.shape)
    chosen = range(values.size) if seed is None else _drawn(gradient, oracle.noise / CLOSE, seed, layer.index)
    for done, index in enumerate(chosen):
        wanted = float(gradient[index])
        slope = best_slope(oracle, partial(oracle.slope_at, layer, name, index), wanted)
        place = tuple(int(i) for i in np.unravel_index(index, check.shape))
        check.add(place, wanted, slope, oracle.noise)
        if progress:
            progress(check.name, done + 1, len(chosen))
    return check


def best_slope(oracle: Oracle, look: Callable[[float], Slope], gradient: float) -> Slope:
    """What `look`, which nudges a number by an h, says; looked at again where the gradient is of another opinion."""
    slope = look(H)
    if slope.kinked or agree(gradient, slope.value, oracle.noise):
        return slope
    return oracle.look_again(look, slope)


def _drawn(gradient: FloatArray, told: float, seed: int, layer: int) -> list[int]:
    """Entries from each third, by size, of those large enough to be told; some of the others; some of those at zero.

    Of the gradient of a layer that sees pixels most entries are exactly zero, so drawn blindly 0 would be compared
    with 0. Some zeros are looked at all the same: a gradient that should not be zero is wrong too.
    """
    random = generator(seed, Purpose.CHECK, 1, layer, len(gradient))
    large = abs(gradient) >= told
    by_size = np.argsort(abs(gradient), kind="stable")
    strata = [*np.array_split(by_size[large[by_size]], 3), np.flatnonzero(~large & (gradient != 0))]
    strata.append(np.flatnonzero(gradient == 0))
    drawn = [random.choice(stratum, min(EACH, len(stratum)), replace=False) for stratum in strata]
    return sorted(int(index) for index in np.concatenate(drawn))


def check_directions(oracle: Oracle, gradients: FloatArray, seed: int) -> Check:
    """Slopes along random directions, until DIRECTIONS of them met no kink and could be told from zero."""
    random = generator(seed, Purpose.CHECK)
    check = Check("directions", gradients.shape)
    for number in range(TRIES):
        direction = unit_vector(random, len(gradients))
        check.add((number,), float(gradients @ direction), oracle.slope_along(direction), oracle.noise)
        if check.checked == DIRECTIONS:
            break
    return check
