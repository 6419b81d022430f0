"""Keras on TensorFlow with `steps_per_execution`: `fit` runs many steps in one call of its compiled function."""

from benchmarks.rivals import keras_fit


class Rival(keras_fit.Rival):
    title = "Keras fit, steps_per_execution=143"
    about = "one fit an epoch, three calls of its function"
    steps_per_execution = 143
