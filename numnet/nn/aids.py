"""Aids to an optimizer: each wraps one, does a thing of its own before or after its step, and is an optimizer again.

    Averaging(Decay(Clipping(Adam(…))))

What an aid remembers is among the `vectors`, so that a run with it goes on to the bit.
"""

import math
from typing import NamedTuple

import numpy as np

from numnet.kernels import FloatArray, Kernels
from numnet.nn.optim import Optimizer

SUMS = 4096  # that a norm's squares are added up in: two threads get half of them each, and both fit next to a core


class Aids(NamedTuple):
    """Which aids an optimizer has; 0 is none.

    clip : a norm    weight_decay : a rate, beside the learning rate    average : a decay
    What each may be is in recipes.py, with the other numbers of a run.
    """

    clip: float = 0.0
    weight_decay: float = 0.0
    average: float = 0.0


class Clipping:
    """Gradients of a norm beyond `most` are scaled down to it: one wild batch can't throw the network far.

        dw *= min(1, most / |dw|)          |dw| = sqrt(sum of dw²), over all parameters

    Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", section 3.2.
    """

    def __init__(self, inner: Optimizer, kernels: Kernels, most: float) -> None:
        self.inner, self.kernels, self.most, self.vectors = inner, kernels, most, inner.vectors
        self._sums = np.empty(SUMS)

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        if (factor := self.factor(dw)) < 1:
            self.kernels.shrink(dw, factor)
        self.inner.update(w, dw, step=step, learning_rate=learning_rate)

    def factor(self, dw: FloatArray) -> float:
        """What a gradient, float (P,), is to be multiplied by: at most 1, the same bits at any number of threads."""
        self.kernels.sum_squares(dw, self._sums)
        norm = math.sqrt(float(self._sums.sum()))
        return self.most / norm if norm > self.most else 1.0


class Decay:
    """Weights shrink a little at each step, whatever their gradients are; biases, which lie behind them, don't.

        w *= 1 - learning_rate * rate

    Decoupled: added to the gradient, as it was before, Adam would divide it by the gradient's size, and the weights
    with large gradients would be spared. Round Adam it makes what is known as AdamW.
    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization".

    weights : how many of the parameters, from the first, are weights
    """

    def __init__(self, inner: Optimizer, kernels: Kernels, rate: float, weights: int) -> None:
        self.inner, self.kernels, self.rate, self.weights, self.vectors = inner, kernels, rate, weights, inner.vectors

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        self.kernels.shrink(w[: self.weights], 1 - learning_rate * self.rate)
        self.inner.update(w, dw, step=step, learning_rate=learning_rate)


class Averaging:
    """An exponential moving average (EMA) of the parameters.

    They wander about the place that they are looking for, and their mean is nearer to it.

        average += share * (w - average)          share = (1 - decay) / (1 - decay^t)

    At step t = 1, 2, …. With a share of 1 - decay alone the initial weights, which know nothing, would be in the mean
    for long; so it is divided by what the weights of all steps so far add up to, as Adam's means are.
    Source: Kingma and Ba 2015, "Adam", section 7.2, correction and all. Its ancestor, in which all steps count alike,
    is in Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging".

    decay : 0 < decay < 1; the mean is of the last 1 / (1 - decay) steps or so
    """

    def __init__(self, inner: Optimizer, kernels: Kernels, decay: float, w: FloatArray) -> None:
        self.inner, self.kernels, self.decay = inner, kernels, decay
        self.vectors = {**inner.vectors, "average": w.copy()}

    def update(self, w: FloatArray, dw: FloatArray, *, step: int, learning_rate: float) -> None:
        self.inner.update(w, dw, step=step, learning_rate=learning_rate)
        self.kernels.approach(self.vectors["average"], w, self.share(step))

    def share(self, step: int) -> float:
        """Of the way to the parameters, how much the average goes at a step, counted from 0."""
        return (1 - self.decay) / (1 - self.decay ** (step + 1))


def aided(optimizer: Optimizer, kernels: Kernels, w: FloatArray, weights: int, aids: Aids) -> Optimizer:
    """An optimizer with those aids whose number is not 0.

    w : float (P,), the parameters    weights : how many of them, from the first, are weights
    """
    if aids.clip:
        optimizer = Clipping(optimizer, kernels, aids.clip)
    if aids.weight_decay:
        optimizer = Decay(optimizer, kernels, aids.weight_decay, weights)
    return Averaging(optimizer, kernels, aids.average, w) if aids.average else optimizer
