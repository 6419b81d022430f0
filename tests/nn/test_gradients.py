"""Is backward the derivative of forward? Central differences in float64 know nothing of the chain rule.

    dL/dp = (L(p + h) - L(p - h)) / 2h + O(h²)

with h = 1e-5, where the cut-off error (about h² = 1e-10) and the rounding of L (about 1e-16 / h) are both small.
And the compiled kernels in float32 against the textbook in float64.
"""

import numpy as np
import pytest

from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.randomness import Draw

H = 1e-5
BATCH, SIZES = 7, (11, 8, 6, 5)


def problem(activation: str, dropout: float, **kwargs: object) -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    network = Network.mlp(SIZES, activation=activation, dropout=dropout, bias=0.1, **kwargs)
    return network, rng.random((BATCH, SIZES[0])), rng.integers(0, SIZES[-1], BATCH)


def loss_of(network: Network, x: np.ndarray, labels: np.ndarray, draw: Draw | None) -> float:
    return cross_entropy(network.kernels, network.forward(x, draw=draw), labels)[0]


def numeric_gradient(values: np.ndarray, loss: object) -> np.ndarray:
    """Each entry of `values` nudged up and down by H, everything else held."""
    gradient, flat = np.empty(values.size), values.reshape(-1)
    for i, kept in enumerate(flat.copy()):
        flat[i] = kept + H
        up = loss()
        flat[i] = kept - H
        gradient[i] = (up - loss()) / (2 * H)
        flat[i] = kept
    return gradient.reshape(values.shape)


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_every_gradient_is_the_slope_of_the_loss(activation: str, dropout: float) -> None:
    network, x, labels = problem(activation, dropout, kernels="textbook", dtype=np.float64)
    draw = Draw(seed=1, step=2)  # the same masks at each call: a draw has no state
    _, dlogits = cross_entropy(network.kernels, network.forward(x, draw=draw), labels)
    dx = network.backward(dlogits, to_input=True)
    checked = [("x", x, dx), *network.tensors()]
    for name, values, gradient in [(name, values, gradient.copy()) for name, values, gradient in checked]:
        assert np.count_nonzero(gradient) > 0, f"{name}: nothing but zeros can't be checked"
        numeric = numeric_gradient(values, lambda: loss_of(network, x, labels, draw))
        assert relative_error(gradient, numeric) < 1e-6, name


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid"])
def test_float32_kernels_agree_with_the_float64_textbook(activation: str, dropout: float) -> None:
    exact, x, labels = problem(activation, dropout, kernels="textbook", dtype=np.float64)
    fast, _, _ = problem(activation, dropout, kernels="numba")
    draw = Draw(seed=1, step=2)
    losses = []
    for network in (exact, fast):
        logits = network.forward(x.astype(network.dtype), draw=draw)
        loss, dlogits = cross_entropy(network.kernels, logits, labels)
        network.backward(dlogits)
        losses.append(loss)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    for (name, _, wanted), (_, _, found) in zip(exact.tensors(), fast.tensors(), strict=True):
        assert relative_error(found, wanted) < 1e-5, name


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_gradient_has_the_shape_of_its_variable(dropout: float, kernels: str) -> None:
    network, x, _ = problem("relu", dropout, kernels=kernels)
    x = x.astype(np.float32)
    for layer in network.layers:
        y = layer.forward(x, draw=Draw(0, 0))
        dx = layer.backward(np.ones_like(y))
        assert dx is not None
        assert dx.shape == x.shape
        for name, shape in layer.parameter_shapes().items():
            assert getattr(layer, name).shape == getattr(layer, f"d{name}").shape == shape
        x = y.copy()
    assert network.gradients.shape == network.parameters.shape


def test_a_gradient_nobody_asks_for_is_not_computed() -> None:
    network, x, labels = problem("relu", 0.0, kernels="textbook")
    _, dlogits = cross_entropy(network.kernels, network.forward(x.astype(np.float32), draw=None), labels)
    assert network.backward(dlogits) is None
    assert "dx" not in network.layers[0]._buffers
