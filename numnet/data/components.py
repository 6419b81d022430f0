"""Connected pieces of a mask, and which of them are the digit.

A row of a mask is a few runs of neighbouring pixels. Runs of adjacent rows that touch, corners included, belong
together; whoever belongs together takes the lowest number among them, until nothing changes. All of it is array work
on runs, so a thousand specks cost no more than a thousand runs.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numnet.kernels import BoolArray, FloatArray

# A piece with less than this share of the main piece's ink is a speck.
LEAST_SHARE = 0.02
# A stroke apart from the rest, such as a five's flag, is nearer than this share of the digit's size.
WIDEST_GAP = 0.25
# What reaches the edge of the picture is a frame, a table or a shadow more often than a digit: it counts by this much.
EDGE_SHARE = 0.3


@dataclass(frozen=True)
class Pieces:
    """The connected pieces of a mask.

    labels : int64 (H, W), 0 where the mask is not, else which piece, 1..n
    boxes : int64 (n, 4): top, left, bottom, right of each piece, the last two exclusive
    """

    labels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)

    def sums(self, values: FloatArray) -> FloatArray:
        """The sum of `values`, float (H, W), over each piece, float (n,)."""
        sums = np.bincount(self.labels.ravel(), values.ravel(), minlength=len(self) + 1)
        return sums[1:].astype(np.float64)

    def mask(self, chosen: BoolArray) -> BoolArray:
        """Where the chosen pieces are, bool (H, W); `chosen` is bool (n,)."""
        return np.asarray(np.concatenate(([False], chosen))[self.labels])

    def reach_the_edge(self) -> BoolArray:
        """Which pieces touch an edge of the picture, bool (n,)."""
        return np.asarray((self.boxes[:, :2] == 0).any(1) | (self.boxes[:, 2:] == self.labels.shape).any(1))


def find_pieces(mask: BoolArray) -> Pieces:
    """The connected pieces of a mask, bool (H, W), corners touching."""
    rows, starts, ends = _runs(mask)
    numbers = _unite(len(rows), *_touching(rows, starts, ends, mask.shape[1]))
    labels = np.zeros(mask.shape, np.int64)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    count = numbers.max(initial=-1) + 1
    boxes = np.tile(np.array([*mask.shape, 0, 0]), (count, 1))
    for column, update, values in (
        (0, np.minimum, rows),
        (1, np.minimum, starts),
        (2, np.maximum, rows + 1),
        (3, np.maximum, ends),
    ):
        update.at(boxes[:, column], numbers, values)
    if not count:
        boxes = np.zeros((0, 4), np.int64)
    return Pieces(labels, boxes)


def digit_mask(mask: BoolArray, levels: FloatArray) -> BoolArray:
    """The pieces of a mask, bool (H, W) with something in it, that are the digit, bool (H, W).

    The main piece has the most ink, counted by how near the middle it is; further strokes are near it, are no specks,
    and do not reach the edge.
    """
    pieces = find_pieces(mask)
    edge = pieces.reach_the_edge()
    main = int((pieces.sums(levels * _middle(*mask.shape)) * np.where(edge, EDGE_SHARE, 1)).argmax())
    ink = pieces.sums(levels)
    return pieces.mask(_gather(pieces.boxes, main, (ink >= LEAST_SHARE * ink[main]) & ~edge))


def _middle(height: int, width: int) -> FloatArray:
    """1 in the middle of a picture, almost 0 at its edges, float (H, W)."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    return (1.02 - y**4) * (1.02 - x**4)


def _gather(boxes: npt.NDArray[np.int64], main: int, allowed: BoolArray) -> BoolArray:
    """The main piece with the allowed ones near it, and near those, bool (n,)."""
    chosen: BoolArray = np.arange(len(boxes)) == main
    while True:
        low, high = boxes[chosen, :2].min(0), boxes[chosen, 2:].max(0)
        gaps = np.maximum(boxes[:, :2] - high, low - boxes[:, 2:]).max(1)
        more: BoolArray = chosen | (allowed & (gaps < WIDEST_GAP * (high - low).max()))
        if (more == chosen).all():
            return chosen
        chosen = more


def _runs(mask: BoolArray) -> tuple[npt.NDArray[np.int64], ...]:
    """Row, first column and column after the last of each run of a mask, in reading order."""
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).view(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]


def _touching(
    rows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The pairs of runs, one in the row below the other's, that touch."""
    stride = width + 3  # so that no position of a row reaches into the next
    below = (rows + 1) * stride
    first = np.searchsorted(rows * stride + ends, below + starts, "left")
    after = np.searchsorted(rows * stride + starts, below + ends, "right")
    counts = np.maximum(after - first, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + within


def _unite(count: int, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A number, 0..n-1, for each of `count` runs, the same for all that pairs (a, b) link."""
    root = np.arange(count)
    while (root[a] != root[b]).any():
        lowest = np.minimum(root[a], root[b])
        np.minimum.at(root, root[a], lowest)
        np.minimum.at(root, root[b], lowest)
        while (root[root] != root).any():
            root = root[root]
    return np.unique(root, return_inverse=True)[1].reshape(count)
