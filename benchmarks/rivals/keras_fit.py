"""Keras on TensorFlow as its guides write it: a Sequential model, `compile`, and `fit` over tensors.

Source: Keras's guide "Training and evaluation with the built-in methods".

`fit` tells the mean loss of the steps it took: that is what `train` returns when it takes more than one.
"""

from typing import Any

import keras
import tensorflow as tf

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem
from benchmarks.rivals.tensorflow_function import to_floats


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The problem's learning rates, looked up by the optimizer's count of steps."""

    def __init__(self, rates: tuple[float, ...]) -> None:
        self.rates = rates

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return keras.ops.take(tf.constant(self.rates), keras.ops.minimum(step, len(self.rates) - 1))


class Rival(rival.Rival):
    title = "Keras fit"
    about = "defaults, which on a CPU leave XLA out, but for shuffling, which is off; over tensors, one fit an epoch"
    call_steps = 429  # a call of fit costs as much as many steps; it is meant for whole epochs
    tells_mean = True
    jit_compile: str | bool = "auto"
    xla = False  # what comes of jit_compile: "auto" is False where there is nothing but a CPU
    steps_per_execution = 1

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self._set_threads()
        self._read_images()
        self.model = self._make_model()
        self.model.compile(
            optimizer=keras.optimizers.Adam(self._rate(), BETA1, BETA2, problem.epsilon),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=self.jit_compile,
            steps_per_execution=self.steps_per_execution,
        )
        if self.model.jit_compile is not self.xla:
            raise rival.Unable(f"jit_compile is {self.model.jit_compile}, and its row says {self.xla}")

    def _set_threads(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(self.threads)

    def settings(self) -> dict[str, Any]:
        return {"jit_compile": self.model.jit_compile}

    def _read_images(self) -> None:
        """As tensors: fit makes its batches of rows."""
        pixels, labels = self.problem.train_bytes()
        rows = self.problem.batches * self.problem.batch_size
        self.images, self.labels = to_floats(tf.constant(pixels[:rows])), tf.constant(labels[:rows])

    def _rate(self) -> float | Rates:
        """The learning rate, or its course."""
        rates = self.problem.learning_rates
        return Rates(rates) if len(rates) > 1 else rates[0]

    def _make_model(self) -> keras.Model:
        activation, (inputs, *hidden, classes) = self.problem.activation, self.problem.sizes
        model = keras.Sequential([keras.Input((inputs,))])
        for width in hidden:
            model.add(keras.layers.Dense(width, activation=activation))
        if self.problem.drop_rate > 0:
            model.add(keras.layers.Dropout(self.problem.drop_rate))
        model.add(keras.layers.Dense(classes))
        model.set_weights([array for layer in self.problem.layers() for array in layer])
        return model

    def train(self, first: int, count: int) -> float:
        while count > 0:
            step = first % self.problem.batches
            steps = min(count, self.problem.batches - step)  # to the epoch's end at most
            history = self._fit(step, step + steps)
            first, count = first + steps, count - steps
        return float(history.history["loss"][-1])

    def _fit(self, first: int, end: int) -> keras.callbacks.History:
        """Batches first .. end - 1 of an epoch."""
        size = self.problem.batch_size
        images, labels = self.images, self.labels
        if end - first < self.problem.batches:
            images, labels = (tensor[first * size : end * size] for tensor in (images, labels))
        return self.model.fit(images, labels, batch_size=size, shuffle=False, verbose=0)

    def predict(self, images: FloatArray) -> FloatArray:
        # the guides have `predict` for what needs to be cut into batches; it takes longer to set up than to run
        scores: FloatArray = self.model.predict_on_batch(images)
        return scores
