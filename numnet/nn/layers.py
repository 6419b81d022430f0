"""The layers: each one a function y = f(x), and beside it how a gradient goes back through it.

    x (B, D) --forward--> y (B, H)        dx (B, D) <--backward-- dy (B, H)

`backward` takes dy = dL/dy, writes the gradients of the layer's own parameters, and returns dx = dL/dx: the
chain rule, one link at a time. Each of its lines stands under the forward line that it inverts.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from numnet.errors import RecipeError
from numnet.kernels import FloatArray, Kernels
from numnet.nn.initializers import INITIALIZERS
from numnet.randomness import Draw


class Layer:
    """One layer; subclass it with your own `forward` and `backward` to add another kind.

    A subclass with an __init__ of its own calls `super().__init__()` there, and one whose y is not as wide as its x
    says how wide in `outputs_for`.

    A network that takes a layer in sets `kernels`, `dtype` and `index` (its place, from 0), and for each name in
    `parameter_shapes()`, say w, the attributes `w` and `dw`: views of the network's two flat vectors.
    """

    kernels: Kernels
    dtype: npt.DTypeLike
    index: int

    def __init__(self) -> None:
        self._buffers: dict[str, FloatArray] = {}

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        """y = f(x), float (B, H) for a float (B, D).

        draw : the randomness of a training step; None is evaluation
        """
        raise NotImplementedError

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        """dx, float (B, D), for dy, float (B, H), of the last `forward`; fills the parameters' gradients.

        need_dx : False where nobody asks for dx, which then is None
        """
        raise NotImplementedError

    def outputs_for(self, inputs: int) -> int:
        """H, the width of y for an x of width `inputs`; raises RecipeError where they don't fit."""
        return inputs

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of each parameter: a matrix is a weight, a vector a bias."""
        return {}

    def initialize(self, seed: int) -> None:
        """Give the parameters the values that training starts from."""

    def flops(self, inputs: int) -> int:
        """Floating-point operations of one example's forward pass, products only."""
        return 0

    def buffer(self, name: str, *shape: int) -> FloatArray:
        """An array of this layer's, kept from step to step so that a step allocates nothing.

        Its rows are the first ones of the largest batch so far; what they held before is still in them.
        """
        kept = self._buffers.get(name)
        if kept is None or kept.dtype != self.dtype or len(kept) < shape[0] or kept.shape[1:] != shape[1:]:
            kept = self._buffers[name] = np.empty(shape, self.dtype)
        return kept[: shape[0]]

    def forget_buffers(self) -> None:
        """Share no buffer with the layer that this one was copied from."""
        self._buffers = {}


class Dense(Layer):
    """y = x @ w + b: every output a weighted sum of all inputs.

    inputs, outputs : D and H, both at least 1
    initializer : the name of the weights' distribution, one of INITIALIZERS
    bias : the value that every bias starts from
    """

    w: FloatArray  # float (D, H)
    b: FloatArray  # float (H,)
    dw: FloatArray  # float (D, H)
    db: FloatArray  # float (H,)

    def __init__(self, inputs: int, outputs: int, *, initializer: str = "he", bias: float = 0.0) -> None:
        super().__init__()
        if inputs < 1 or outputs < 1:
            raise RecipeError(f"a dense layer of {inputs} inputs and {outputs} outputs: both must be at least 1")
        if initializer not in INITIALIZERS:
            raise RecipeError(f"unknown initializer {initializer!r}: expected one of {', '.join(INITIALIZERS)}")
        self.inputs, self.outputs = inputs, outputs
        self.initializer, self.bias = initializer, bias

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        self.x = x
        y = self.buffer("y", len(x), self.outputs)
        self.kernels.matmul(x, self.w, self.b, out=y)
        return y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        # y = x @ w + b    =>    dw = x.T @ dy
        self.kernels.matmul_at(self.x, dy, out=self.dw)
        # y = x @ w + b    =>    db = the sum of dy over the examples
        self.kernels.sum_rows(dy, out=self.db)
        if not need_dx:
            return None
        # y = x @ w + b    =>    dx = dy @ w.T
        dx = self.buffer("dx", len(dy), self.inputs)
        self.kernels.matmul_bt(dy, self.w, out=dx)
        return dx

    def outputs_for(self, inputs: int) -> int:
        if inputs != self.inputs:
            raise RecipeError(f"{self} takes {self.inputs} inputs and is given {inputs}")
        return self.outputs

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.inputs, self.outputs), "b": (self.outputs,)}

    def initialize(self, seed: int) -> None:
        self.w[:] = INITIALIZERS[self.initializer](seed, self.index, self.inputs, self.outputs)
        self.b[:] = self.bias

    def flops(self, inputs: int) -> int:
        return 2 * self.inputs * self.outputs

    def __repr__(self) -> str:
        return f"Dense({self.inputs}, {self.outputs})"


class ReLU(Layer):
    """y = max(x, 0). Without it, or another activation, dense layers in a row are one dense layer."""

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        self.y = self.buffer("y", *x.shape)
        self.kernels.relu(x, out=self.y)
        return self.y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        # y = max(x, 0)    =>    dx = dy where y > 0
        dx = self.buffer("dx", *dy.shape)
        self.kernels.relu_backward(dy, self.y, out=dx)
        return dx

    def __repr__(self) -> str:
        return "ReLU()"


class Tanh(Layer):
    """y = tanh(x), between -1 and 1."""

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        self.y = self.buffer("y", *x.shape)
        self.kernels.tanh(x, out=self.y)
        return self.y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        # y = tanh(x)    =>    dx = dy * (1 - y²)
        dx = self.buffer("dx", *dy.shape)
        self.kernels.tanh_backward(dy, self.y, out=dx)
        return dx

    def __repr__(self) -> str:
        return "Tanh()"


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), between 0 and 1."""

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        self.y = self.buffer("y", *x.shape)
        self.kernels.sigmoid(x, out=self.y)
        return self.y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        # y = 1 / (1 + exp(-x))    =>    dx = dy * y * (1 - y)
        dx = self.buffer("dx", *dy.shape)
        self.kernels.sigmoid_backward(dy, self.y, out=dx)
        return dx

    def __repr__(self) -> str:
        return "Sigmoid()"


class Dropout(Layer):
    """In training each number is dropped (made 0) with probability `drop_rate`, and the others scaled up.

    The scale 1 / (1 - drop_rate) keeps the expected value of y equal to x, so evaluation is the identity.
    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    drop_rate : 0 <= drop_rate < 1; in other programs it is the share that is kept
    """

    def __init__(self, drop_rate: float) -> None:
        super().__init__()
        if not 0 <= drop_rate < 1:
            raise RecipeError(f"a drop rate of {drop_rate}: expected at least 0 and less than 1")
        self.drop_rate = drop_rate
        self.mask: npt.NDArray[np.bool_] | None = None
        self.scale = 1 / (1 - drop_rate)

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        if draw is None:
            self.mask = None
            return x
        self.mask = draw.keep_mask(self.index, x.shape, self.drop_rate)
        y = self.buffer("y", *x.shape)
        self.kernels.scale_by_mask(x, self.mask, self.scale, out=y)
        return y

    def backward(self, dy: FloatArray, *, need_dx: bool = True) -> FloatArray | None:
        if self.mask is None:
            return dy
        # y = x * mask * scale    =>    dx = dy * mask * scale, with the very same mask
        dx = self.buffer("dx", *dy.shape)
        self.kernels.scale_by_mask(dy, self.mask, self.scale, out=dx)
        return dx

    def __repr__(self) -> str:
        return f"Dropout({self.drop_rate:g})"


ACTIVATIONS: dict[str, type[Layer] | None] = {"linear": None, "relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


def multilayer_perceptron(
    sizes: tuple[int, ...], activation: str, drop_rates: tuple[float, ...], **dense: Any
) -> list[Layer]:
    """The layers of a perceptron: Dense, activation, Dropout, and so on, and a last Dense for the logits.

    sizes : D, the hidden widths, C
    activation : one of ACTIVATIONS; linear is none at all
    drop_rates : one for each hidden layer; 0 is no Dropout
    dense : what each Dense is given besides (initializer, bias)
    """
    if activation not in ACTIVATIONS:
        raise RecipeError(f"unknown activation {activation!r}: expected one of {', '.join(ACTIVATIONS)}")
    if len(drop_rates) != len(sizes) - 2:
        raise RecipeError(f"{len(drop_rates)} drop rates for {len(sizes) - 2} hidden layers: expected one for each")
    layers: list[Layer] = []
    for inputs, outputs, drop_rate in zip(sizes[:-2], sizes[1:-1], drop_rates, strict=True):
        layers.append(Dense(inputs, outputs, **dense))
        if (kind := ACTIVATIONS[activation]) is not None:
            layers.append(kind())
        if drop_rate:
            layers.append(Dropout(drop_rate))
    return [*layers, Dense(sizes[-2], sizes[-1], **dense)]
