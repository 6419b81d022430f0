"""Committees and views: the mean over looks at each image, held to looks that are made one by one here."""

import tracemalloc

import numpy as np
import pytest

from numnet.data.augment import Distorter, Distortion
from numnet.data.datasets import Split
from numnet.kernels import load_kernels
from numnet.nn.network import PREDICT_ROWS, Network
from numnet.randomness import Purpose
from numnet.training.committee import Committee, average_views, judge
from numnet.training.views import Views

TEXTBOOK = load_kernels("textbook")


def noise(images: int = 40) -> Split:
    """Images of 6 x 5 that show nothing, in 3 classes."""
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (images, 6, 5), np.uint8), rng.integers(0, 3, images))


def networks(*seeds: int, kernels: str = "textbook", dtype: type = np.float32) -> list[Network]:
    return [Network.mlp((30, 8, 3), seed=seed, kernels=kernels, dtype=dtype) for seed in seeds]


def averaged(members: list[Network], split: Split, views: Views) -> Committee:
    return average_views(members, split, judge(members, split), views)


def look(split: Split, row: int, view: int, views: Views, purpose: Purpose = Purpose.VIEW) -> np.ndarray:
    """One view of one image, float64 (1, D)."""
    distortion = Distortion().times(views.strength)
    distorter = Distorter(
        distortion, (6, 5), len(split), seed=views.seed, kernels=TEXTBOOK, dtype=np.float64, purpose=purpose
    )
    out = np.empty((1, 30))
    distorter.distort(split.images[row : row + 1], np.array([view]), np.array([row]), out)
    return out


def test_the_answer_is_the_mean_over_the_views() -> None:
    """In float64, each view of each image made alone; the rows lie on both sides of where blocks end."""
    split, views, (network,) = noise(2 * PREDICT_ROWS + 30), Views(4, 0.7, seed=5), networks(1, dtype=np.float64)
    found = averaged([network], split, views).together.probabilities
    for row in (0, 1, PREDICT_ROWS - 1, PREDICT_ROWS, 2 * PREDICT_ROWS, 2 * PREDICT_ROWS + 29):
        plain = network.predict(split.images[row : row + 1])
        answers = [plain, *(network.predict(look(split, row, view, views)) for view in (1, 2, 3))]
        np.testing.assert_allclose(found[row], np.mean(answers, axis=0)[0], rtol=1e-12)


def test_one_view_is_the_plain_answer_to_the_bit() -> None:
    plain = judge(networks(1, 2), noise())
    once = average_views(networks(1, 2), noise(), plain, Views(1))
    np.testing.assert_array_equal(once.together.probabilities, plain.together.probabilities)
    assert once.spread == plain.spread


def test_views_leave_the_plain_answers_as_they_were() -> None:
    plain = judge(networks(1), noise())
    before = plain.together.probabilities.copy()
    average_views(networks(1), noise(), plain, Views(3))
    np.testing.assert_array_equal(plain.members[0].probabilities, before)


def test_views_are_not_what_training_saw() -> None:
    """Otherwise an image of the training split would be met exactly as it was learned."""
    views = Views(9, 1.0)
    seen = {look(noise(), row, epoch, views, Purpose.DISTORT).tobytes() for row in range(9) for epoch in range(9)}
    assert not seen & {look(noise(), row, view, views).tobytes() for row in range(9) for view in range(1, 9)}


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
def test_the_same_bits_twice_and_others_by_another_seed(kernels: str) -> None:
    first, again, other = (
        averaged(networks(1, kernels=kernels), noise(), Views(3, seed=seed)).together.probabilities.tobytes()
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_committee_averages_what_each_member_makes_of_the_same_views() -> None:
    """Members are float64 sums of the very float32 answers, so each is the same alone to the bit."""
    together = averaged(networks(1, 2, 3), noise(), Views(4))
    for seed, member in zip((1, 2, 3), together.members, strict=True):
        alone = averaged(networks(seed), noise(), Views(4)).together
        np.testing.assert_array_equal(member.probabilities, alone.probabilities)
    mean = sum(member.probabilities for member in together.members) / 3
    np.testing.assert_allclose(together.together.probabilities, mean, rtol=1e-15)


def test_each_network_looks_at_each_view_of_each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    members, looked, predict = networks(1, 2), {1: 0, 2: 0}, Network.predict

    def counted(self: Network, images: np.ndarray) -> np.ndarray:
        looked[self.seed] += len(images)
        return predict(self, images)

    monkeypatch.setattr(Network, "predict", counted)
    found = averaged(members, noise(), Views(5))
    assert found.spread
    assert found.together.loss > 0
    assert looked == {1: 5 * 40, 2: 5 * 40}


def test_more_views_take_no_more_memory() -> None:
    def peak(views: int) -> int:
        tracemalloc.start()
        average_views(members, split, plain, Views(views))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    split, members = noise(2 * PREDICT_ROWS), networks(1)
    plain = judge(members, split)
    few = peak(2)
    assert peak(12) < 1.05 * few
