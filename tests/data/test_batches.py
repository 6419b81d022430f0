"""Batches: nobody is lost, nobody comes twice, and each batch is a function of (seed, step) alone."""

import numpy as np
import pytest

from numnet.data.batches import Batch, BatchStream
from numnet.data.datasets import Split
from numnet.errors import RecipeError
from numnet.kernels import textbook

N, B = 23, 5


def split_of(size: int) -> Split:
    """Images that carry their own number, in two pixels (high byte, low byte), and labels that follow from it."""
    numbers = np.arange(size)
    images = np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8).reshape(size, 1, 2)
    return Split(images, (numbers % 7).astype(np.uint8))


def stream(size: int = N, batch_size: int = B, seed: int = 0) -> BatchStream:
    return BatchStream(split_of(size), batch_size, seed=seed, kernels=textbook)


def numbers_in(batch: Batch) -> list[int]:
    """Which images these are, read off their pixels."""
    pixels = np.rint(batch.images * 255).astype(int)
    return (pixels[:, 0] * 256 + pixels[:, 1]).tolist()


def numbers_of_steps(batches: BatchStream, steps: int) -> list[int]:
    return [number for step in range(steps) for number in numbers_in(batches.batch(step))]


def test_each_epoch_visits_every_image_once() -> None:
    seen = numbers_of_steps(stream(), steps=N)  # N batches of B are B epochs of N
    for epoch in range(B):
        assert sorted(seen[epoch * N : (epoch + 1) * N]) == list(range(N))


def test_a_batch_at_an_epochs_end_is_joined_with_the_head_of_the_next_shuffle() -> None:
    batches = stream()
    across = numbers_in(batches.batch(4))  # places 20 to 24 of shuffles of 23
    before = numbers_of_steps(batches, 4)
    assert set(across[:3]) == set(range(N)) - set(before)
    after = [number for step in range(5, 9) for number in numbers_in(batches.batch(step))]
    assert sorted(across[3:] + after + numbers_in(batches.batch(9))[:1]) == list(range(N))


@pytest.mark.parametrize("batch_size", [1, 2, 22, 23, 24, 100])
def test_every_batch_is_whole_even_one_larger_than_the_split(batch_size: int) -> None:
    batches = stream(batch_size=batch_size)
    for step in range(30):
        images, labels = batches.batch(step)
        assert images.shape == (batch_size, 2)
        assert labels.shape == (batch_size,)
    assert sorted(numbers_of_steps(batches, N)[:N]) == list(range(N))


def test_the_order_of_asking_changes_nothing() -> None:
    batches = stream()
    for step in (7, 0, 19, 4, 7, 3):
        assert numbers_in(batches.batch(step)) == numbers_in(stream().batch(step))


def test_every_seed_and_every_epoch_has_an_order_of_its_own() -> None:
    orders = [tuple(numbers_in(stream(batch_size=N, seed=s).batch(e))) for s in (0, 1, 2**64 - 1) for e in range(4)]
    assert len(set(orders)) == 12
    assert tuple(range(N)) not in orders  # epoch 0 is shuffled too


def test_labels_are_those_of_their_images() -> None:
    batches = stream(size=1000, batch_size=64)
    for step in range(40):
        batch = batches.batch(step)
        assert batch.labels.tolist() == [number % 7 for number in numbers_in(batch)]
        assert batch.labels.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_become_floats_of_0_to_1(dtype: type) -> None:
    images = np.array([0, 51, 255], np.uint8).reshape(1, 3)
    batches = BatchStream(Split(images, np.zeros(1, np.uint8)), 1, seed=0, kernels=textbook, dtype=dtype)
    floats, _ = batches.batch(0)
    assert floats.dtype == dtype
    np.testing.assert_array_equal(floats, np.array([[0, 0.2, 1]], dtype))


def test_colour_images_become_rows() -> None:
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    batches = BatchStream(Split(images, np.arange(2, dtype=np.uint8)), 2, seed=0, kernels=textbook)
    floats, labels = batches.batch(0)
    np.testing.assert_array_equal(np.rint(floats * 255), images.reshape(2, 36)[labels])


def test_a_batch_lies_where_the_one_before_it_lay() -> None:
    batches = stream()
    first = batches.batch(0)
    assert batches.batch(1).images is first.images  # as Batch says: whoever wants to keep one copies it


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(batch_size: int) -> None:
    with pytest.raises(RecipeError, match=f"batch size of {batch_size}: expected at least 1"):
        stream(batch_size=batch_size)
