"""TensorFlow 2 as a custom training loop, one `tf.function` call a step, compiled by XLA.

So are its answers, for each number of images anew, where many are asked for.
"""

from benchmarks.rivals import tensorflow_function


class Rival(tensorflow_function.Rival):
    title = "TensorFlow, tf.function with XLA a step"
    about = "the same step with jit_compile=True"
    jit_compile = True

    def compile_answers(self) -> None:
        self.scores = self._make_scores(jit_compile=True)
