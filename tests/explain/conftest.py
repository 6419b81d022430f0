"""What tests of explanations share: small scenes, of images of which half the numbers are zero."""

from collections.abc import Callable

import numpy as np
import pytest

from numnet.explain.scene import Scene
from numnet.nn.aids import Aids, aided
from numnet.nn.network import Network
from numnet.nn.optim import OPTIMIZERS

SIZES = (12, 9, 9, 5)
BATCH = 6


def make_scene(
    activation: str = "relu", dropout: float = 0.0, optimizer: str = "adam", seed: int = 0, step: int = 3,
    sizes: tuple[int, ...] = SIZES, batch: int = BATCH, smoothing: float = 0.0, **aids: float,
) -> Scene:  # fmt: skip
    """A network amid its training: weights that are nothing special, an optimizer that remembers something."""
    rng = np.random.default_rng(seed)
    network = Network.mlp(
        sizes, activation=activation, dropout=dropout, bias=0.1, seed=seed, kernels="textbook", dtype=np.float64
    )
    plain = OPTIMIZERS[optimizer](network.kernels, network.parameters)
    kept = aided(plain, network.kernels, network.parameters, len(network.weights), Aids(**aids))
    for name, vector in kept.vectors.items():
        vector[:] = rng.standard_normal(vector.shape) * 0.01
        if name == "v":
            vector[:] = vector**2
    images = (rng.integers(0, 256, (batch, sizes[0])) * (rng.random((batch, sizes[0])) < 0.5)).astype(np.uint8)
    labels = rng.integers(0, sizes[-1], batch).astype(np.uint8)
    return Scene("a test", network, images, labels, step, seed, kept, 1e-3, smoothing)


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """`scene("relu", dropout=0.3)`: one of your own."""
    return make_scene
