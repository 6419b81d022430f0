"""Randomness: the words are Philox's, and what is made of them is a pure function of where it is used.

The cipher is written out here a second time, from the paper, and held to its authors' known answers; what numnet
draws through NumPy is then held to that.
"""

import itertools

import numpy as np
import pytest

from numnet.randomness import Draw, Purpose, generator, permutation, seeds_of_examples

WORD = 2**64


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x64-10: four words from a counter of four and a key of two. Salmon et al. 2011, section 3.4."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, WORD)
        high1, low1 = divmod(0xCA5A826395121157 * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return [c0, c1, c2, c3]


def words(seed: int, purpose: int, first: int, second: int, blocks: int) -> list[int]:
    """The words of (seed, purpose, first, second); NumPy raises the counter before it makes a block, so from 1."""
    return list(
        itertools.chain.from_iterable(
            philox([block, first, second, 0], [seed, purpose]) for block in range(1, blocks + 1)
        )
    )


def test_the_cipher_has_its_authors_known_answers() -> None:
    """The vectors `philox4x64 10` of Random123's kat_vectors: all zeros, all ones, digits of pi."""
    ones = WORD - 1
    pi = "243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89 452821e638d01377 be5466cf34e90c6c"
    *counter, k0, k1 = (int(word, 16) for word in pi.split())
    for block, answer in (
        (philox([0] * 4, [0] * 2), "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        (philox([ones] * 4, [ones] * 2), "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
        (philox(counter, [k0, k1]), "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6"),
    ):
        assert block == [int(word, 16) for word in answer.split()]


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (3, 7), (2**64 - 1, 10**6)])
def test_a_shuffle_sorts_the_words_of_its_seed_and_epoch(seed: int, epoch: int) -> None:
    drawn = words(seed, 1, epoch, 0, blocks=6)[:22]
    assert permutation(seed, epoch, 22).tolist() == sorted(range(22), key=drawn.__getitem__)


@pytest.mark.parametrize(("seed", "step", "layer"), [(0, 0, 0), (5, 700, 3), (2**64 - 1, 10**6, 40)])
def test_a_mask_compares_sixteen_bits_of_the_words_of_its_seed_step_and_layer(seed: int, step: int, layer: int) -> None:
    bits = [word >> shift & 0xFFFF for word in words(seed, 2, step, layer, blocks=3) for shift in (0, 16, 32, 48)]
    kept = [draw >= 0.25 * 65536 for draw in bits]
    assert Draw(seed, step).keep_mask(layer, (5, 9), 0.25).ravel().tolist() == kept[:45]


@pytest.mark.parametrize(("purpose", "number"), [(Purpose.DISTORT, 4), (Purpose.VIEW, 5)])
def test_distortions_of_training_and_of_views_come_from_words_of_their_own(purpose: Purpose, number: int) -> None:
    assert seeds_of_examples(6, 70, 22, purpose).tolist() == words(6, number, 70, 0, blocks=6)[:22]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1000])
def test_a_shuffle_has_each_example_once(size: int) -> None:
    assert sorted(permutation(0, 0, size).tolist()) == list(range(size))


def test_shuffles_of_other_seeds_and_epochs_differ() -> None:
    shuffles = {permutation(seed, epoch, 50).tobytes() for seed in range(4) for epoch in range(4)}
    assert len(shuffles) == 16


def test_every_place_is_as_likely_for_every_example() -> None:
    """Over 4,000 epochs of 5 examples each is in each place 800 times, give or take 4 deviations of sqrt(128) each."""
    counts = np.zeros((5, 5))
    for epoch in range(4000):
        counts[np.arange(5), permutation(0, epoch, 5)] += 1
    assert np.abs(counts - 800).max() < 4 * np.sqrt(4000 * 0.2 * 0.8)


def test_a_mask_is_the_same_whenever_it_is_asked_for() -> None:
    draw = Draw(seed=4, step=9)
    first = draw.keep_mask(2, (31, 17), 0.5)
    draw.keep_mask(1, (100, 100), 0.5)
    np.testing.assert_array_equal(draw.keep_mask(2, (31, 17), 0.5), first)
    np.testing.assert_array_equal(Draw(4, 9).keep_mask(2, (31, 17), 0.5), first)
    assert first.dtype == np.bool_


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9, 0.999])
def test_the_share_that_is_dropped_is_the_rate(rate: float) -> None:
    mask = Draw(0, 0).keep_mask(0, (1000, 1000), rate)
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert abs((~mask).mean() - rate) < 4 * deviation + 2**-17  # the rate itself is kept to 1/65536
    neighbours = np.corrcoef(mask[:, :-1].ravel(), mask[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(mask.size)


def test_a_rate_of_0_keeps_everything() -> None:
    assert Draw(0, 0).keep_mask(0, (1000, 1000), 0.0).all()


def test_masks_of_other_layers_steps_and_seeds_differ() -> None:
    masks = {
        Draw(seed, step).keep_mask(layer, (8, 16), 0.5).tobytes()
        for seed in range(3)
        for step in range(3)
        for layer in range(3)
    }
    assert len(masks) == 27


@pytest.mark.parametrize("columns", [1, 3, 7, 16, 17, 100])
def test_a_part_of_a_batch_meets_the_same_masks_as_on_the_whole(columns: int) -> None:
    whole = Draw(1, 2).keep_mask(3, (40, columns), 0.3)
    for first in (0, 1, 5, 16, 39):
        part = Draw(1, 2, first_row=first).keep_mask(3, (40 - first, columns), 0.3)
        np.testing.assert_array_equal(part, whole[first:])
        np.testing.assert_array_equal(Draw(1, 2, first).keep_mask(3, (1, columns), 0.3), whole[first : first + 1])


def test_no_two_purposes_places_or_seeds_share_a_word() -> None:
    assert len(set(map(int, Purpose))) == len(Purpose.__members__)
    drawn = [
        generator(seed, purpose, *where).bit_generator.random_raw(1000)
        for seed in (0, 1)
        for purpose in Purpose
        for where in ((), (1,), (0, 1), (1, 1))
    ]
    assert len(np.unique(drawn)) == len(drawn) * 1000
