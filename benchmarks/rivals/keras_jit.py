"""Keras on TensorFlow with XLA, which `compile` chooses by itself only where there is more than a CPU."""

from benchmarks.rivals import keras_fit


class Rival(keras_fit.Rival):
    title = "Keras fit, jit_compile=True"
    about = "a step compiled by XLA; arrays, one fit an epoch"
    jit_compile = xla = True
