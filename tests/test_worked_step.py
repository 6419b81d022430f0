"""One whole training step by hand. Start here: everything else in the package is this, with more numbers.

A network of 2 inputs, 2 ReLU units and 2 classes sees one image, x = (1, 2), of class 0.

    forward    z = x @ w1 + b1    = (1*1 + 2*1, 1*-1 + 2*0) + (0, 0)          = (3, -1)
               h = relu(z)                                                    = (3, 0)
               logits = h @ w2 + b2 = (3*1 + 0*2, 3*2 + 0*-1) + (3, 0)        = (6, 6)
               p = softmax(logits), two equal logits                          = (1/2, 1/2)
               loss = -log p[0] = log 2                                       = 0.6931…
    backward   dlogits = p - (1, 0)                                           = (-1/2, 1/2)
               dw2 = h' dlogits = ((3*-1/2, 3*1/2), (0, 0))                   = ((-1.5, 1.5), (0, 0))
               db2 = dlogits                                                  = (-1/2, 1/2)
               dh = dlogits @ w2' = (-1/2*1 + 1/2*2, -1/2*2 + 1/2*-1)         = (1/2, -3/2)
               dz = dh where z > 0, else 0                                    = (1/2, 0)
               dw1 = x' dz = ((1*1/2, 0), (2*1/2, 0))                         = ((1/2, 0), (1, 0))
               db1 = dz                                                       = (1/2, 0)
               dx = dz @ w1' = (1/2*1 + 0*-1, 1/2*1 + 0*0)                    = (1/2, 1/2)
    update     with plain gradient descent and a learning rate of 0.1, each number less a tenth of its gradient:
               w1 = ((0.95, -1), (0.9, 0))      b1 = (-0.05, 0)
               w2 = ((1.15, 1.85), (2, -1))     b2 = (3.05, -0.05)
    again      z[0] = 0.95 + 2*0.9 - 0.05 = 2.7, logits = (2.7*1.15 + 3.05, 2.7*1.85 - 0.05) = (6.155, 4.945)
               loss = log(1 + exp(4.945 - 6.155)) = log(1 + exp(-1.21))       = 0.26098…
"""

import math

import numpy as np
import pytest

from numnet.nn.layers import Dense, ReLU
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam

X = [[1.0, 2.0]]
LABELS = np.array([0])


@pytest.fixture(params=["textbook", "numba"])
def network(request: pytest.FixtureRequest) -> Network:
    network = Network([Dense(2, 2), ReLU(), Dense(2, 2)], 2, kernels=request.param)
    first, _, last = network.layers
    first.w[:], first.b[:] = [[1, -1], [1, 0]], [0, 0]
    last.w[:], last.b[:] = [[1, 2], [2, -1]], [3, 0]
    return network


def forward(network: Network, images: list) -> tuple[float, np.ndarray]:
    x = np.array(images, network.dtype)
    labels = np.zeros(len(images), np.uint8)
    return cross_entropy(network.kernels, network.forward(x, draw=None), labels)


def test_forward(network: Network) -> None:
    loss, dlogits = forward(network, X)
    assert loss == pytest.approx(math.log(2))
    np.testing.assert_allclose(dlogits, [[-0.5, 0.5]])


def test_backward(network: Network) -> None:
    _, dlogits = forward(network, X)
    dx = network.backward(dlogits, to_input=True)
    first, _, last = network.layers
    np.testing.assert_allclose(last.dw, [[-1.5, 1.5], [0, 0]])
    np.testing.assert_allclose(last.db, [-0.5, 0.5])
    np.testing.assert_allclose(first.dw, [[0.5, 0], [1, 0]])
    np.testing.assert_allclose(first.db, [0.5, 0])
    np.testing.assert_allclose(dx, [[0.5, 0.5]])


def test_update(network: Network) -> None:
    _, dlogits = forward(network, X)
    network.backward(dlogits)
    optimizer = SGD(network.kernels, network.parameters, momentum=0.0)
    optimizer.update(network.parameters, network.gradients, step=0, learning_rate=0.1)
    first, _, last = network.layers
    np.testing.assert_allclose(first.w, [[0.95, -1], [0.9, 0]], rtol=1e-6)
    np.testing.assert_allclose(first.b, [-0.05, 0], rtol=1e-6)
    np.testing.assert_allclose(last.w, [[1.15, 1.85], [2, -1]], rtol=1e-6)
    np.testing.assert_allclose(last.b, [3.05, -0.05], rtol=1e-6)
    loss, _ = forward(network, X)
    assert loss == pytest.approx(math.log(1 + math.exp(-1.21)), rel=1e-6)


def test_the_same_image_four_times_has_the_same_mean_loss_and_the_same_gradients(network: Network) -> None:
    """1/B enters once, in dlogits; the sums over four equal examples take it out again."""
    loss, dlogits = forward(network, X * 4)
    np.testing.assert_allclose(dlogits, [[-0.125, 0.125]] * 4)
    network.backward(dlogits)
    assert loss == pytest.approx(math.log(2))
    np.testing.assert_allclose(network.layers[0].dw, [[0.5, 0], [1, 0]])
    np.testing.assert_allclose(network.layers[2].db, [-0.5, 0.5])


def test_momentum_by_hand() -> None:
    """Gradient 1 three times, momentum 0.5, rate 0.1: velocity 1, 1.5, 1.75; so w = 1 - 0.1 * 4.25 = 0.575."""
    w, dw = np.ones(1), np.ones(1)
    from numnet.kernels import load_kernels

    sgd = SGD(load_kernels("textbook"), w, momentum=0.5)
    for step in range(3):
        sgd.update(w, dw, step=step, learning_rate=0.1)
    assert w[0] == pytest.approx(0.575)


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
@pytest.mark.parametrize(
    ("form", "after_one"),
    [
        # m = 0.1 * 0.5 = 0.05, v = 0.001 * 0.25 = 0.00025; corrected: m = 0.5, v = 0.25, its root 0.5
        ("pytorch", 1 - 0.1 * 0.5 / (0.5 + 0.01)),
        # rate 0.1 * sqrt(0.001) / 0.1 = 0.0316228; root of v 0.0158114
        ("tensorflow", 1 - 0.0316228 * 0.05 / (0.0158114 + 0.01)),
    ],
)
def test_three_adam_steps_by_hand(kernels: str, form: str, after_one: float) -> None:
    """Gradients 0.5, -0.25, 1 with rate 0.1 and an epsilon of 0.01, large enough to tell its two places apart."""
    from numnet.kernels import load_kernels

    w = np.ones(1, np.float32)
    adam = Adam(load_kernels(kernels), w, epsilon=0.01, epsilon_form=form)
    expected, m, v = 1.0, 0.0, 0.0
    for t, gradient in enumerate((0.5, -0.25, 1.0), start=1):
        adam.update(w, np.array([gradient], np.float32), step=t - 1, learning_rate=0.1)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        root = math.sqrt(1 - 0.999**t)
        if form == "pytorch":
            expected -= 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v) / root + 0.01)
        else:
            expected -= 0.1 * root / (1 - 0.9**t) * m / (math.sqrt(v) + 0.01)
        assert w[0] == pytest.approx(expected, rel=1e-5)
        if t == 1:
            assert w[0] == pytest.approx(after_one, rel=1e-5)
