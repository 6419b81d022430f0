"""Keras on TensorFlow with what its guides have against overhead: many steps an execution, and a pipeline of its own.

On arrays `fit` gathers each batch on a thread of its own, ahead of the step that waits for it; on few cores the two
take turns by the system's clock. Batches that are cut already, and fetched by the thread that asks, need no turns.
Source: Keras's documentation of `Model.compile`, `steps_per_execution`; TensorFlow's guide "Better performance with the
tf.data API".
"""

import keras
import tensorflow as tf

from benchmarks import CALL
from benchmarks.rivals import keras_fit
from benchmarks.rivals.tensorflow_function import cut_batches


class Rival(keras_fit.Rival):
    title = "Keras fit, many steps a call"
    about = (
        f"steps_per_execution={CALL}; tf.data over batches that are cut already, with one thread, no autotuning and no"
        " prefetching; one fit an epoch"
    )
    steps_per_execution = CALL

    def _set_threads(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def _read_images(self) -> None:
        self.images, self.labels = cut_batches(self.problem)
        self.epoch = self._pipeline(self.images, self.labels)

    def _pipeline(self, images: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
        options = tf.data.Options()
        options.threading.private_threadpool_size = 1
        options.autotune.enabled = False
        return tf.data.Dataset.from_tensor_slices((images, labels)).with_options(options)

    def _fit(self, first: int, end: int) -> keras.callbacks.History:
        whole = end - first == self.problem.batches
        batches = self.epoch if whole else self._pipeline(self.images[first:end], self.labels[first:end])
        return self.model.fit(batches, verbose=0)
