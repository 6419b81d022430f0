"""All randomness of a run: a pure function of (seed, purpose, where it is used).

No draw depends on what was drawn before. Philox is a cipher that turns a counter into random words (Salmon et al.
2011, "Parallel random numbers: as easy as 1, 2, 3"), so the mask of layer 3 at step 700 is computed from those very
numbers, not by drawing everything that came before it. A run that is interrupted has no generator to lose.
"""

import threading
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
    CHECK = 3
    DISTORT = 4
    VIEW = 5


_kept = threading.local()


def _place(
    seed: int, purpose: Purpose, where: tuple[int, ...], block: int = 0
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Philox's key, (seed, purpose), and its counter, (block, *where); `where` has up to three numbers."""
    counter = (block, *where, *(0,) * (3 - len(where)))
    return np.array((seed, purpose), np.uint64), np.array(counter, np.uint64)


def generator(seed: int, purpose: Purpose, *where: int) -> np.random.Generator:
    """NumPy's distributions over the words of (seed, purpose, where): for initial weights and what a check draws."""
    key, counter = _place(seed, purpose, where)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def permutation(seed: int, epoch: int, size: int) -> npt.NDArray[np.int64]:
    """The order in which an epoch visits the examples: int64 (size,), each of 0 .. size-1 once.

    Each example draws a 64-bit word, and the words are sorted.
    """
    return np.argsort(_raw_words(size, seed, Purpose.SHUFFLE, (epoch,)), kind="stable")


def _raw_words(
    count: int, seed: int, purpose: Purpose, where: tuple[int, ...], block: int = 0
) -> npt.NDArray[np.uint64]:
    """The first `count` words of (seed, purpose, where), from a block on: uint64 (count,).

    A generator is kept for each thread and told where to go on: a new one would ask the system for a seed that it
    has no use for, which takes as long as a mask.
    """
    key, counter = _place(seed, purpose, where, block)
    if not hasattr(_kept, "philox"):
        _kept.philox = np.random.Philox(key=key)
        _kept.state = _kept.philox.state  # with its buffer of words used up
    _kept.state["state"]["key"], _kept.state["state"]["counter"] = key, counter
    _kept.philox.state = _kept.state
    words: npt.NDArray[np.uint64] = _kept.philox.random_raw(count)
    return words


def seeds_of_examples(seed: int, epoch: int, size: int, purpose: Purpose = Purpose.DISTORT) -> npt.NDArray[np.uint64]:
    """A random word for each example of an epoch: uint64 (size,), from which `uniforms` makes as many as are wanted."""
    return _raw_words(size, seed, purpose, (epoch,))


def uniforms(words: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.float32]:
    """From each word numbers between -1 and 1: uint64 (B,) -> float32 (B, count), in steps of 1/32768.

    SplitMix64: a counter that begins at the word and goes on in steps of the golden ratio, each value well mixed.
    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 17.
    """
    steps = np.arange(1, -(-count // DRAWS_PER_WORD) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = words[:, None] + steps  # modulo 2**64
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    draws = z.astype("<u8", copy=False).view("<u2")[:, :count]
    return np.asarray((draws.astype(np.float32) - np.float32(32767.5)) / np.float32(32768))


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
        raw = _raw_words(words, self.seed, Purpose.DROPOUT, (self.step, layer), block)
        draws = raw.astype("<u8", copy=False).view("<u2")[skip : skip + rows * columns]
        return (draws >= round(drop_rate * 65536)).reshape(rows, columns)
