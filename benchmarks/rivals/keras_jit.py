"""Keras on TensorFlow without XLA, which `compile` would choose by itself."""

from benchmarks.rivals import keras_fit


class Rival(keras_fit.Rival):
    title = "Keras fit, jit_compile=False"
    about = "one fit an epoch, operation by operation"
    jit_compile = False
