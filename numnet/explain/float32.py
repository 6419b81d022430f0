"""The second link: the kernels in float32 against backward in float64, which the first link has judged.

How near the two can be depends on the network: mostly to 1e-7 of a gradient's norm. But where a network is sure of
itself p - y is a small difference of numbers near 1, and so is 1 - y² where tanh saturates; float32 can't hold these
to more than a few digits, however right the kernels are. What it can hold is measured, by rounding in float64.
"""

import math

import numpy as np
import numpy.typing as npt

from numnet.explain.certificate import CLOSE_FLOAT32, Comparison
from numnet.explain.oracle import SMOOTH
from numnet.kernels import FloatArray, IntArray
from numnet.nn.loss import cross_entropy
from numnet.nn.network import Network
from numnet.randomness import Draw, Purpose, generator

TRIALS = 4  # of rounding; the largest error counts, as errors may cancel by chance
ROUNDINGS = 32  # a sum of 1000 terms rounds 1000 times, up or down as chance has it: some 32 times as far as once


class SecondLink:
    """A network's own gradients on a minibatch, and the right ones.

    own : in float32    exact : its twin in float64; the gradients of both are overwritten
    x : float64 (B, D) of 0..1    labels : int (B,)    draw : the randomness of the step
    smoothing : of the labels

    alike : bool (B,), the images at which both stand on one side of each kink; the others are left out
    """

    def __init__(
        self, own: Network, exact: Network, x: FloatArray, labels: IntArray, draw: Draw, smoothing: float = 0.0
    ) -> None:
        self.own, self.exact, self.x, self.labels, self.draw, self.smoothing = own, exact, x, labels, draw, smoothing
        self.alike: npt.NDArray[np.bool_] = np.ones(len(x), np.bool_)

    def compare(self) -> list[Comparison]:
        """One for each tensor."""
        logits, exact_logits = self._forward()
        self.own.backward(self._dlogits(self.own, logits))
        self.exact.backward(self._dlogits(self.exact, exact_logits))
        right = [gradient.copy() for _, _, gradient in self.exact.tensors()]
        errors = np.max([self._errors_of_rounding(trial, right) for trial in range(TRIALS)], axis=0)
        return [
            _comparison(name, found, wanted, ROUNDINGS * float(error))
            for (name, _, found), wanted, error in zip(self.own.tensors(), right, errors, strict=True)
        ]

    def _forward(self) -> tuple[FloatArray, FloatArray]:
        """The logits of both networks, float (B, C); settles which images are `alike`.

        A ReLU whose input is next to nothing may be on in float64 and off in float32: both are right, and their
        gradients are far apart. An input that is not next to nothing must be on the same side.
        """
        y, right = self.x.astype(self.own.dtype), self.x
        for layer, exact_layer in zip(self.own.layers, self.exact.layers, strict=True):
            if not isinstance(layer, SMOOTH):
                near = abs(right) <= CLOSE_FLOAT32 * abs(right).max()
                self.alike &= ~(near & ((y > 0) != (right > 0))).any(axis=1)
            y, right = layer.forward(y, draw=self.draw), exact_layer.forward(right, draw=self.draw)
        own_x = self.x.astype(self.own.dtype)  # once more as networks, which only then go backward
        return self.own.forward(own_x, draw=self.draw), self.exact.forward(self.x, draw=self.draw)

    def _dlogits(self, network: Network, logits: FloatArray) -> FloatArray:
        """The loss's gradient, float (B, C), 0 for images left out: the rows stay, as their places make the masks."""
        _, dlogits = cross_entropy(network.kernels, logits, self.labels, self.smoothing)
        dlogits[~self.alike] = 0
        return dlogits

    def _errors_of_rounding(self, trial: int, right: list[FloatArray]) -> list[float]:
        """How far, as norms, the right gradients are moved by what float32 does to every number but within sums.

        What a layer hands on is rounded to float32. And each parameter is off by a rounding, up or down: that is what
        the roundings within x @ w come to, be they few (Higham 2002, "Accuracy and stability", section 3.1).
        """
        kept = self.exact.parameters.copy()
        up_or_down = generator(0, Purpose.CHECK, 3, trial).choice((-1, 1), len(kept))
        self.exact.parameters *= 1 + up_or_down * float(np.finfo(np.float32).eps) / 2
        try:
            self._through_float32()
        finally:
            self.exact.parameters[:] = kept
        gradients = (gradient for _, _, gradient in self.exact.tensors())
        return [float(np.linalg.norm(moved - each)) for moved, each in zip(gradients, right, strict=True)]

    def _through_float32(self) -> None:
        """Forward and backward in float64, each result rounded to float32 in place, where the next one reads it."""
        y: FloatArray = self.x.astype(np.float32).astype(np.float64)
        for layer in self.exact.layers:
            y = layer.forward(y, draw=self.draw)
            y[:] = y.astype(np.float32)
        dy: FloatArray | None = self._dlogits(self.exact, y.astype(np.float32)).astype(np.float64)
        for layer in reversed(self.exact.layers):
            assert dy is not None
            dy = layer.backward(dy, need_dx=layer.index > 0)
            if dy is not None:
                dy[:] = dy.astype(np.float32)


def _comparison(name: str, found: FloatArray, right: FloatArray, rounding: float) -> Comparison:
    """A tensor's gradient beside the right one; `rounding` is the norm of what float32 may do to it."""
    distance, norm = float(np.linalg.norm(found - right)), float(np.linalg.norm(right))
    if not math.isfinite(distance) or (norm == 0 and distance > rounding):
        return Comparison(name, math.inf, CLOSE_FLOAT32)
    if norm == 0:
        return Comparison(name, math.nan, math.inf)
    return Comparison(name, distance / norm, max(CLOSE_FLOAT32, rounding / norm))
