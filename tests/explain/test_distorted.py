"""What is said of a distortion is what is seen of it."""

import numpy as np
import pytest

from numnet.data.datasets import Split
from numnet.explain.distorted import distorted

COPIES = 40


def blob() -> np.ndarray:
    y, x = np.mgrid[:28, :28]
    return np.rint(255 * np.exp(-((y - 10) ** 2 + (x - 17) ** 2) / 18)).astype(np.uint8)


def centre(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:28, :28]
    return np.array([(y * picture).sum(), (x * picture).sum()]) / picture.sum()


@pytest.fixture(scope="module")
def found() -> list:
    split = Split(np.repeat(blob()[None], COPIES, axis=0), np.zeros(COPIES, np.uint8))
    return distorted(split, list(range(COPIES)), seed=0, epoch=0)


def test_what_was_moved_went_where_it_says(found: list) -> None:
    for each in found:
        went = centre(each.stages["moved"]) - centre(blob())
        np.testing.assert_allclose(went, [each.drawn["down, pixels"], each.drawn["across, pixels"]], atol=0.05)


def test_what_was_turned_left_went_left_above_the_middle(found: list) -> None:
    """The spot is above and right of the middle: to the left is up there, against the clock."""
    for each in found:
        before, after = centre(blob()) - 13.5, centre(each.stages["turned"]) - 13.5
        angle = np.arctan2(-after[0], after[1]) - np.arctan2(-before[0], before[1])
        assert np.degrees(angle) == pytest.approx(each.drawn["turned left, degrees"], abs=0.3)


def test_what_was_leaned_right_went_right_above_the_middle(found: list) -> None:
    for each in found:
        went = centre(each.stages["leaned"]) - centre(blob())
        assert went[1] == pytest.approx(3.5 * each.drawn["leaned right, pixels a row"], abs=0.1)
        assert abs(went[0]) < 0.1


def test_what_was_stretched_is_as_much_larger(found: list) -> None:
    for each in found:
        ratio = each.stages["stretched"].sum() / blob().sum()
        assert ratio == pytest.approx(each.drawn["height, times"] * each.drawn["width, times"], rel=0.02)
