"""TensorFlow 2 as a custom training loop, one `tf.function` call a step, compiled by XLA."""

from benchmarks.rivals import tensorflow_function


class Rival(tensorflow_function.Rival):
    title = "TensorFlow, tf.function with XLA a step"
    about = "the same step with jit_compile=True"
    jit_compile = True
