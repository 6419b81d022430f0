"""The network: layers in a row, their parameters in one flat vector, their gradients in another.

    parameters (P,)   [ w of layer 0 | w of layer 1 | …  |  b of layer 0 | b of layer 1 | … ]
    gradients  (P,)   [ dw          | dw           | …  |  db           | db           | … ]

Layers hold views of these. So an optimizer is one pass over two vectors, a file is a few vectors, weight decay
is one slice (`weights`), and adding up gradients over processes is one call.
"""

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numnet.errors import DataError, RecipeError
from numnet.kernels import FloatArray, load_kernels
from numnet.nn.layers import Layer, multilayer_perceptron
from numnet.nn.loss import softmax
from numnet.randomness import Draw

PREDICT_ROWS = 1000  # images that `predict` takes at a time: products at full speed, buffers of a few MB


@dataclass(frozen=True)
class _Slot:
    """Where in the flat vectors one parameter lies."""

    layer: Layer
    name: str
    shape: tuple[int, ...]
    start: int

    def view(self, vector: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return vector[self.start : self.start + math.prod(self.shape)].reshape(self.shape)


class Network:
    """A feed-forward network from images to logits.

    layers : the layers in order; their sizes must chain
    inputs : D, the numbers in an image
    kernels : "numba" (float32 only) or "textbook" (float32 or float64)
    seed : which initial weights, 0 .. 2**64 - 1

    Raises RecipeError where sizes don't chain or the kernels can't do the dtype.
    """

    _rows: int | None = None  # of the last `forward`, and what `backward` then must be given

    def __init__(
        self,
        layers: Sequence[Layer],
        inputs: int,
        *,
        seed: int = 0,
        kernels: str = "numba",
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise RecipeError(f"a network of {np.dtype(dtype)}: expected float32 or float64")
        if kernels == "numba" and np.dtype(dtype) != np.float32:
            raise RecipeError(f"kernels numba work in float32, not in {np.dtype(dtype)}: use kernels textbook")
        if not 0 <= seed < 2**64:
            raise RecipeError(f"seed {seed}: expected 0 to 2**64 - 1")
        self.layers, self.inputs, self.seed = list(layers), inputs, seed
        self.architecture: dict[str, Any] | None = None  # what `mlp` was given, so that a file can say it
        self.kernels_name, self.kernels, self.dtype = kernels, load_kernels(kernels), np.dtype(dtype)
        self._chain()
        self._lay_out_parameters()
        for layer in self.layers:
            layer.initialize(seed)

    @classmethod
    def mlp(
        cls,
        sizes: Sequence[int],
        *,
        activation: str = "relu",
        dropout: Sequence[float] | float = 0.0,
        initializer: str = "he",
        bias: float = 0.0,
        seed: int = 0,
        kernels: str = "numba",
        dtype: npt.DTypeLike = np.float32,
    ) -> "Network":
        """A multilayer perceptron.

        sizes : inputs, hidden widths, classes, such as (784, 512, 256, 128, 10)
        activation : "linear" (none), "relu", "tanh" or "sigmoid"
        dropout : one drop rate for all hidden layers, or one for each
        initializer, bias : what weights and biases start from
        """
        if len(sizes) < 2:
            raise RecipeError(f"sizes {tuple(sizes)}: expected at least the inputs and the classes")
        rates = (dropout,) * (len(sizes) - 2) if isinstance(dropout, int | float) else tuple(dropout)
        layers = multilayer_perceptron(tuple(sizes), activation, rates, initializer=initializer, bias=bias)
        network = cls(layers, sizes[0], seed=seed, kernels=kernels, dtype=dtype)
        network.architecture = {
            "sizes": [int(size) for size in sizes],
            "activation": activation,
            "dropout": [float(rate) for rate in rates],
            "initializer": initializer,
            "bias": bias,
        }
        return network

    def forward(self, x: FloatArray, *, draw: Draw | None) -> FloatArray:
        """Logits, float (B, C), for images x, float (B, D) of 0..1.

        draw : the randomness of a training step; None is evaluation
        The result, like every buffer of a network, is overwritten by the next call: threads need a network each.
        Raises DataError unless x is of the network's width and type, and what each layer gives of that layer's.
        """
        rows = len(x) if np.ndim(x) == 2 else None
        self._rows = None  # should a layer fail, those above it would go backward with another batch
        self._own(x, rows, self.inputs, "the images")
        for layer, width in zip(self.layers, self._widths[1:], strict=True):
            x = self._own(layer.forward(x, draw=draw), rows, width, "the output of layer", layer)
        self._rows = rows
        return x

    def backward(self, dlogits: FloatArray, *, to_input: bool = False) -> FloatArray | None:
        """Fill `gradients` with dL/dparameters, given dL/dlogits, float (B, C), for the last `forward`.

        to_input : go on to the images and return dL/dx, float (B, D); training has no use for it
        Raises DataError unless dlogits has the logits' shape and type, and each layer's dx those of its x.
        """
        dy = self._own(dlogits, self._rows, self.classes, "dlogits")
        lowest = 0 if to_input else self._lowest_with_parameters
        for layer in reversed(self.layers[lowest:]):
            dx = layer.backward(dy, need_dx=to_input or layer.index > lowest)
            if layer.index == lowest and not to_input:
                return None
            dy = self._own(dx, self._rows, self._widths[layer.index], "dx of layer", layer)
        return dy

    def _own(self, x: Any, rows: int | None, width: int, name: str, layer: Layer | None = None) -> FloatArray:
        """x itself; raises DataError unless it is as the kernels, which check nothing, need it."""
        if isinstance(x, np.ndarray) and x.shape == (rows, width) and x.dtype == self.dtype and x.flags.carray:
            return x
        where = f"{name} {layer.index}, {layer!r}" if layer else name
        found = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise DataError(
            f"{where}: {found}; expected {self.dtype} ({'B' if rows is None else rows}, {width}), writeable, rows one "
            f'after the other (np.require(x, np.{self.dtype}, ("C", "W")) gives that, where the shape is right)'
        )

    def predict(self, images: npt.NDArray[np.generic]) -> FloatArray:
        """The probability of each class, float (N, C), for uint8 images (N, …) of 0..255 or floats of 0..1.

        One image may come without its first axis. Raises DataError where the images are of another size, type or range.
        """
        images = self.flat_images(images)
        out = np.empty((len(images), self.classes), self.dtype)
        for start in range(0, len(images), PREDICT_ROWS):
            rows = slice(start, start + PREDICT_ROWS)
            out[rows] = softmax(self.forward(self.to_floats(images[rows]), draw=None))
        return out

    def to_floats(self, images: npt.NDArray[np.generic]) -> FloatArray:
        """Images (B, D), uint8 of 0..255 or floats of 0..1, as the network's own floats of 0..1."""
        if images.dtype != np.uint8:
            return np.require(images, self.dtype, ("C", "W"))  # kernels are compiled for arrays that can be written
        floats = np.empty(images.shape, self.dtype)
        self.kernels.pixels_to_floats(np.require(images, None, ("C", "W")), floats)
        return floats

    def flat_images(self, images: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Images (N, …), or one of them, as (N, D); raises DataError where they are of another size, type or range."""
        images = np.asarray(images)
        if images.dtype != np.uint8 and images.dtype.kind != "f":
            raise DataError(f"images of {images.dtype}: expected uint8 of 0..255 or floats of 0..1")
        if images.dtype.kind == "f" and images.size and images.max() > 1:
            raise DataError(f"floats up to {images.max():g}: expected 0..1, divide by 255 or give uint8")
        if images.size == self.inputs and images.shape[:1] != (1,):
            images = images[None]
        if images.ndim < 2 or math.prod(images.shape[1:]) != self.inputs:
            raise DataError(f"images of shape {images.shape}: expected (N, …) with {self.inputs} numbers each")
        return images.reshape(len(images), self.inputs)

    def twin(self, *, kernels: str, dtype: npt.DTypeLike) -> "Network":
        """A network of its own with the same layers and parameters, by other kernels, in another type."""
        layers = [copy.copy(layer) for layer in self.layers]
        for layer in layers:
            del layer.index  # its place was in this network
            layer.forget_buffers()
        other = Network(layers, self.inputs, seed=self.seed, kernels=kernels, dtype=dtype)
        other.parameters[:], other.architecture = self.parameters, self.architecture
        return other

    @property
    def weights(self) -> FloatArray:
        """All weights and no bias: the first part of `parameters`, float."""
        return self.parameters[: self._weight_count]

    def view(self, vector: npt.NDArray[Any], layer: Layer, name: str) -> npt.NDArray[Any]:
        """The part of a vector as long as the parameters, (P,), that belongs to one of them, in its shape."""
        return next(slot.view(vector) for slot in self._slots if slot.layer is layer and slot.name == name)

    def tensors(self) -> Iterator[tuple[str, FloatArray, FloatArray]]:
        """Name ("layer 2 w"), values and gradient of each parameter, layer by layer."""
        for slot in sorted(self._slots, key=lambda slot: slot.layer.index):
            yield f"layer {slot.layer.index} {slot.name}", slot.view(self.parameters), slot.view(self.gradients)

    def parameters_sha256(self) -> str:
        """SHA-256, in hex, of the flat parameters as little-endian numbers: equal if and only if every bit is."""
        return hashlib.sha256(self.parameters.astype(self.dtype.newbyteorder("<"), copy=False).tobytes()).hexdigest()

    def summary(self) -> str:
        """A table: each layer's kind, output width, parameters and operations an image; the totals and the memory."""
        rows = [("layer", "kind", "output", "parameters", "MFLOP/image")]
        flops = [layer.flops(width) for layer, width in zip(self.layers, self._widths[:-1], strict=True)]
        for i, layer in enumerate(self.layers):
            count = sum(math.prod(shape) for shape in layer.parameter_shapes().values())
            rows.append((str(i), repr(layer), str(self._widths[i + 1]), f"{count:,}", f"{flops[i] / 1e6:.3f}"))
        rows.append(("", "in all", "", f"{len(self.parameters):,}", f"{sum(flops) / 1e6:.3f}"))
        table = [f"{a:>5}  {b:<18} {c:>7} {d:>12} {e:>12}" for a, b, c, d, e in rows]
        mebibytes = self.parameters.nbytes / 2**20
        return "\n".join([*table, f"parameters {mebibytes:.2f} MiB, and as much again for their gradients"])

    def _chain(self) -> None:
        """Give each layer its place, kernels and dtype, and see that its inputs are the outputs before it."""
        self._widths = [self.inputs]
        for index, layer in enumerate(self.layers):
            if hasattr(layer, "index"):
                raise RecipeError(f"{layer!r} is part of a network already, and its parameters are there: make another")
            layer.kernels, layer.dtype, layer.index = self.kernels, self.dtype, index
            self._widths.append(layer.outputs_for(self._widths[-1]))
        self.classes = self._widths[-1]

    def _lay_out_parameters(self) -> None:
        """Make the two flat vectors, weights first, and give each layer its views."""
        named = [(layer, name, shape) for layer in self.layers for name, shape in layer.parameter_shapes().items()]
        if not named:
            raise RecipeError("a network without parameters has nothing to learn: add a Dense layer")
        self._slots, self._weight_count, size = [], 0, 0
        for layer, name, shape in sorted(named, key=lambda entry: len(entry[2]) < 2):
            self._slots.append(_Slot(layer, name, shape, size))
            size += math.prod(shape)
            self._weight_count = size if len(shape) >= 2 else self._weight_count
        self._lowest_with_parameters = min(slot.layer.index for slot in self._slots)
        self.parameters, self.gradients = np.zeros(size, self.dtype), np.zeros(size, self.dtype)
        for slot in self._slots:
            setattr(slot.layer, slot.name, slot.view(self.parameters))
            setattr(slot.layer, f"d{slot.name}", slot.view(self.gradients))
