"""Keras on TensorFlow as its guides write it: a Sequential model, `fit` over a tf.data pipeline, Keras's own layers.

Keras distorts layer by layer, so an image is sampled once for each. Its shear leans about a corner, and so moves the
digit too. Its elastic layer bends by 0.79 pixels at most (root of the mean square, at scale 1), the same across as
down, and makes the images of a batch one after the other; it is given its most where the recipe asks for more.
"""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from benchmarks.accuracy.contest import SIDE, Task
from benchmarks.problem import FloatArray
from numnet.data.augment import Distortion

TITLE = "Keras"
ABOUT = """fit over tf.data; Keras's own layers for distortion, one after the other, of which the shear leans about a
corner and the elastic one bends by 0.79 pixels at most"""
MOST_ELASTIC = 0.79  # pixels, of RandomElasticTransform at scale 1 on 28 x 28: measured on images of coordinates
LEAST_SCALE = 0.72  # its blur is 1.4 pixels times the scale; below 1 pixel it leaves out the blur
layers = keras.layers


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rates looked up by the optimizer's count of steps."""

    def __init__(self, rates: list[float]) -> None:
        self.rates = tf.constant(rates)

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate of step 0, 1, 2, …"""
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int32), len(self.rates) - 1))


def train(task: Task) -> Callable[[FloatArray], FloatArray]:
    """Train as the task says; what tells the scores, float32 (N, 10), of images, float32 (N, 784)."""
    keras.utils.set_random_seed(task.seed)
    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    tf.config.threading.set_inter_op_parallelism_threads(task.threads)
    model = make_model(task)
    model.compile(optimizer=make_optimizer(model, task), loss=make_loss(task.recipe.label_smoothing))
    epochs = max(1, round(task.steps / task.steps_per_epoch))
    model.fit(pipeline(task), epochs=epochs, steps_per_epoch=math.ceil(task.steps / epochs), verbose=0)
    predict: Callable[[FloatArray], FloatArray] = model.predict_on_batch
    return predict


def make_model(task: Task) -> keras.Model:
    """The recipe's layers; initial weights as He et al. where the recipe has them, else Keras's own."""
    recipe = task.recipe
    initial = "he_normal" if recipe.initializer == "he" else "glorot_uniform"
    model = keras.Sequential([keras.Input((task.sizes[0],))])
    for width, rate in zip(recipe.hidden, recipe.dropout, strict=True):
        model.add(layers.Dense(width, activation=recipe.activation, kernel_initializer=initial))
        if rate:
            model.add(layers.Dropout(rate))
    model.add(layers.Dense(task.sizes[-1]))
    return model


def make_optimizer(model: keras.Model, task: Task) -> keras.optimizers.Optimizer:
    """AdamW, whose decay spares the biases; with a running mean of the weights where the recipe has one."""
    recipe = task.recipe
    averaging = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    rates = Rates(task.learning_rates())
    clip = recipe.clip or None
    optimizer = keras.optimizers.AdamW(rates, weight_decay=recipe.weight_decay, global_clipnorm=clip, **averaging)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def make_loss(smoothing: float) -> keras.losses.Loss:
    """Cross-entropy; Keras smooths labels that are one-hot alone."""
    if smoothing:
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pipeline(task: Task) -> tf.data.Dataset:
    """Batches without end, shuffled anew each epoch, distorted while the one before is trained on."""
    images, labels = task.train
    if task.recipe.label_smoothing:
        labels = keras.utils.to_categorical(labels, task.sizes[-1])
    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images)).repeat()
    data = data.batch(task.recipe.batch_size, drop_remainder=True)  # of a known size: else Keras bends all alike
    if task.distortion:
        distort = distorter(task.distortion)
        data = data.map(lambda x, y: (distort(x), y), num_parallel_calls=tf.data.AUTOTUNE)
    return data.prefetch(tf.data.AUTOTUNE)


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
