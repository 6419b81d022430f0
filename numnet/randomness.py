"""All randomness of a run: a pure function of (seed, purpose, where it is used).

Nothing here has a state. Philox is a cipher that turns a counter into random words (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"), so the mask of layer 3 at step 700 is computed from those very
numbers, not by drawing everything that came before it. A run that is interrupted has no generator to lose.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

WORDS_PER_BLOCK = 4  # Philox4x64 makes four 64-bit words from each value of its counter
DRAWS_PER_WORD = 4  # a unit's fate takes 16 bits


class Purpose(IntEnum):
    """What a random number is for; two purposes never share one."""

    WEIGHTS = 0
    SHUFFLE = 1
    DROPOUT = 2


def _philox(seed: int, purpose: Purpose, where: tuple[int, ...], block: int = 0) -> np.random.Philox:
    """Philox keyed by (seed, purpose), its counter at (block, *where); `where` has up to three numbers."""
    counter = (block, *where, *(0,) * (3 - len(where)))
    return np.random.Philox(key=np.array((seed, purpose), np.uint64), counter=np.array(counter, np.uint64))


def generator(seed: int, purpose: Purpose, *where: int) -> np.random.Generator:
    """NumPy's distributions over the words of (seed, purpose, where); used for initial weights alone."""
    return np.random.Generator(_philox(seed, purpose, where))


def permutation(seed: int, epoch: int, size: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch visits the examples: int64 (size,), each of 0 .. size-1 once.

    Each example draws a 64-bit word, and the words are sorted.
    """
    words = _philox(seed, Purpose.SHUFFLE, (epoch,)).random_raw(size)
    return np.argsort(words, kind="stable")


@dataclass(frozen=True)
class Draw:
    """The randomness of one training step; `forward(x, draw=None)` is evaluation.

    step : the step of the run, from 0
    first_row : where in the whole batch this part of it begins, so that a batch dealt out over several
        processes meets the same masks as on one
    """

    seed: int
    step: int
    first_row: int = 0

    def keep_mask(self, layer: int, shape: tuple[int, ...], drop_rate: float) -> npt.NDArray[np.bool_]:
        """bool (B, H): True, with probability 1 - drop_rate, where a unit is kept.

        shape : (B, H)
        layer : the layer's place in the network, so that no two layers share a mask
        drop_rate : 0 <= drop_rate < 1, kept to 1/65536
        """
        rows, columns = shape
        start = self.first_row * columns
        block, skip = divmod(start, WORDS_PER_BLOCK * DRAWS_PER_WORD)
        words = -(-(skip + rows * columns) // DRAWS_PER_WORD)
        raw = _philox(self.seed, Purpose.DROPOUT, (self.step, layer), block).random_raw(words)
        draws = raw.astype("<u8", copy=False).view("<u2")[skip : skip + rows * columns]
        return (draws >= round(drop_rate * 65536)).reshape(rows, columns)
