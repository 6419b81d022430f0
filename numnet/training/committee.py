"""Committees, or ensembles: several networks answer together, the mean of their probabilities.

Each may look at several views.

Each network is asked once: what it says alone and what all say together come from the same probabilities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from numnet.data.augment import Distorter, Distortion
from numnet.data.datasets import Split
from numnet.errors import DataError, NonFiniteError
from numnet.kernels import FloatArray, IntArray
from numnet.nn.network import PREDICT_ROWS, Network
from numnet.randomness import Purpose
from numnet.training.metrics import Report, check_fits
from numnet.training.standings import Spread, spread
from numnet.training.views import Views


@dataclass(frozen=True)
class Committee:
    """What each of several networks makes of a split, one at least, and what all make of it together."""

    members: tuple[Report, ...]

    @cached_property
    def together(self) -> Report:
        """The answers of the mean of all members' probabilities."""
        mean = np.mean([member.probabilities for member in self.members], axis=0)
        return Report(mean, self.members[0].labels)

    @property
    def spread(self) -> Spread | None:
        """How the members' own accuracies, 0..1, differ; None where there is one member alone."""
        return spread(member.accuracy for member in self.members) if len(self.members) > 1 else None


def judge(networks: Sequence[Network], split: Split) -> Committee:
    """What networks make of a split, each asked once; probabilities are float64, so that their means are exact enough.

    Raises DataError where the split doesn't fit a network, NonFiniteError where an answer is NaN.
    """
    for network in networks:
        check_fits(network, split)
    if len({network.classes for network in networks}) != 1:
        raise DataError(f"networks of {', '.join(str(network.classes) for network in networks)} classes can't vote")
    return Committee(tuple(_report(network.predict(split.images), split) for network in networks))


def _report(probabilities: FloatArray, split: Split) -> Report:
    if not np.isfinite(probabilities).all():
        raise NonFiniteError("some probability is NaN: some parameter of the network is no longer of any use")
    return Report(probabilities.astype(np.float64), split.labels)


def average_views(networks: Sequence[Network], split: Split, plain: Committee, views: Views) -> Committee:
    """What networks make of a split when each answers with the mean of its probabilities over all views.

    plain : what `judge` says of these networks and this split: view 0, which is not looked at again

    Every network sees the very same views, made by the kernels of the first and in its type. What is held at once is
    one block of images and the sums of the answers, however many views there are.
    Raises DataError for images that are not of height and width alone, NonFiniteError where an answer is NaN.
    """
    sums = [member.probabilities.copy() for member in plain.members]
    for rows, images in _distorted_blocks(split, views, networks[0]):
        for network, total in zip(networks, sums, strict=True):
            total[rows] += network.predict(images)
    return Committee(tuple(_report(total / views.count, split) for total in sums))


def _distorted_blocks(split: Split, views: Views, network: Network) -> Iterator[tuple[IntArray, FloatArray]]:
    """Views 1, 2, …, each in blocks: rows of the split, and their images, float (B, D) of 0..1, soon overwritten."""
    distorter = Distorter(
        Distortion().times(views.strength), split.images.shape[1:], len(split),
        seed=views.seed, kernels=network.kernels, dtype=network.dtype, purpose=Purpose.VIEW,
    )  # fmt: skip
    floats = np.empty((min(PREDICT_ROWS, len(split)), split.inputs), network.dtype)
    for view in range(1, views.count):
        for rows in np.split(np.arange(len(split)), range(PREDICT_ROWS, len(split), PREDICT_ROWS)):
            images = floats[: len(rows)]
            distorter.distort(split.images[rows], np.full(len(rows), view), rows, images)
            yield rows, images
