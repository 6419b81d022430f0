"""TensorFlow 2 as a custom training loop: one `tf.function` call a step, which takes its batch from a tensor.

As many threads run operations side by side (inter-op) as one operation has (intra-op), which are TensorFlow's own
defaults: as many as there are cores. Keras's row over batches that are cut already has one inter-op thread, since its
step and its pipeline take turns anyway; with one the others were no faster when that was tried here.
Source: TensorFlow's guide "Better performance with tf.function"; `tf.config.threading`, on what 0 stands for.
"""

from collections.abc import Callable

import tensorflow as tf

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem


@tf.function
def to_floats(pixels: tf.Tensor) -> tf.Tensor:
    """0..255 to 0..1; inside of a function the quotients take the place of what is divided."""
    return tf.cast(pixels, tf.float32) / 255.0


def cut_batches(problem: Problem) -> tuple[tf.Tensor, tf.Tensor]:
    """All whole batches of an epoch: images float32 (batches, B, 784), labels int32 (batches, B)."""
    pixels, labels = problem.train_bytes()
    shape, rows = (problem.batches, problem.batch_size), problem.batches * problem.batch_size
    images = to_floats(tf.constant(pixels[:rows].reshape(*shape, -1)))
    return images, tf.constant(labels[:rows].reshape(shape), tf.int32)


class Rival(rival.Rival):
    title = "TensorFlow, tf.function a step"
    about = "the images in a tensor; TensorFlow's own Adam kernel, one pass a variable"
    jit_compile = False

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.images, self.labels = cut_batches(problem)
        self.learning_rates = tf.constant(problem.learning_rates)
        self.parameters = [tf.Variable(array) for layer in problem.layers() for array in layer]
        self.means = [tf.Variable(tf.zeros_like(w)) for w in self.parameters]
        self.squares = [tf.Variable(tf.zeros_like(w)) for w in self.parameters]
        # with the step as a tensor there is one trace for all of them
        scalar = tf.TensorSpec((), tf.int32)
        self.step = tf.function(self._take_step, [scalar], jit_compile=self.jit_compile)
        self.scores = self._make_scores()

    def _make_scores(self, jit_compile: bool = False) -> Callable[[FloatArray], tf.Tensor]:
        """The logits of any number of images, in one trace."""
        scores: Callable[[FloatArray], tf.Tensor] = tf.function(
            self._logits, [tf.TensorSpec((None, self.problem.sizes[0]))], jit_compile=jit_compile
        )
        return scores

    def _take_step(self, step: tf.Tensor) -> tf.Tensor:
        images, labels = self._batch(step)
        with tf.GradientTape() as tape:
            logits = self._logits(images, drop_rate=self.problem.drop_rate)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        self._update(tape.gradient(loss, self.parameters), step)
        return loss

    def _batch(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """By `gather`: XLA has to know where a slice begins, and would compile each step anew."""
        index = step % self.problem.batches
        return tf.gather(self.images, index), tf.gather(self.labels, index)

    def _logits(self, images: tf.Tensor, drop_rate: float = 0.0) -> tf.Tensor:
        x, layers = images, len(self.problem.sizes) - 1
        for i in range(layers):
            if i == layers - 1 and drop_rate > 0:
                x = tf.nn.dropout(x, drop_rate)
            x = tf.nn.bias_add(tf.matmul(x, self.parameters[2 * i]), self.parameters[2 * i + 1])
            if i < layers - 1 and self.problem.activation == "relu":
                x = tf.nn.relu(x)
        return x

    def _update(self, gradients: list[tf.Tensor], step: tf.Tensor) -> None:
        """Adam by the kernel that `tf.compat.v1.train.AdamOptimizer` calls; Keras's makes ten operations of it."""
        t = tf.cast(step + 1, tf.float32)
        rate = tf.gather(self.learning_rates, tf.minimum(step, len(self.problem.learning_rates) - 1))
        for w, m, v, gradient in zip(self.parameters, self.means, self.squares, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=m.handle, v=v.handle, beta1_power=BETA1**t, beta2_power=BETA2**t, lr=rate,
                beta1=BETA1, beta2=BETA2, epsilon=self.problem.epsilon, grad=gradient,
            )  # fmt: skip

    def train(self, first: int, count: int) -> float:
        for step in range(first, first + count):
            loss = self.step(step)
        return float(loss)

    def predict(self, images: FloatArray) -> FloatArray:
        scores: FloatArray = self.scores(images).numpy()
        return scores
