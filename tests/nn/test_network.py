"""The network as its users meet it: where it starts, what it refuses, what it says about itself."""

import math

import numpy as np
import pytest

from numnet.errors import DataError, RecipeError
from numnet.kernels import FloatArray
from numnet.nn.initializers import he_normal, truncated_normal
from numnet.nn.layers import Dense, Dropout, Layer, ReLU
from numnet.nn.loss import cross_entropy, softmax
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam
from numnet.randomness import Draw


def test_the_tutorials_network_has_567434_parameters_weights_first() -> None:
    network = Network.mlp((784, 512, 256, 128, 10), bias=0.5, kernels="textbook")
    assert len(network.parameters) == 567_434
    assert len(network.weights) == 784 * 512 + 512 * 256 + 256 * 128 + 128 * 10
    assert (network.parameters[len(network.weights) :] == 0.5).all()
    first = network.layers[0]
    assert first.w.base is network.parameters
    assert (network.parameters[: first.w.size].reshape(784, 512) == first.w).all()


def test_truncated_normal_stays_within_two_deviations_and_keeps_their_spread() -> None:
    """Cut at two deviations a normal distribution keeps 0.8796 of its own: 0.08796 of 0.1."""
    weights = truncated_normal(0, 0, 784, 512)
    assert abs(weights).max() <= 0.2
    assert weights.std() == pytest.approx(0.08796, rel=0.01)
    assert abs(weights.mean()) < 4 * 0.088 / math.sqrt(weights.size)


def test_he_initialisation_has_variance_two_over_inputs() -> None:
    weights = he_normal(0, 0, 300, 200)
    assert weights.var() == pytest.approx(2 / 300, rel=0.05)
    assert abs(weights.mean()) < 4 * math.sqrt(2 / 300 / weights.size)


@pytest.mark.parametrize("initialize", [truncated_normal, he_normal])
def test_seeds_and_layers_have_weights_of_their_own(initialize: object) -> None:
    one, again, seed, layer = (
        initialize(0, 0, 5, 4),
        initialize(0, 0, 5, 4),
        initialize(1, 0, 5, 4),
        initialize(0, 1, 5, 4),
    )
    assert (one == again).all()
    assert (one != seed).all()
    assert (one != layer).all()


def test_a_he_network_begins_near_the_loss_of_knowing_nothing() -> None:
    losses = []
    for seed in range(5):
        network = Network.mlp((784, 512, 256, 128, 10), seed=seed, kernels="textbook")
        rng = np.random.default_rng(seed)
        images = (rng.random((200, 784)) * (rng.random((200, 784)) < 0.19)).astype(np.float32)
        losses.append(cross_entropy(network.kernels, network.forward(images, draw=None), rng.integers(0, 10, 200))[0])
    assert np.mean(losses) == pytest.approx(math.log(10), abs=0.25)


@pytest.mark.parametrize("kernels", ["textbook", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_one_batch_can_be_learned_by_heart(activation: str, optimizer: type, kernels: str) -> None:
    """Random labels on random images: only a right gradient takes the loss to next to nothing."""
    rng = np.random.default_rng(0)
    images, labels = rng.random((12, 20)).astype(np.float32), rng.integers(0, 4, 12)
    network = Network.mlp((20, 32, 4), activation=activation, kernels=kernels)
    updater = optimizer(network.kernels, network.parameters)
    rate = {SGD: 0.3, Adam: 0.03}[optimizer]
    for step in range(300):
        loss, dlogits = cross_entropy(network.kernels, network.forward(images, draw=None), labels)
        network.backward(dlogits)
        updater.update(network.parameters, network.gradients, step=step, learning_rate=rate)
    assert loss < 0.02


def test_dropout_is_the_identity_in_evaluation_and_keeps_the_mean_in_training() -> None:
    network = Network([Dense(3, 1000), Dropout(0.75)], 3, kernels="textbook")
    x = np.ones((100, 3), np.float32)
    dropout = network.layers[1]
    y = network.layers[0].forward(x, draw=None)
    assert dropout.forward(y, draw=None) is y
    dropped = dropout.forward(np.ones_like(y), draw=Draw(0, 0))
    assert set(np.unique(dropped)) == {0, 4}
    assert dropped.mean() == pytest.approx(1, abs=4 * math.sqrt(3 / dropped.size))


def test_dropout_uses_one_mask_in_both_directions() -> None:
    network = Network([Dense(3, 50), Dropout(0.5)], 3, kernels="textbook")
    dropout, ones = network.layers[1], np.ones((8, 50), np.float32)
    y = dropout.forward(ones, draw=Draw(0, 0)).copy()
    np.testing.assert_array_equal(dropout.backward(ones), y)


def test_without_activation_the_deep_network_is_one_affine_map() -> None:
    network = Network.mlp((6, 5, 4, 3), activation="linear", kernels="textbook", dtype=np.float64, bias=0.1)
    first, second, third = network.layers
    w = first.w @ second.w @ third.w
    b = (first.b @ second.w + second.b) @ third.w + third.b
    x = np.random.default_rng(0).random((9, 6))
    np.testing.assert_allclose(network.forward(x, draw=None), x @ w + b, rtol=1e-12)


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
def test_predict_takes_pixels_or_floats_one_or_many(kernels: str) -> None:
    network = Network.mlp((12, 8, 3), kernels=kernels)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    many = network.predict(pixels)
    assert many.shape == (5, 3)
    np.testing.assert_allclose(many.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(network.predict(pixels / 255), many, rtol=1e-5)
    np.testing.assert_allclose(network.predict(pixels.reshape(5, 12)), many)
    np.testing.assert_allclose(network.predict(pixels[0]), many[:1], rtol=1e-5)
    np.testing.assert_allclose(network.predict(pixels[:1]), many[:1], rtol=1e-5)
    assert network.predict(pixels[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((5, 13), np.uint8), "12 numbers"),
        (np.zeros((5, 12), np.int64), "int64"),
        (np.zeros(11, np.uint8), "12 numbers"),
        (np.array(["a"]), "expected uint8"),
        (np.uint8(3), "12 numbers"),
        (np.full((5, 12), 255.0), "floats up to 255: expected 0..1"),
    ],
)
def test_predict_refuses_images_of_another_kind(images: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Network.mlp((12, 8, 3), kernels="textbook").predict(images)


def test_softmax_survives_any_logits() -> None:
    p = softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]]))
    np.testing.assert_allclose(p, [[0.5, 0.5], [0, 1]])


def test_summary_adds_up() -> None:
    text = Network.mlp((784, 512, 256, 128, 10), dropout=(0, 0, 0.5), kernels="textbook").summary()
    assert "567,434" in text
    assert "401,920" in text
    assert "Dropout(0.5)" in text
    assert "1.133" in text  # 2 * (784*512 + 512*256 + 256*128 + 128*10) multiplications and additions


def test_the_hash_sees_the_last_bit() -> None:
    one, other = (Network.mlp((4, 3, 2), kernels="textbook") for _ in range(2))
    assert one.parameters_sha256() == other.parameters_sha256()
    other.parameters[-1] = np.nextafter(other.parameters[-1], 1)
    assert one.parameters_sha256() != other.parameters_sha256()


class Doubling(Layer):
    """A learner's own layer, with a parameter of its own."""

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"scale": (1,)}

    def initialize(self, seed: int) -> None:
        self.scale[:] = 2

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        self.x = x
        return x * self.scale

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        self.dscale[:] = (dy * self.x).sum()
        return dy * self.scale


def test_a_learners_own_layer_fits_in() -> None:
    network = Network([Dense(4, 3), Doubling(), Dense(3, 2)], 4, kernels="textbook", dtype=np.float64)
    assert len(network.parameters) == 4 * 3 + 3 * 2 + 3 + 1 + 2
    x, labels = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 0, 1, 1])
    _, dlogits = cross_entropy(network.kernels, network.forward(x, draw=None), labels)
    network.backward(dlogits)
    layer, h = network.layers[1], 1e-6
    losses = []
    for scale in (2 + h, 2 - h):
        layer.scale[:] = scale
        losses.append(cross_entropy(network.kernels, network.forward(x, draw=None), labels)[0])
    assert layer.dscale[0] == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-6)


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
@pytest.mark.parametrize(
    "x",
    [
        np.zeros((5, 12)),
        np.zeros((5, 12), np.uint8),
        np.zeros((5, 11), np.float32),
        np.zeros(12, np.float32),
        np.zeros((12, 5), np.float32).T,
    ],
    ids=["float64", "uint8", "too narrow", "one axis", "turned"],
)
def test_forward_takes_nothing_that_a_kernel_would_misread(x: np.ndarray, kernels: str) -> None:
    network = Network.mlp((12, 8, 3), kernels=kernels)
    with pytest.raises(DataError, match=r"the images: .*expected float32 \([B5], 12\)"):
        network.forward(x, draw=None)
    network.forward(np.zeros((5, 12), np.float32), draw=None)
    with pytest.raises(DataError, match=r"dlogits: .*expected float32 \(5, 3\)"):
        network.backward(x)


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
def test_what_goes_back_belongs_to_the_batch_that_went_forward(kernels: str) -> None:
    """A kernel takes the number of rows from one array, and would go on beyond the end of a shorter one."""
    network = Network.mlp((12, 8, 3), kernels=kernels)
    with pytest.raises(DataError, match=r"dlogits: float32 \(5, 3\); expected float32 \(B, 3\)"):
        network.backward(np.zeros((5, 3), np.float32))  # nothing went forward
    network.forward(np.zeros((128, 12), np.float32), draw=None)
    with pytest.raises(DataError, match=r"dlogits: float32 \(64, 3\); expected float32 \(128, 3\)"):
        network.backward(np.zeros((64, 3), np.float32))
    with pytest.raises(DataError, match="the images"):
        network.forward(np.zeros((64, 11), np.float32), draw=None)
    with pytest.raises(DataError, match="dlogits"):
        network.backward(np.zeros((128, 3), np.float32))  # after a pass that failed the layers hold another batch


def test_an_array_that_cannot_be_written_is_refused_with_a_way_out() -> None:
    """Kernels are compiled for arrays that can be, and np.ascontiguousarray gives back the very same array."""
    network, x = Network.mlp((12, 8, 3)), np.random.default_rng(0).random((5, 12)).astype(np.float32)
    logits = network.forward(x, draw=None).copy()
    x.flags.writeable = False
    with pytest.raises(DataError, match=r'np.require\(x, np.float32, \("C", "W"\)\)'):
        network.forward(x, draw=None)
    np.testing.assert_array_equal(network.forward(np.require(x, np.float32, ("C", "W")), draw=None), logits)


class Resizing(Layer):
    """A learner's own layer whose y, or dx, has another shape than it should, or is not there at all."""

    def __init__(self, y: tuple[int, int] | None, dx: tuple[int, int] | None) -> None:
        super().__init__()
        self.y, self.dx = (None if shape is None else np.zeros(shape, np.float32) for shape in (y, dx))

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        return self.y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        return self.dx


@pytest.mark.parametrize("kernels", ["numba", "textbook"])
@pytest.mark.parametrize("shape", [(5, 4), (5, 2), (6, 3), (4, 3), None], ids=str)
def test_a_learners_layer_of_other_shapes_than_it_says_is_named(shape: tuple[int, int] | None, kernels: str) -> None:
    """Dense takes its sizes from what it is given: another width would read, and write, beyond its weights."""
    found = "NoneType" if shape is None else rf"float32 \({shape[0]}, {shape[1]}\)"
    x, dlogits = np.zeros((5, 4), np.float32), np.zeros((5, 2), np.float32)
    network = Network([Dense(4, 3), Resizing(shape, (5, 3)), Dense(3, 2)], 4, kernels=kernels)
    with pytest.raises(DataError, match=rf"the output of layer 1, .*: {found}; expected float32 \(5, 3\)"):
        network.forward(x, draw=None)
    network = Network([Dense(4, 3), Resizing((5, 3), shape), Dense(3, 2)], 4, kernels=kernels)
    network.forward(x, draw=None)
    with pytest.raises(DataError, match=rf"dx of layer 1, .*: {found}; expected float32 \(5, 3\)"):
        network.backward(dlogits)
    network = Network([Dense(4, 3), Resizing((5, 3), (5, 3)), Dense(3, 2)], 4, kernels=kernels)
    network.forward(x, draw=None)
    network.backward(dlogits)


def test_a_learners_layer_that_changes_the_type_is_named() -> None:
    class Widening(Doubling):
        def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
            return super().forward(x, draw=draw).astype(np.float64)

    network = Network([Dense(4, 3), Widening(), Dense(3, 2)], 4)
    with pytest.raises(DataError, match=r"the output of layer 1, .*float64.*expected float32"):
        network.forward(np.zeros((5, 4), np.float32), draw=None)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Network([Dense(4, 3), Dense(4, 2)], 4), "takes 4 inputs and is given 3"),
        (lambda: Network([Dense(4, 3)], 5), "takes 4 inputs and is given 5"),
        (lambda: Network([ReLU()], 4), "nothing to learn"),
        (lambda: Network([], 4), "nothing to learn"),
        (lambda: Network([Dense(2, 2)], 2, dtype=np.float64), "use kernels textbook"),
        (lambda: Network([Dense(2, 2)], 2, kernels="cuda"), "expected one of numba, textbook"),
        (lambda: Network([Dense(2, 2)], 2, seed=-1), "seed"),
        (lambda: Network([Dense(2, 2)], 2, dtype=np.float16, kernels="textbook"), "float16"),
        (lambda: Network([layer := Dense(2, 2), layer], 2), "part of a network already"),
        (lambda: Network.mlp((4,)), "expected at least"),
        (lambda: Network.mlp((4, 0, 2)), "at least 1"),
        (lambda: Network.mlp((4, 3, 2), activation="swish"), "unknown activation 'swish'"),
        (lambda: Network.mlp((4, 3, 2), dropout=(0.1, 0.2)), "2 drop rates for 1 hidden"),
        (lambda: Network.mlp((4, 3, 2), dropout=1.0), "less than 1"),
        (lambda: Network.mlp((4, 3, 2), initializer="zeros"), "unknown initializer"),
        (lambda: Dropout(float("nan")), "less than 1"),
        (lambda: Adam(None, np.zeros(1), epsilon_form="keras"), "tensorflow or pytorch"),
        (lambda: SGD(None, np.zeros(1), momentum=1), "less than 1"),
    ],
)
def test_what_no_network_can_be_is_refused_with_a_reason(build: object, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        build()


def test_a_twin_computes_the_same_and_shares_nothing() -> None:
    network = Network.mlp((6, 5, 4, 3), dropout=0.5, seed=3, kernels="textbook")
    x, dlogits = np.random.default_rng(0).random((7, 6)), np.random.default_rng(1).random((7, 3))
    logits = network.forward(x.astype(np.float32), draw=Draw(0, 0)).copy()
    twin = network.twin(kernels="textbook", dtype=np.float64)
    assert [repr(layer) for layer in twin.layers] == [repr(layer) for layer in network.layers]
    assert (twin.architecture, twin.seed, twin.dtype) == (network.architecture, 3, np.float64)
    np.testing.assert_allclose(twin.forward(x, draw=Draw(0, 0)), logits, rtol=1e-5, atol=1e-6)
    twin.backward(dlogits)
    assert twin.gradients.any()
    twin.parameters[:] = 7
    assert not network.gradients.any()
    assert network.parameters.max() < 7
    np.testing.assert_array_equal(network.forward(x.astype(np.float32), draw=Draw(0, 0)), logits)
    assert not any(
        np.shares_memory(ours, theirs)
        for layer, other in zip(network.layers, twin.layers, strict=True)
        for ours in layer._buffers.values() for theirs in other._buffers.values()
    )  # fmt: skip
