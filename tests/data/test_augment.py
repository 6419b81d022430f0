"""Distortions: each of them alone does what it says, all are functions of (seed, epoch, image), and the twins agree."""

import math

import numpy as np
import pytest

from numnet.data.augment import Distorter, Distortion, spline
from numnet.data.batches import BatchStream
from numnet.data.datasets import Dataset, Split
from numnet.errors import DataError, RecipeError
from numnet.kernels import load_kernels
from numnet.randomness import seeds_of_examples, uniforms

NOTHING = Distortion(rotation=0, log_scale=0, shear=0, shift=0, elastic=0)
TEXTBOOK = load_kernels("textbook")


def distorted(
    images: np.ndarray, distortion: Distortion, *, seed: int = 0, epoch: int = 0, kernels: str = "textbook",
    dtype: type = np.float64,
) -> np.ndarray:  # fmt: skip
    made = Distorter(
        distortion, images.shape[1:], len(images), seed=seed, kernels=load_kernels(kernels), dtype=dtype
    )  # fmt: skip
    out = np.empty((len(images), images[0].size), dtype)
    made.distort(images, np.full(len(images), epoch), np.arange(len(images)), out)
    return out.reshape(images.shape)


def blob(height: int = 28, width: int = 28) -> np.ndarray:
    """A round spot a little off the middle, smooth, so that a look-up between pixels is near to what it looks at."""
    y, x = np.mgrid[:height, :width]
    return np.exp(-((y - height / 2 - 2) ** 2 + (x - width / 2 + 3) ** 2) / 18)


def as_pixels(picture: np.ndarray, copies: int = 1) -> np.ndarray:
    return np.repeat(np.rint(255 * picture).astype(np.uint8)[None], copies, axis=0)


def centre(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(y * picture).sum(), (x * picture).sum()]) / picture.sum()


def test_nothing_changes_nothing() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 7), np.uint8)
    np.testing.assert_allclose(distorted(images, NOTHING), images / 255, atol=1e-15)


def test_a_shift_moves_the_picture_by_as_much_as_was_drawn() -> None:
    images = as_pixels(blob(), 50)
    shift = Distortion(rotation=0, log_scale=0, shear=0, shift=3, elastic=0)
    draws = uniforms(seeds_of_examples(0, 0, 50), 6)
    found = distorted(images, shift)
    for picture, draw in zip(found, draws, strict=True):
        np.testing.assert_allclose(centre(picture), centre(blob()) - 3 * draw[4:], atol=0.02)


def test_a_turn_is_round_the_middle_and_keeps_the_distance_from_it() -> None:
    turn = Distortion(rotation=0.5, log_scale=0, shear=0, shift=0, elastic=0)
    middle, before = np.array([13.5, 13.5]), centre(blob())
    angles = []
    for picture in distorted(as_pixels(blob(), 50), turn):
        after = centre(picture)
        assert np.linalg.norm(after - middle) == pytest.approx(np.linalg.norm(before - middle), abs=0.03)
        angles.append(math.atan2(*(after - middle)) - math.atan2(*(before - middle)))
    assert max(map(abs, angles)) <= 0.51
    assert np.std(angles) == pytest.approx(0.5 / math.sqrt(3), rel=0.25)


def test_a_larger_scale_looks_from_farther_away() -> None:
    scale = Distortion(rotation=0, log_scale=0.3, shear=0, shift=0, elastic=0)
    draws = uniforms(seeds_of_examples(0, 0, 50), 6)
    for picture, draw in zip(distorted(as_pixels(blob(), 50), scale), draws, strict=True):
        assert picture.sum() == pytest.approx(blob().sum() * math.exp(-0.3 * (draw[1] + draw[2])), rel=0.02)


def test_a_shear_leans_and_leaves_the_middle_row() -> None:
    affine = Distortion(shear=0.4).affine(np.array([[0, 0, 0, 0.5, 0, 0]]), 11, 21)[0]
    np.testing.assert_allclose(affine @ [5, 10, 1], [5, 10])
    np.testing.assert_allclose(affine @ [6, 10, 1], [6, 10.2])


@pytest.mark.parametrize(("height", "width"), [(28, 28), (32, 20)])
def test_the_field_is_as_strong_as_it_says(height: int, width: int) -> None:
    """A ramp shows by how much each place was moved."""
    ramp = np.repeat(np.linspace(0, 255, width).round().astype(np.uint8)[None, None], height, axis=1)
    images = np.repeat(ramp, 400, axis=0)
    elastic = Distortion(rotation=0, log_scale=0, shear=0, shift=0, elastic=0.8)
    moved = (distorted(images, elastic) - images / 255) * (width - 1)
    inner = moved[:, 4:-4, 4:-4]  # nearer to the edge a look goes outside, and finds nothing
    spread = np.sqrt((inner**2).mean())
    weights = [(spline(side, 7) ** 2).sum(axis=1) for side in (height, width)]
    share = weights[0][4:-4].mean() * weights[1][4:-4].mean() / (weights[0].mean() * weights[1].mean())
    assert spread == pytest.approx(0.8 * math.sqrt(share), rel=0.05)


def test_a_spline_counts_four_knots_and_loses_nothing() -> None:
    weights = spline(28, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-15)
    assert ((weights > 0).sum(axis=1) <= 4).all()
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-15)
    place = (np.arange(28) + 0.5) / 28 * 4 + 1  # knots at 0, 1, 2, …: a straight line stays one
    np.testing.assert_allclose(weights @ np.arange(7), place, atol=1e-14)


@pytest.mark.parametrize("shape", [(28, 28), (9, 17), (1, 5), (33, 64)])
def test_the_compiled_kernel_is_the_textbooks(shape: tuple[int, int]) -> None:
    """Places are off by some 1e-7 of the picture's side, and a picture changes by 1 a pixel at most."""
    images = np.random.default_rng(1).integers(0, 256, (7, *shape), np.uint8)
    strong = Distortion().times(2)
    exact = distorted(images, strong)
    for kernels in ("numba", "textbook"):
        found = distorted(images, strong, kernels=kernels, dtype=np.float32)
        np.testing.assert_allclose(found, exact, atol=4 * (max(shape) + 8) * 6e-8 * 8)


def test_outside_there_is_nothing() -> None:
    white = np.full((20, 12, 12), 255, np.uint8)
    far = Distortion(rotation=0, log_scale=0, shear=0, shift=40, elastic=0)
    draws = uniforms(seeds_of_examples(0, 0, 20), 6)
    for kernels in ("numba", "textbook"):
        found = distorted(white, far, kernels=kernels, dtype=np.float32)
        gone = abs(40 * draws[:, 4:]).max(axis=1) > 13
        assert gone.sum() > 10
        assert (found[gone] == 0).all()


def test_a_distortion_is_a_function_of_seed_epoch_and_image(mnist: Dataset) -> None:
    images = mnist.train.images[:30]
    first = distorted(images, Distortion())
    np.testing.assert_array_equal(first, distorted(images, Distortion()))
    assert (first != distorted(images, Distortion(), epoch=1)).any(axis=(1, 2)).all()
    assert (first != distorted(images, Distortion(), seed=1)).any(axis=(1, 2)).all()
    alike = distorted(np.repeat(images[:1], 30, axis=0), Distortion())
    assert len({picture.tobytes() for picture in alike}) == 30


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
def test_a_batch_is_the_same_however_it_is_reached(kernels: str, mnist: Dataset) -> None:
    """One that reaches into the next epoch, too."""
    split = Split(mnist.train.images[:100], mnist.train.labels[:100])

    def stream() -> BatchStream:
        return BatchStream(split, 32, seed=3, kernels=load_kernels(kernels), distortion=Distortion())

    walked = stream()
    all_the_way = [walked.batch(step).images.copy() for step in range(7)]
    for step in (6, 3, 2, 0):
        np.testing.assert_array_equal(stream().batch(step).images, all_the_way[step])
    plain = BatchStream(split, 32, seed=3, kernels=load_kernels(kernels))
    np.testing.assert_array_equal(stream().rows(3), plain.rows(3))
    assert (stream().batch(0).images != plain.batch(0).images).any()


def test_splitmix_is_the_published_one() -> None:
    """The first three values of the reference program for a state of 1234567."""
    expected = np.array([6457827717110365317, 3203168211198807973, 9817491932198370423], np.uint64)
    draws = uniforms(np.array([1234567], np.uint64), 12)
    words = np.rint(draws * 32768 + 32767.5).astype("<u2").view("<u8")
    np.testing.assert_array_equal(words[0], expected)


def test_what_makes_no_sense_is_refused() -> None:
    images = np.zeros((2, 8, 8), np.uint8)
    for distortion, said in (
        (Distortion(elastic=-1), "elastic -1: expected a number from 0 on"),
        (Distortion(rotation=math.nan), "rotation nan"),
        (Distortion(knots=3), "3 knots: expected 4 to 64"),
    ):
        with pytest.raises(RecipeError, match=said):
            distorted(images, distortion)
    with pytest.raises(DataError, match="without colours"):
        distorted(np.zeros((2, 8, 8, 3), np.uint8), Distortion())
