"""The optimizers: how a gradient changes the parameters.

An optimizer remembers flat vectors as long as the parameters, in `vectors`, and nothing else: which step it is, the
caller says. So a run can be kept and resumed.
"""

from typing import Protocol

import numpy as np

from numnet.errors import RecipeError
from numnet.kernels import FloatArray, Kernels


class Optimizer(Protocol):
    """What a training loop asks of an optimizer."""

    vectors: dict[str, FloatArray]

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        """Change the parameters w in place, given their gradient dw; both float (P,); step counts from 0."""


class SGD:
    """Gradient descent with momentum: w -= learning_rate * velocity, velocity = momentum * velocity + dw.

    momentum : 0 <= momentum < 1; 0 is plain gradient descent
    """

    def __init__(self, kernels: Kernels, w: FloatArray, *, momentum: float = 0.9) -> None:
        if not 0 <= momentum < 1:
            raise RecipeError(f"a momentum of {momentum}: expected at least 0 and less than 1")
        self.kernels, self.momentum = kernels, momentum
        self.vectors = {"velocity": np.zeros_like(w)}

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        self.kernels.sgd(w, dw, self.vectors["velocity"], learning_rate, self.momentum)


class Adam:
    """Adam: each parameter's step is its mean gradient over the root of its mean squared gradient.

        m = beta1 * m + (1 - beta1) * dw          v = beta2 * v + (1 - beta2) * dw²

    Both means start at 0 and so are too small at first, by 1 - beta^t at step t = 1, 2, …. Dividing that out gives
    two forms, which differ only in what `epsilon` is added to:

        pytorch      w -= learning_rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
        tensorflow   w -= learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)

    The second is "epsilon hat" in Kingma and Ba 2015, end of section 2. Taking sqrt(1 - beta2^t) out of the first
    form's bottom makes it the second with a smaller epsilon, so one kernel computes both.

    epsilon_form : "tensorflow" or "pytorch"
    """

    beta1, beta2 = 0.9, 0.999  # the paper's own, which nobody changes for a network of this kind

    def __init__(
        self, kernels: Kernels, w: FloatArray, *, epsilon: float = 1e-8, epsilon_form: str = "tensorflow"
    ) -> None:
        if epsilon_form not in ("tensorflow", "pytorch"):
            raise RecipeError(f"unknown epsilon form {epsilon_form!r}: expected tensorflow or pytorch")
        self.kernels, self.epsilon, self.epsilon_form = kernels, epsilon, epsilon_form
        self.vectors = {"m": np.zeros_like(w), "v": np.zeros_like(w)}

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        t = step + 1
        root = float(np.sqrt(1 - self.beta2**t))
        step_size = learning_rate * root / (1 - self.beta1**t)
        epsilon = self.epsilon * root if self.epsilon_form == "pytorch" else self.epsilon
        self.kernels.adam(w, dw, self.vectors["m"], self.vectors["v"], step_size, self.beta1, self.beta2, epsilon)


OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
