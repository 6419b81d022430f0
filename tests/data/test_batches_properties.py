"""Batches of any size from splits of any size: the stream is one shuffle after the other, cut into equal pieces."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from numnet.data.batches import BatchStream
from numnet.data.datasets import Split
from numnet.kernels import textbook

USUAL = settings(deadline=None)
SIZES, BATCH_SIZES, SEEDS = st.integers(1, 60), st.integers(1, 150), st.integers(0, 2**64 - 1)


def stream(size: int, batch_size: int, seed: int) -> BatchStream:
    """Batches of images of one pixel, which is the image's number."""
    numbers = np.arange(size, dtype=np.uint8)
    return BatchStream(Split(numbers.reshape(size, 1), numbers), batch_size, seed=seed, kernels=textbook)


def numbers(batches: BatchStream, step: int) -> list[int]:
    """Which images step `step` has, read off their pixels; each must have the label that belongs to it."""
    images, labels = batches.batch(step)
    found = np.rint(images[:, 0] * 255).astype(int).tolist()
    assert found == labels.tolist()
    return found


@USUAL
@given(SIZES, BATCH_SIZES, SEEDS)
def test_two_epochs_visit_every_image_twice_once_in_each(size: int, batch_size: int, seed: int) -> None:
    batches = stream(size, batch_size, seed)
    steps = -(-2 * size // batch_size)
    seen = [number for step in range(steps) for number in numbers(batches, step)]
    assert len(seen) == steps * batch_size
    assert sorted(seen[:size]) == sorted(seen[size : 2 * size]) == list(range(size))


@USUAL
@given(SIZES, BATCH_SIZES, SEEDS, st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_a_batch_depends_on_its_seed_and_step_alone(size: int, batch_size: int, seed: int, steps: list[int]) -> None:
    batches = stream(size, batch_size, seed)
    for step in steps:
        assert numbers(batches, step) == numbers(stream(size, batch_size, seed), step)


@USUAL
@given(SIZES, BATCH_SIZES, BATCH_SIZES, SEEDS, st.integers(0, 500))
def test_the_stream_is_the_same_however_it_is_cut(size: int, one: int, other: int, seed: int, place: int) -> None:
    pieces = [stream(size, batch_size, seed) for batch_size in (one, other)]
    assert len({numbers(batches, place // batches.batch_size)[place % batches.batch_size] for batches in pieces}) == 1
