"""Keras on TensorFlow with XLA and `steps_per_execution`."""

from benchmarks.rivals import keras_steps


class Rival(keras_steps.Rival):
    title = "Keras fit, jit_compile=True and steps_per_execution=143"
    about = "XLA, which jit_compile='auto', the default, picks as well"
    jit_compile = True
