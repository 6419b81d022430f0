"""Batches: which images a training step sees, as a pure function of (seed, step).

Think of every epoch's shuffled order written down one after the other, without end. Step s takes the places
s*B .. s*B + B - 1. So a batch at an epoch's end is joined with the head of the next shuffle, every batch has
B rows, and within an epoch every image is seen exactly once.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from numnet.data.augment import Distorter, Distortion
from numnet.data.datasets import Split
from numnet.errors import RecipeError
from numnet.kernels import ByteArray, FloatArray, IntArray, Kernels
from numnet.randomness import permutation


class Batch(NamedTuple):
    """What one step trains on.

    images : float (B, D), 0..1    labels : uint8 (B,)
    Both are overwritten by the next batch of the same stream.
    """

    images: FloatArray
    labels: ByteArray


class BatchStream:
    """All batches of a run, each found by its step alone.

    split : what is trained on
    batch_size : B, at least 1; it may exceed the split's size
    distortion : how far images are distorted, anew in each epoch; None is not at all
    """

    def __init__(
        self, split: Split, batch_size: int, *, seed: int, kernels: Kernels, dtype: npt.DTypeLike = np.float32,
        distortion: Distortion | None = None,
    ) -> None:  # fmt: skip
        if not (isinstance(batch_size, int) and batch_size >= 1):
            raise RecipeError(f"a batch size of {batch_size}: expected at least 1, a whole number")
        if not 0 <= seed < 2**64:
            raise RecipeError(f"seed {seed}: expected 0 to 2**64 - 1")
        self.split, self.batch_size, self.seed, self.kernels = split, batch_size, seed, kernels
        self._flat = split.images.reshape(len(split), split.inputs)
        self._pixels = np.empty((batch_size, split.inputs), np.uint8)
        self._floats = np.empty((batch_size, split.inputs), dtype)
        self._labels = np.empty(batch_size, np.uint8)
        self.distorter: Distorter | None = None
        if distortion is not None:
            self.distorter = Distorter(
                distortion, split.images.shape[1:], len(split), seed=seed, kernels=kernels, dtype=dtype
            )
        self._order_of: tuple[int, npt.NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def batch(self, step: int) -> Batch:
        """The batch of step 0, 1, 2, …"""
        rows = self.rows(step)
        # rows are in range, and with mode clip NumPy writes into `out` without a detour
        np.take(self._flat, rows, axis=0, out=self._pixels, mode="clip")
        np.take(self.split.labels, rows, out=self._labels, mode="clip")
        if self.distorter:
            self.distorter.distort(self._pixels, self.epochs(step), rows, self._floats)
        else:
            self.kernels.pixels_to_floats(self._pixels, self._floats)
        return Batch(self._floats, self._labels)

    def epochs(self, step: int) -> IntArray:
        """Which epoch, from 0, each row of step `step` belongs to: int64 (B,)."""
        return np.arange(step * self.batch_size, (step + 1) * self.batch_size) // len(self.split)

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """Which rows of the split step `step` takes: int64 (B,)."""
        place, end = step * self.batch_size, (step + 1) * self.batch_size
        parts = []
        while place < end:
            epoch, within = divmod(place, len(self.split))
            parts.append(self._order(epoch)[within : within + end - place])
            place += len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The epoch's shuffle; the last one asked for is kept, since the next step wants it again."""
        if self._order_of[0] != epoch:
            self._order_of = (epoch, permutation(self.seed, epoch, len(self.split)))
        return self._order_of[1]
