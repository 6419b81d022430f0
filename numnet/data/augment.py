"""Distortions: a digit a little turned, leaned, stretched, moved and bent is the same digit, and a new image.

Each image of each epoch gets one of its own, a pure function of (seed, epoch, image): nothing is stored, and a run that
goes on meets the very same ones. Source: Simard, Steinkraus and Platt 2003, "Best practices for convolutional neural
networks"; the knots in place of a blurred field, which costs more, as in B-spline registration (Rueckert et al.
1999).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from numnet.errors import DataError, RecipeError
from numnet.kernels import ByteArray, FloatArray, IntArray, Kernels
from numnet.randomness import Purpose, seeds_of_examples, uniforms

AFFINE_NUMBERS = 6  # random numbers of an image's affine map: angle, two scales, shear, two shifts
DEGREE = 3  # of the spline: a knot counts for DEGREE + 1 intervals
STRENGTHS = ("rotation", "log_scale", "shear", "shift", "elastic")


@dataclass(frozen=True)
class Distortion:
    """How far images are distorted; each image draws between minus and plus these, evenly.

    rotation : radians    log_scale : of the natural logarithm, for height and width apart
    shear : pixels across for each pixel down    shift : pixels, down and across
    elastic : pixels in each direction, the root of the mean square over the image    knots : along each side
    """

    # Those of a prototype that had been seen on MNIST's test images. Validation images have chosen among multiples of
    # all five at once; no strength, and no number of knots, was tried by itself: docs/accuracy.md.
    rotation: float = 0.2
    log_scale: float = 0.13
    shear: float = 0.2
    shift: float = 1.5
    elastic: float = 1.1
    knots: int = 7

    def check(self) -> None:
        """Raises RecipeError for a strength that makes no sense."""
        for name in STRENGTHS:
            if not 0 <= getattr(self, name) < math.inf:
                raise RecipeError(f"a distortion with {name} {getattr(self, name)}: expected a number from 0 on")
        if not DEGREE < self.knots <= 64:
            raise RecipeError(f"a distortion with {self.knots} knots: expected {DEGREE + 1} to 64 along each side")

    def times(self, factor: float) -> "Distortion":
        """The same, all strengths so many times as large."""
        return replace(self, **{name: factor * getattr(self, name) for name in STRENGTHS})

    @property
    def numbers(self) -> int:
        """How many random numbers an image takes."""
        return AFFINE_NUMBERS + 2 * self.knots**2

    def affine(self, draws: FloatArray, height: int, width: int) -> FloatArray:
        """Where each pixel of the result looks, of (y, x, 1), for draws (B, 6) of -1 to 1: float (B, 2, 3).

        Round the middle: turned, leaned and stretched; and then moved.
        """
        angle, tall, wide, lean, down, across = (draws * self._strengths()).astype(np.float64).T
        stretch = np.zeros((len(draws), 2, 2))
        stretch[:, 0, 0], stretch[:, 1, 1], stretch[:, 1, 0] = np.exp(tall), np.exp(wide), lean
        turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
        linear = turn @ stretch
        middle = np.array([(height - 1) / 2, (width - 1) / 2])
        moved = middle - linear @ middle + np.stack([down, across], axis=1)
        return np.concatenate([linear, moved[:, :, None]], axis=2)

    def _strengths(self) -> FloatArray:
        return np.array([self.rotation, self.log_scale, self.log_scale, self.shear, self.shift, self.shift])


class Distorter:
    """Distorts the images of a split.

    shape : (H, W) of an image    examples : how many the split has
    purpose : DISTORT for those of training, VIEW for those of an evaluation, which are others
    """

    def __init__(
        self, distortion: Distortion, shape: tuple[int, ...], examples: int, *, seed: int, kernels: Kernels,
        dtype: npt.DTypeLike = np.float32, purpose: Purpose = Purpose.DISTORT,
    ) -> None:  # fmt: skip
        distortion.check()
        if len(shape) != 2:
            raise DataError(f"images of shape {shape}: distortions are of height and width, without colours")
        self.distortion, self.shape, self.examples = distortion, shape, examples
        self.seed, self.purpose, self.kernels, self.dtype = seed, purpose, kernels, np.dtype(dtype)
        rows, columns = (spline(side, distortion.knots) for side in shape)
        # evenly drawn numbers have a mean square of 1/3, and of a field's each knot's share counts squared
        mean_square = (rows**2).sum(axis=1).mean() * (columns**2).sum(axis=1).mean() / 3
        self._reach = distortion.elastic / math.sqrt(mean_square)
        self.rows, self.columns = rows.astype(dtype), columns.astype(dtype)
        self._words: dict[int, npt.NDArray[np.uint64]] = {}

    def distort(self, pixels: ByteArray, epochs: IntArray, rows: IntArray, out: FloatArray) -> None:
        """Fill out, float (B, H*W) of 0..1, with pixels, uint8 (B, …), of the examples `rows` in these epochs."""
        affine, knots = self._drawn(epochs, rows)
        affine, knots = affine.astype(self.dtype), knots.astype(self.dtype)
        self.kernels.distort(pixels.reshape(-1, *self.shape), affine, knots, self.rows, self.columns, out)

    def place(self, epoch: int, row: int, y: int, x: int) -> tuple[float, float]:
        """Where in an example's picture its distorted pixel (y, x) is taken from: pixels down and across, float64."""
        affine, knots = self._drawn(np.array([epoch]), np.array([row]))
        field = self.rows[y] @ knots[0] @ self.columns[x]
        down, across = affine[0] @ np.array([y, x, 1]) + field
        return float(down), float(across)

    def _drawn(self, epochs: IntArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """What is drawn for these examples: affine maps, float (B, 2, 3), and fields' knots, float (B, 2, G, G)."""
        draws = uniforms(self._seeds(epochs, rows), self.distortion.numbers)
        side = self.distortion.knots
        knots = (draws[:, AFFINE_NUMBERS:] * self._reach).reshape(-1, 2, side, side)
        return self.distortion.affine(draws[:, :AFFINE_NUMBERS], *self.shape), knots

    def _seeds(self, epochs: IntArray, rows: IntArray) -> npt.NDArray[np.uint64]:
        """A word for each image; those of an epoch's images are drawn at once, and kept while the epoch lasts."""
        wanted = {int(epoch) for epoch in epochs}
        kept = self._words
        self._words = {
            epoch: kept[epoch] if epoch in kept else seeds_of_examples(self.seed, epoch, self.examples, self.purpose)
            for epoch in wanted
        }
        found = np.empty(len(rows), np.uint64)
        for epoch in wanted:
            found[epochs == epoch] = self._words[epoch][rows[epochs == epoch]]
        return found


def spline(side: int, knots: int) -> npt.NDArray[np.float64]:
    """What each knot of a cubic B-spline counts at each of `side` pixels: float64 (side, knots), rows add up to 1.

    Source: de Boor 1978, "A practical guide to splines"; here uniform, four knots to each interval.
    """
    place = (np.arange(side) + 0.5) / side * (knots - DEGREE)
    first = np.minimum(place.astype(int), knots - DEGREE - 1)
    t = place - first
    parts = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    found = np.zeros((side, knots))
    for k in range(DEGREE + 1):
        found[np.arange(side), first + k] = parts[:, k]
    return found
