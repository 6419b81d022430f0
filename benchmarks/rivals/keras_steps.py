"""Keras on TensorFlow with `steps_per_execution`: `fit` runs many steps in one call of its compiled function."""

from benchmarks.rivals import keras_fit


class Rival(keras_fit.Rival):
    title = "Keras fit, steps_per_execution=143"
    about = "one fit for 143 steps, and one call of its function"
    steps_per_execution = keras_fit.Rival.call_steps
