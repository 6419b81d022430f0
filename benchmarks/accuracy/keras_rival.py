"""Keras on TensorFlow at the settings that were fastest in the race (benchmarks/rivals/keras_jit.py).

A Sequential model compiled by XLA, many steps an execution, one `fit` of as many batches as the recipe has steps.
Where there is nothing to distort, the pipeline asks for no threads; where there is, it distorts while the batch before
is trained on.

Keras distorts layer by layer, so an image is sampled once for each. Its shear leans about a corner, and so moves the
digit too. Its elastic layer bends by 0.79 pixels at most (root of the mean square, at scale 1), the same across as
down, and makes the images of a batch one after the other; it is given its most where the recipe asks for more.
"""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from benchmarks import CALL
from benchmarks.accuracy.contest import EPSILON, SIDE, Task, Trained
from benchmarks.rivals.keras_fit import Rates
from numnet.data.augment import Distortion

TITLE = "Keras"
ABOUT = f"""fit over tf.data, jit_compile=True, steps_per_execution={CALL}; its moving average of the weights begins
with the first step's; Keras's own layers for distortion, one after the other, of which the shear leans about a corner
and the elastic one bends by 0.79 pixels at most"""
MOST_ELASTIC = 0.79  # pixels, of RandomElasticTransform at scale 1 on 28 x 28: measured on images of coordinates
LEAST_SCALE = 0.72  # its blur is 1.4 pixels times the scale; below 1 pixel it leaves out the blur
layers = keras.layers


def train(task: Task) -> Trained:
    """Train as the task says."""
    keras.utils.set_random_seed(task.seed)
    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    tf.config.threading.set_inter_op_parallelism_threads(task.threads if task.distortion else 1)
    model = make_model(task)
    model.compile(
        optimizer=make_optimizer(task), loss=make_loss(task.recipe.label_smoothing),
        jit_compile=True, steps_per_execution=CALL,
    )  # fmt: skip
    model.fit(pipeline(task), verbose=0)  # at its end the model's weights are their average, where there is one
    return Trained(model.predict_on_batch, int(keras.ops.convert_to_numpy(model.optimizer.iterations)))


def make_model(task: Task) -> keras.Model:
    """The recipe's layers, with weights as He et al. have them and the recipe's biases."""
    recipe = task.recipe
    initial = {"kernel_initializer": "he_normal", "bias_initializer": keras.initializers.Constant(recipe.bias)}
    model = keras.Sequential([keras.Input((task.sizes[0],))])
    for width, rate in zip(recipe.hidden, recipe.dropout, strict=True):
        model.add(layers.Dense(width, activation=recipe.activation, **initial))
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Dense(task.sizes[-1], **initial))
    return model


def make_optimizer(task: Task) -> keras.optimizers.Optimizer:
    """AdamW, whose decay spares the biases; with a moving average of the weights where the recipe has one."""
    recipe = task.recipe
    averaging = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    optimizer = keras.optimizers.AdamW(
        Rates(tuple(task.learning_rates())), recipe.weight_decay, epsilon=EPSILON,
        global_clipnorm=recipe.clip or None, **averaging,
    )  # fmt: skip
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def make_loss(smoothing: float) -> keras.losses.Loss:
    """Cross-entropy; Keras smooths labels that are one-hot alone."""
    if smoothing:
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pipeline(task: Task) -> tf.data.Dataset:
    """As many batches as the task has steps, shuffled anew each epoch; an epoch's end is joined with the next one."""
    images, labels = map(tf.constant, task.train)
    if task.recipe.label_smoothing:
        labels = tf.one_hot(labels, task.sizes[-1])
    rows = tf.data.Dataset.range(len(images)).shuffle(len(images)).repeat()
    rows = rows.batch(task.recipe.batch_size, drop_remainder=True)  # of a known size: else Keras bends all alike
    rows = rows.take(task.steps)
    if task.distortion:
        return distorted(rows, images, labels, distorter(task.distortion))
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False
    return rows.map(lambda taken: (tf.gather(images, taken), tf.gather(labels, taken))).with_options(options)


def distorted(
    rows: tf.data.Dataset, images: tf.Tensor, labels: tf.Tensor, distort: Callable[[tf.Tensor], tf.Tensor]
) -> tf.data.Dataset:
    """The batches of these rows, distorted ahead of the step that waits for them."""
    batches = rows.map(
        lambda taken: (distort(tf.gather(images, taken)), tf.gather(labels, taken)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return batches.prefetch(tf.data.AUTOTUNE)


def distorter(strengths: Distortion) -> Callable[[tf.Tensor], tf.Tensor]:
    """Images (B, 784), distorted by Keras's layers one after the other."""
    stretch = (math.exp(-strengths.log_scale) - 1, math.exp(strengths.log_scale) - 1)
    outside = {"fill_mode": "constant"}
    chain = [
        layers.RandomRotation(strengths.rotation / (2 * math.pi), **outside),
        layers.RandomZoom(stretch, stretch, **outside),
        layers.RandomShear((0.0, min(1.0, strengths.shear)), (0.0, 0.0), **outside),  # to either side
        layers.RandomTranslation(strengths.shift / SIDE, strengths.shift / SIDE, **outside),
    ]
    if strengths.elastic:
        bend = min(1.0, max(LEAST_SCALE, strengths.elastic / MOST_ELASTIC))
        chain.append(layers.RandomElasticTransform((1.0, 1.0), (bend, bend), value_range=(0, 1), **outside))

    def distort(images: tf.Tensor) -> tf.Tensor:
        pixels = tf.reshape(images, (-1 if images.shape[0] is None else images.shape[0], SIDE, SIDE, 1))
        for layer in chain:
            pixels = layer(pixels, training=True)
        return tf.reshape(pixels, (-1, SIDE * SIDE))

    return distort
