"""TensorFlow 2 with the loop over the steps inside of one `tf.function`, compiled by XLA.

Source: TensorFlow's guides "Better performance with tf.function", on loops, and "XLA: Optimizing Compiler for Machine
Learning".
"""

import tensorflow as tf

from benchmarks import CALL
from benchmarks.problem import Problem
from benchmarks.rivals import tensorflow_xla


class Rival(tensorflow_xla.Rival):
    title = "TensorFlow, one XLA call for many steps"
    about = f"jit_compile=True round the loop: Python is left once for {CALL} steps"
    call_steps = CALL

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        # the number of steps is a tensor as well, so that one compilation serves them all
        scalar = tf.TensorSpec((), tf.int32)
        self.steps = tf.function(self._take_steps, [scalar, scalar], jit_compile=True)

    def _take_steps(self, first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        # AutoGraph makes a loop in the graph of this `while`; XLA has to know the ends of a tf.range when it compiles
        step, loss = first, tf.zeros(())
        while step < first + count:
            loss = self._take_step(step)
            step += 1
        return loss

    def train(self, first: int, count: int) -> float:
        return float(self.steps(first, count))
