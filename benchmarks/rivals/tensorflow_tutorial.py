"""TensorFlow 1's graph and session, as the tutorial has it: placeholders, and `sess.run` with a NumPy batch a step."""

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks import rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem

tf.get_logger().setLevel("ERROR")  # or each use of a deprecated name is a line on stderr
tf.disable_v2_behavior()


class Rival(rival.Rival):
    title = "TensorFlow, as the tutorial writes it"
    about = "graph and session; each step is fed a NumPy batch"

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.images, labels = problem.train_split()
        self.labels = np.eye(problem.sizes[-1], dtype=np.float32)[labels]
        self._build_graph()
        self.session = tf.Session(
            config=tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
        )
        self.session.run(tf.global_variables_initializer())

    def _build_graph(self) -> None:
        self.x = tf.placeholder(tf.float32, [None, self.problem.sizes[0]])
        self.y = tf.placeholder(tf.float32, [None, self.problem.sizes[-1]])
        self.rate = tf.placeholder_with_default(0.0, [])  # of dropout: fed in training only
        self.learning_rate = tf.placeholder(tf.float32, [])
        self.logits = self._logits()
        self.loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=self.y, logits=self.logits))
        adam = tf.train.AdamOptimizer(self.learning_rate, BETA1, BETA2, self.problem.epsilon)
        gradients = adam.compute_gradients(self.loss)
        with tf.control_dependencies([self.loss]):  # so that a loss fetched with the step is the one before it
            self.step = adam.apply_gradients(gradients)

    def _logits(self) -> tf.Tensor:
        x, layers = self.x, self.problem.layers()
        for i, (w, b) in enumerate(layers):
            last = i == len(layers) - 1
            if last and self.problem.drop_rate > 0:
                x = tf.nn.dropout(x, rate=self.rate)
            x = tf.matmul(x, tf.Variable(w)) + tf.Variable(b)
            if not last and self.problem.activation == "relu":
                x = tf.nn.relu(x)
        return x

    def train(self, first: int, count: int) -> float:
        for step in range(first, first + count - 1):
            self.session.run(self.step, self._feed(step))
        loss, _ = self.session.run([self.loss, self.step], self._feed(first + count - 1))
        return float(loss)

    def _feed(self, step: int) -> dict[tf.Tensor, FloatArray | float]:
        rows = slice(self.first_row(step), self.first_row(step) + self.problem.batch_size)
        return {
            self.x: self.images[rows],
            self.y: self.labels[rows],
            self.rate: self.problem.drop_rate,
            self.learning_rate: self.problem.learning_rate(step),
        }

    def predict(self, images: FloatArray) -> FloatArray:
        scores: FloatArray = self.session.run(self.logits, {self.x: images})
        return scores
