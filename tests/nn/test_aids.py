"""The aids to an optimizer: each by numbers worked by hand, and against its formula in float64."""

import math

import numpy as np
import pytest

from numnet.kernels import Kernels, compiled, textbook
from numnet.nn.aids import Aids, Averaging, Clipping, Decay, aided
from numnet.nn.optim import SGD, Adam

both = pytest.mark.parametrize("kernels", [compiled, textbook])


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


@both
def test_a_gradient_of_norm_5_is_scaled_to_norm_2(kernels: Kernels) -> None:
    """|(3, 0, -4)| = 5, so it is taken 2/5 times: (1.2, 0, -1.6). Plain descent at a rate of 1 takes that away."""
    w, dw = floats(10, 10, 10), floats(3, 0, -4)
    Clipping(SGD(kernels, w, momentum=0), kernels, 2).update(w, dw, step=0, learning_rate=1)
    np.testing.assert_allclose(dw, [1.2, 0, -1.6], rtol=1e-6)
    np.testing.assert_allclose(w, [8.8, 10, 11.6], rtol=1e-6)


@both
@pytest.mark.parametrize("most", [5, 5.1, 1e9])
def test_a_gradient_that_is_short_enough_is_left_to_the_bit(kernels: Kernels, most: float) -> None:
    w, dw = floats(10, 10, 10), floats(3, 0, -4)
    Clipping(SGD(kernels, w, momentum=0), kernels, most).update(w, dw, step=0, learning_rate=1)
    np.testing.assert_array_equal(dw, [3, 0, -4])


@both
def test_the_norm_is_that_of_all_parameters(kernels: Kernels) -> None:
    dw = np.random.default_rng(0).standard_normal(70_001).astype(np.float32)
    norm = math.sqrt(math.fsum(dw.astype(float) ** 2))
    assert Clipping(SGD(kernels, dw), kernels, 1).factor(dw) == pytest.approx(1 / norm, rel=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value")
@both
def test_clipping_hides_no_nan(kernels: Kernels) -> None:
    w, dw = floats(1, 1), floats(np.nan, 1)
    Clipping(SGD(kernels, w), kernels, 1).update(w, dw, step=0, learning_rate=1)
    assert np.isnan(w[0])


@both
def test_decay_takes_its_share_of_weights_and_none_of_biases(kernels: Kernels) -> None:
    """With a rate of 0.5 and a learning rate of 0.2 a weight keeps 0.9; then the gradient's step, 0.2 * 1, follows."""
    w, dw = floats(2, -4, 2, -4), floats(1, 1, 1, 1)
    Decay(SGD(kernels, w, momentum=0), kernels, 0.5, weights=2).update(w, dw, step=0, learning_rate=0.2)
    np.testing.assert_allclose(w, [1.8 - 0.2, -3.6 - 0.2, 2 - 0.2, -4 - 0.2], rtol=1e-6)


@both
def test_decay_does_not_go_through_adams_means(kernels: Kernels) -> None:
    """Loshchilov and Hutter's point: with a gradient of 0 a weight shrinks all the same, and Adam remembers nothing."""
    w = floats(2, 2)
    decay = Decay(Adam(kernels, w), kernels, 0.1, weights=1)
    for step in range(3):
        decay.update(w, floats(0, 0), step=step, learning_rate=0.01)
    np.testing.assert_allclose(w, [2 * 0.999**3, 2], rtol=1e-6)
    assert not decay.vectors["m"].any()


@both
def test_an_average_with_a_decay_of_a_half(kernels: Kernels) -> None:
    """Parameters 1, 2, 4 after three steps (rate 1, gradients -1, -1, -2); of 8 they weigh 1, 2 and 4 of 7 in all.

    After one step the average is 1; after two (1*1 + 2*2) / 3 = 5/3; after three (1*1 + 2*2 + 4*4) / 7 = 3.
    """
    w = floats(0)
    averaging = Averaging(SGD(kernels, w, momentum=0), kernels, 0.5, w)
    seen = []
    for step, dw in enumerate((-1, -1, -2)):
        averaging.update(w, floats(dw), step=step, learning_rate=1)
        seen.append(float(averaging.vectors["average"][0]))
    assert w[0] == 4
    assert seen == pytest.approx([1, 5 / 3, 3], rel=1e-6)


@both
def test_an_average_is_its_definition_in_float64(kernels: Kernels) -> None:
    """average = sum_k decay^(t-k) w_k / sum_k decay^(t-k), whatever w was before the first step."""
    rng, decay = np.random.default_rng(0), 0.9
    w = rng.standard_normal(50).astype(np.float32)
    averaging, history = Averaging(SGD(kernels, w), kernels, decay, w), []
    for step in range(40):
        averaging.update(w, rng.standard_normal(50).astype(np.float32), step=step, learning_rate=0.1)
        history.append(w.astype(float))
    weights = decay ** np.arange(39, -1, -1)
    np.testing.assert_allclose(
        averaging.vectors["average"], weights @ np.array(history) / weights.sum(), rtol=1e-5, atol=1e-5
    )


@both
def test_all_aids_at_once_are_three_steps_by_their_formulas(kernels: Kernels) -> None:
    rng = np.random.default_rng(1)
    w = rng.standard_normal(90).astype(np.float32)
    exact, m, v, average = w.astype(float), np.zeros(90), np.zeros(90), np.zeros(90)
    aids = Aids(clip=2, weight_decay=0.3, average=0.8)
    optimizer = aided(Adam(kernels, w), kernels, w, 60, aids)
    for t in (1, 2, 3):
        dw = (10.0 ** (t - 2) * rng.standard_normal(90)).astype(np.float32)  # of norm 1, 10 and 100 or so
        g = dw * min(1, 2 / np.linalg.norm(dw.astype(float)))
        exact[:60] *= 1 - 0.01 * 0.3
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        exact -= 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
        average = 0.8 * average + 0.2 * exact
        optimizer.update(w, dw, step=t - 1, learning_rate=0.01)
    np.testing.assert_allclose(w, exact, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(optimizer.vectors["average"], average / (1 - 0.8**3), rtol=1e-5, atol=1e-6)
    assert set(optimizer.vectors) == {"m", "v", "average"}


def test_without_aids_an_optimizer_is_itself() -> None:
    w = floats(1, 2)
    adam = Adam(textbook, w)
    assert aided(adam, textbook, w, 1, Aids()) is adam
