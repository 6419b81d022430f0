"""JAX as its tutorials write it: pure functions and a tree of arrays, one jitted call a step, its state donated.

Source: JAX's documentation, "Just-in-time compilation", "Asynchronous dispatch" and "Buffer donation".
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem

Layers = list[tuple[jax.Array, jax.Array]]


class State(NamedTuple):
    """What a step changes: the layers' weights and biases, and Adam's two means, in the same tree."""

    layers: Layers
    means: Layers
    squares: Layers


class Data(NamedTuple):
    """What it reads; it is given to the function, since what a function closes over is compiled into it."""

    images: jax.Array
    labels: jax.Array
    learning_rates: jax.Array


class Rival(rival.Rival):
    title = "JAX, jit a step"
    about = "the images in an array, the state donated; calls are sent ahead, not waited for"

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        pixels, labels = problem.train_bytes()
        images = jax.jit(lambda pixels: pixels.astype(jnp.float32) / 255)(pixels)
        self.data = Data(images, jnp.asarray(labels, jnp.int32), jnp.asarray(problem.learning_rates))
        layers = jax.tree.map(jnp.asarray, problem.layers())
        self.state = State(layers, jax.tree.map(jnp.zeros_like, layers), jax.tree.map(jnp.zeros_like, layers))
        self.step = jax.jit(functools.partial(take_step, problem), donate_argnums=0)
        self.scores = jax.jit(functools.partial(logits, problem.activation))

    def train(self, first: int, count: int) -> float:
        for step in range(first, first + count):
            self.state, loss = self.step(self.state, self.data, np.int32(step))
        jax.block_until_ready(self.state)
        return float(loss)

    def predict(self, images: FloatArray) -> FloatArray:
        return np.asarray(self.scores(self.state.layers, images))


def take_step(problem: Problem, state: State, data: Data, step: jax.Array) -> tuple[State, jax.Array]:
    """The state after a step, and the loss before it."""
    start, rows = step % problem.batches * problem.batch_size, problem.batch_size
    images = jax.lax.dynamic_slice_in_dim(data.images, start, rows)
    labels = jax.lax.dynamic_slice_in_dim(data.labels, start, rows)
    loss, gradients = jax.value_and_grad(mean_loss)(state.layers, problem, images, labels, step)
    rate = data.learning_rates[jnp.minimum(step, len(problem.learning_rates) - 1)]
    return adam(state, gradients, rate, step + 1, problem.epsilon), loss


def mean_loss(layers: Layers, problem: Problem, images: jax.Array, labels: jax.Array, step: jax.Array) -> jax.Array:
    """Cross-entropy of a batch, with dropout."""
    x = hidden(problem.activation, layers, images)
    if problem.drop_rate > 0:
        kept = jax.random.bernoulli(jax.random.fold_in(jax.random.key(0), step), 1 - problem.drop_rate, x.shape)
        x = jnp.where(kept, x / (1 - problem.drop_rate), 0)
    scores = jax.nn.log_softmax(dense(layers[-1], x))
    return -jnp.mean(jnp.sum(jax.nn.one_hot(labels, scores.shape[1]) * scores, axis=1))


def logits(activation: str, layers: Layers, images: jax.Array) -> jax.Array:
    """Scores without dropout."""
    return dense(layers[-1], hidden(activation, layers, images))


def hidden(activation: str, layers: Layers, x: jax.Array) -> jax.Array:
    """What the output layer is given."""
    for layer in layers[:-1]:
        x = dense(layer, x)
        x = jax.nn.relu(x) if activation == "relu" else x
    return x


def dense(layer: tuple[jax.Array, jax.Array], x: jax.Array) -> jax.Array:
    """One layer's product and bias."""
    w, b = layer
    return x @ w + b


def adam(state: State, gradients: Layers, rate: jax.Array, t: jax.Array, epsilon: float) -> State:
    """Adam's step t, in the problem's form."""
    means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state.means, gradients)
    squares = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state.squares, gradients)
    rate = rate * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    layers = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + epsilon), state.layers, means, squares)
    return State(layers, means, squares)
