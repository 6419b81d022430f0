"""The same weights and batches through numnet, PyTorch and TensorFlow: 20 steps, losses, gradients, parameters.

The frameworks' numbers were recorded by record.py. In float64 numnet's textbook must agree to rounding; its compiled
kernels, in float32, must agree as well as TensorFlow's own float32 does, within a factor of a few.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from numnet.nn.layers import Layer
from numnet.nn.layers import multilayer_perceptron as perceptron
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.nn.optim import SGD, Adam, Optimizer
from numnet.randomness import Draw

sys.path.insert(0, str(Path(__file__).parent))
import problem

RECORDED = json.loads((Path(__file__).parent / "frameworks.json").read_text())

# float32: 20 steps of rounding at 6e-8 each; TensorFlow's float32 is up to 2e-6 from its own float64 here
TOLERANCE = {"textbook": 1e-12, "numba": 5e-6}


def build(net: str, kernels: str) -> Network:
    activation, dropout = problem.NETS[net]
    sizes = (problem.INPUTS, *problem.HIDDEN, problem.CLASSES)
    rates = (0.0, problem.DROP_RATE if dropout else 0.0)
    dtype = np.float64 if kernels == "textbook" else np.float32
    network = Network(perceptron(sizes, activation, rates), sizes[0], kernels=kernels, dtype=dtype)
    for name, values in named(network, problem.initial_parameters()):
        name[:] = values
    return network


def named(network: Network, values: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    dense = [layer for layer in network.layers if layer.parameter_shapes()]
    return [(getattr(dense[int(name[1:]) - 1], name[0]), array) for name, array in values.items()]


def tensors(network: Network, prefix: str = "") -> dict[str, np.ndarray]:
    dense: list[Layer] = [layer for layer in network.layers if layer.parameter_shapes()]
    return {f"{name}{i}": getattr(layer, prefix + name) for i, layer in enumerate(dense, 1) for name in ("w", "b")}


class RecordedMask(Draw):
    """Draws the recorded mask instead of one of our own."""

    def keep_mask(self, layer: int, shape: tuple[int, ...], drop_rate: float) -> np.ndarray:
        return problem.keep_mask(self.step)


def optimizer_for(name: str, framework: str, network: Network) -> Optimizer:
    numbers = problem.OPTIMIZERS[name]
    if name == "momentum":
        return SGD(network.kernels, network.parameters, momentum=numbers["momentum"])
    return Adam(network.kernels, network.parameters, epsilon=numbers["eps"], epsilon_form=framework)


def take_step(network: Network, step: int) -> float:
    images, labels = problem.batch(step, network.dtype)
    loss, dlogits = cross_entropy(network.kernels, network.forward(images, draw=RecordedMask(0, step)), labels)
    network.backward(dlogits)
    return loss


def test_the_problem_is_the_recorded_one() -> None:
    assert problem.fingerprint() == RECORDED["problem"]


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
@pytest.mark.parametrize("net", problem.NETS)
def test_gradients_of_the_first_step(net: str, kernels: str) -> None:
    network = build(net, kernels)
    take_step(network, 0)
    for name, gradient in tensors(network, "d").items():
        recorded = RECORDED["gradients"][net][name]
        assert problem.distance(problem.summary(gradient), recorded) < TOLERANCE[kernels], name


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
@pytest.mark.parametrize("optimizer", problem.OPTIMIZERS)
@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
@pytest.mark.parametrize("net", problem.NETS)
def test_twenty_steps(net: str, framework: str, optimizer: str, kernels: str) -> None:
    network = build(net, kernels)
    updater = optimizer_for(optimizer, framework, network)
    recorded = RECORDED["runs"][f"{framework}_float64"][optimizer][net]
    for step in range(problem.STEPS):
        loss = take_step(network, step)
        assert loss == pytest.approx(recorded["losses"][step], rel=TOLERANCE[kernels]), f"step {step}"
        rate = problem.OPTIMIZERS[optimizer]["lr"]
        updater.update(network.parameters, network.gradients, step=step, learning_rate=rate)
    for name, values in tensors(network).items():
        assert problem.distance(problem.summary(values), recorded["parameters"][name]) < TOLERANCE[kernels], name
