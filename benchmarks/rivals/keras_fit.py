"""Keras on TensorFlow as its guides write it: a Sequential model, `compile`, and `fit` over arrays.

`fit` tells the mean loss of the steps it took: that is what `train` returns when it takes more than one.
"""

import keras
import tensorflow as tf

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """The problem's learning rates, looked up by the optimizer's count of steps."""

    def __init__(self, rates: tuple[float, ...]) -> None:
        self.rates = rates

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return keras.ops.take(tf.constant(self.rates), keras.ops.minimum(step, len(self.rates) - 1))


class Rival(rival.Rival):
    title = "Keras fit"
    about = "all defaults, XLA among them; one fit an epoch"
    call_steps = 429  # a call of fit costs as much as many steps; it is meant for whole epochs
    tells_mean = True
    jit_compile: str | bool = "auto"
    steps_per_execution = 1

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        images, labels = problem.train_split()
        self.images, self.labels = tf.constant(images), tf.constant(labels)
        self.model = self._make_model()
        self.model.compile(
            optimizer=keras.optimizers.Adam(self._rate(), BETA1, BETA2, problem.epsilon),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=self.jit_compile,
            steps_per_execution=self.steps_per_execution,
        )

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
            steps = min(count, self.problem.batches - first % self.problem.batches)  # to the epoch's end at most
            loss = self._fit(first, steps)
            first, count = first + steps, count - steps
        return loss

    def _fit(self, first: int, steps: int) -> float:
        rows = slice(self.first_row(first), self.first_row(first) + steps * self.problem.batch_size)
        history = self.model.fit(
            self.images[rows], self.labels[rows], batch_size=self.problem.batch_size, shuffle=False, verbose=0
        )
        return float(history.history["loss"][-1])

    def predict(self, images: FloatArray) -> FloatArray:
        # the guides have `predict` for what needs to be cut into batches; it takes longer to set up than to run
        scores: FloatArray = self.model.predict_on_batch(images)
        return scores
