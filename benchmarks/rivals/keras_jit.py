"""Keras on TensorFlow, many steps a call, with XLA, which `compile` chooses by itself only beside more than a CPU."""

from benchmarks.rivals import keras_steps


class Rival(keras_steps.Rival):
    title = "Keras fit, many steps a call, XLA"
    about = f"the same with jit_compile=True, steps_per_execution={keras_steps.CALL}"
    jit_compile = xla = True
