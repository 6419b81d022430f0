"""Each compiled kernel against its textbook twin in float64, on shapes that no block size divides.

A sum of K products in float32 is off by at most K * eps * sum |a * b|, whatever the order (Higham 2002, "Accuracy and
stability of numerical algorithms", section 3.1); the factor 4 leaves room for terms of a higher order, and no more.
"""

import inspect
import math

import numpy as np
import pytest

from numnet.kernels import KERNEL_SETS, Kernels, compiled, load_kernels, textbook

EPS = float(np.finfo(np.float32).eps)

# M, K, N: one number, primes, one image, a last batch of 96, more than any block, and the tutorial's layers
SHAPES = [
    (1, 1, 1),
    (2, 3, 5),
    (1, 17, 11),
    (7, 1, 1),
    (13, 29, 31),
    (96, 31, 10),
    (5, 67, 129),
    (67, 2, 33),
    (3, 300, 1),
]
TUTORIAL = [(128, 784, 512), (128, 512, 256), (128, 256, 128), (128, 128, 10)]
LARGE = [pytest.param(*shape, marks=pytest.mark.slow) for shape in TUTORIAL]

LENGTHS = [1, 2, 7, 64, 127, 1000, pytest.param(20_011, marks=pytest.mark.slow)]


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def test_both_sets_have_the_names_of_the_seam_in_its_order() -> None:
    names = [name for name in vars(Kernels) if not name.startswith("_")]
    assert [name for name in vars(textbook) if inspect.isfunction(getattr(textbook, name))] == names
    assert compiled.__all__ == names


@pytest.mark.parametrize("name", compiled.__all__)
def test_twins_take_the_same_arguments(name: str) -> None:
    fast = getattr(compiled, name)
    parameters = list(inspect.signature(getattr(fast, "py_func", fast)).parameters)
    assert parameters == list(inspect.signature(getattr(textbook, name)).parameters)
    assert parameters == list(inspect.signature(getattr(Kernels, name)).parameters)[1:]


def test_there_are_two_sets_and_no_third() -> None:
    assert [load_kernels(name) for name in KERNEL_SETS] == [compiled, textbook]


@pytest.mark.parametrize(("m", "k", "n"), SHAPES + LARGE)
def test_matmul(m: int, k: int, n: int) -> None:
    a, b, bias, out = draws(m, k), draws(k, n), draws(n), np.full((m, n), np.nan, np.float32)
    compiled.matmul(a, b, bias, out)
    exact = a.astype(float) @ b.astype(float) + bias
    bound = 4 * (k + 1) * EPS * (abs(a).astype(float) @ abs(b) + abs(bias))
    assert (abs(out - exact) <= bound).all()


@pytest.mark.parametrize(("m", "k", "n"), SHAPES + LARGE)
def test_matmul_at(m: int, k: int, n: int) -> None:
    a, b, out = draws(m, k), draws(m, n), np.full((k, n), np.nan, np.float32)
    compiled.matmul_at(a, b, out)
    bound = 4 * m * EPS * (abs(a.T).astype(float) @ abs(b))
    assert (abs(out - a.T.astype(float) @ b) <= bound).all()


@pytest.mark.parametrize(("m", "k", "n"), SHAPES + LARGE)
def test_matmul_bt(m: int, k: int, n: int) -> None:
    a, b, out = draws(m, n), draws(k, n), np.full((m, k), np.nan, np.float32)
    compiled.matmul_bt(a, b, out)
    bound = 4 * n * EPS * (abs(a).astype(float) @ abs(b.T))
    assert (abs(out - a.astype(float) @ b.T) <= bound).all()


@pytest.mark.parametrize(("m", "k", "n"), SHAPES)
def test_sum_rows(m: int, k: int, n: int) -> None:
    a, out = draws(m, n), np.full(n, np.nan, np.float32)
    compiled.sum_rows(a, out)
    assert (abs(out - a.astype(float).sum(axis=0)) <= 2 * m * EPS * abs(a).sum(axis=0)).all()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations(name: str, length: int) -> None:
    x, out = 5 * draws(1, length), np.full((1, length), np.nan, np.float32)
    getattr(compiled, name)(x, out)
    exact = x.astype(float)
    getattr(textbook, name)(exact, exact)
    np.testing.assert_allclose(out, exact, rtol=4 * EPS, atol=EPS)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_activations_are_right_to_three_units_in_the_last_place(name: str) -> None:
    """From where they are 0 or 1 in float32 to where they are that again, denormal numbers among them."""
    x = np.linspace(-110, 110, 1_000_001, dtype=np.float32)
    out, exact = np.empty_like(x), x.astype(float)
    getattr(compiled, name)(x, out)
    getattr(textbook, name)(exact, exact)
    assert (abs(out - exact) <= 3 * np.spacing(abs(exact).astype(np.float32))).all()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations_backward(name: str, length: int) -> None:
    dy, y = draws(1, length), draws(1, length, seed=1)
    if name != "relu":
        y = np.tanh(y) if name == "tanh" else 1 / (1 + np.exp(-y))
    out, exact = np.full_like(y, np.nan), np.empty((1, length))
    getattr(compiled, f"{name}_backward")(dy, y, out)
    getattr(textbook, f"{name}_backward")(dy.astype(float), y.astype(float), exact)
    np.testing.assert_allclose(out, exact, rtol=4 * EPS, atol=EPS)


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_activations_pass_nan_on_and_know_their_limits(name: str, kernels: Kernels) -> None:
    x = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0]], np.float32)
    getattr(kernels, name)(x, x)
    low, zero, high = {"relu": (0, 0, np.inf), "tanh": (-1, 0, 1), "sigmoid": (0, 0.5, 1)}[name]
    np.testing.assert_array_equal(x, [[np.nan, high, low, zero, zero]])


@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_the_slope_of_relu_at_zero_is_zero_and_nan_passes(kernels: Kernels) -> None:
    dy = np.array([[3, 3, 3, np.nan]], np.float32)
    out = np.empty_like(dy)
    kernels.relu_backward(dy, np.array([[0, 2, -0.0, 2]], np.float32), out)
    np.testing.assert_array_equal(out, [[0, 3, 0, np.nan]])


@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_nan_passes_where_a_unit_sleeps_or_is_dropped(kernels: Kernels) -> None:
    """0 * NaN is NaN: a broken gradient must not be hidden by a mask."""
    nan, out = np.full((1, 9), np.nan, np.float32), np.zeros((1, 9), np.float32)
    kernels.relu_backward(nan, np.zeros((1, 9), np.float32), out)
    assert np.isnan(out).all()
    kernels.scale_by_mask(nan, np.zeros((1, 9), bool), 2.0, out)
    assert np.isnan(out).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_scale_by_mask(length: int) -> None:
    x, mask = draws(1, length), draws(1, length, seed=1) > 0
    out = np.full_like(x, np.nan)
    compiled.scale_by_mask(x, mask, 1.25, out)
    np.testing.assert_array_equal(out, np.where(mask, x * np.float32(1.25), 0))


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize(("examples", "classes"), [(1, 2), (3, 10), (17, 10), (96, 3), (2, 1000), (33, 1)])
def test_softmax_cross_entropy(kernels: Kernels, examples: int, classes: int) -> None:
    logits = 3 * draws(examples, classes)
    labels = (np.arange(examples) % classes).astype(np.uint8)
    losses, dlogits = np.empty(examples, np.float32), np.empty_like(logits)
    kernels.softmax_cross_entropy(logits, labels, 1 / examples, 0.0, losses, dlogits)
    exps = np.exp(logits.astype(float))
    p = exps / exps.sum(axis=1, keepdims=True)
    onehot = np.arange(classes) == labels[:, None]
    np.testing.assert_allclose(losses, -np.log(p[onehot]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dlogits, (p - onehot) / examples, rtol=1e-5, atol=1e-6 / examples)


@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_softmax_cross_entropy_does_not_overflow(kernels: Kernels) -> None:
    """A gap of 2e30 between logits: the loss is the gap, and no exp or log on the way becomes infinite."""
    logits = np.array([[1e30, -1e30], [88.8, 89.8], [-500, -500]], np.float32)
    losses, dlogits = np.empty(3, np.float32), np.empty_like(logits)
    kernels.softmax_cross_entropy(logits, np.array([1, 1, 0]), 1.0, 0.0, losses, dlogits)
    np.testing.assert_allclose(losses, [2e30, np.log1p(np.exp(-1)), np.log(2)], rtol=1e-5)
    np.testing.assert_allclose(dlogits, [[1, -1], [1 / (1 + np.e), -1 / (1 + np.e)], [-0.5, 0.5]], rtol=1e-5)


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_softmax_cross_entropy_passes_nan_on(kernels: Kernels) -> None:
    logits = np.array([[0, np.nan, 1], [0, np.inf, 1], [0, 0, 0]], np.float32)
    losses, dlogits = np.empty(3, np.float32), np.empty_like(logits)
    kernels.softmax_cross_entropy(logits, np.array([0, 0, 0]), 1.0, 0.0, losses, dlogits)
    assert np.isnan(losses[:2]).all()
    assert np.isnan(dlogits[:2]).any(axis=1).all()
    assert losses[2] == pytest.approx(np.log(3))


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize(("examples", "classes"), [(1, 2), (3, 10), (96, 3), (200, 10), (33, 1)])
def test_softmax_cross_entropy_with_smoothing(kernels: Kernels, examples: int, classes: int) -> None:
    """Against the definition: the cross-entropy of p against a target that gives each class its share."""
    logits, smoothing = 3 * draws(examples, classes), 0.2
    labels = (np.arange(examples) % classes).astype(np.uint8)
    losses, dlogits = np.empty(examples, np.float32), np.empty_like(logits)
    kernels.softmax_cross_entropy(logits, labels, 1 / examples, smoothing, losses, dlogits)
    exps = np.exp(logits.astype(float))
    p = exps / exps.sum(axis=1, keepdims=True)
    target = 0.8 * (np.arange(classes) == labels[:, None]) + 0.2 / classes
    np.testing.assert_allclose(losses, -(target * np.log(p)).sum(axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dlogits, (p - target) / examples, rtol=1e-5, atol=1e-6 / examples)


@pytest.mark.parametrize("length", LENGTHS)
def test_sgd(length: int) -> None:
    fast = [draws(length, seed=seed) for seed in range(3)]
    exact = [array.astype(float) for array in fast]
    for _ in range(3):
        compiled.sgd(*fast, 0.1, 0.9)
        textbook.sgd(*exact, 0.1, 0.9)
    for found, wanted in zip(fast, exact, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_adam(length: int) -> None:
    fast = [draws(length, seed=seed) for seed in range(3)] + [draws(length, seed=3) ** 2]
    exact = [array.astype(float) for array in fast]
    for _ in range(3):
        compiled.adam(*fast, 0.01, 0.9, 0.999, 1e-8)
        textbook.adam(*exact, 0.01, 0.9, 0.999, 1e-8)
    for found, wanted in zip(fast, exact, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_adam_keeps_means_below_the_normal_range(kernels: Kernels) -> None:
    """Long without a gradient, m and v sink below 1.2e-38, where float32 counts in steps of 1.4e-45, and are not zero.

    From 1e-40 each, with betas of 0.9 and 0.999 and an epsilon that is nothing here, w moves by 9e-41 / sqrt(9.99e-41).
    """
    w, dw, m, v = (np.full(101, number, np.float32) for number in (0, 0, 1e-40, 1e-40))
    kernels.adam(w, dw, m, v, 1.0, 0.9, 0.999, 1e-30)
    for found, wanted in ((m, 9e-41), (v, 9.99e-41), (w, -9e-41 / math.sqrt(9.99e-41))):
        np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_optimizers_pass_nan_on(name: str, kernels: Kernels) -> None:
    w, dw, *state = (np.ones(9, np.float32) for _ in range(4 if name == "adam" else 3))
    dw[4] = np.nan
    getattr(kernels, name)(w, dw, *state, *((0.1, 0.9, 0.999, 1e-8) if name == "adam" else (0.1, 0.9)))
    assert np.isnan(w).tolist() == [i == 4 for i in range(9)]


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_pixel_becomes_the_nearest_float_of_its_255th(kernels: Kernels, dtype: type) -> None:
    if kernels is compiled and dtype is np.float64:
        dtype = np.float32
    pixels, out = np.arange(256, dtype=np.uint8).reshape(2, 128), np.empty((2, 128), dtype)
    kernels.pixels_to_floats(pixels, out)
    np.testing.assert_array_equal(out.ravel(), [dtype(i / 255) for i in range(256)])
    assert out.max() == 1


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize("length", [*LENGTHS, 40_001])
def test_shrink_rounds_the_exact_product_once(kernels: Kernels, length: int) -> None:
    """A factor so near to 1 that float32 would keep none of its digits still counts: 1 - 1e-8 moves what it can."""
    for factor in (0.3, 1 - 1e-5, 1 - 1e-8):
        w = draws(length)
        wanted = (w.astype(float) * factor).astype(np.float32)
        kernels.shrink(w, factor)
        np.testing.assert_array_equal(w, wanted)


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize("length", [*LENGTHS, 40_001])
def test_approach(kernels: Kernels, length: int) -> None:
    average, w = draws(length), draws(length, seed=1)
    exact = 0.9 * average.astype(float) + 0.1 * w
    kernels.approach(average, w, 0.1)
    np.testing.assert_allclose(average, exact, rtol=4 * EPS, atol=4 * EPS)
    np.testing.assert_array_equal(w, draws(length, seed=1))


@pytest.mark.parametrize("kernels", [compiled, textbook])
@pytest.mark.parametrize("sums", [1, 4, 4096])
@pytest.mark.parametrize("length", [1, 2, 7, 1000, 4095, 4096, 4097, 70_001])
def test_sum_squares(kernels: Kernels, length: int, sums: int) -> None:
    x, out = draws(length), np.full(sums, np.nan)
    kernels.sum_squares(x, out)
    wanted = [(x[k::sums].astype(float) ** 2).sum() for k in range(sums)]
    np.testing.assert_allclose(out, wanted, rtol=1e-12)


def test_squares_are_added_up_in_one_order_by_both_sets() -> None:
    x, one, other = draws(70_001), np.empty(4096), np.empty(4096)
    compiled.sum_squares(x, one)
    textbook.sum_squares(x, other)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kernels", [compiled, textbook])
def test_the_square_of_no_float32_overflows_and_nan_passes(kernels: Kernels) -> None:
    out = np.empty(4)
    kernels.sum_squares(np.full(9, 3e38, np.float32), out)
    np.testing.assert_allclose(out.sum(), 9 * float(np.float32(3e38)) ** 2)
    kernels.sum_squares(np.array([1, np.nan], np.float32), out)
    assert np.isnan(out).tolist() == [False, True, False, False]
