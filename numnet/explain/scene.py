"""What is explained: a network as it stands, a minibatch, and the optimizer that is about to take a step."""

import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from numnet.console import Parser, interrupted_at_once
from numnet.errors import DataError, RecipeError

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset
    from numnet.explain.mix import Mix
    from numnet.kernels import ByteArray, FloatArray
    from numnet.nn.network import Network
    from numnet.nn.optim import Optimizer
    from numnet.training.checkpoint import Checkpoint
    from numnet.training.recipes import Recipe

MOST_STEPS = 10_000  # with more it takes long and shows nothing else
IMAGES = 8  # of a minibatch: few enough to be read one by one
BURN_IN = 20  # steps; at the very start gradients are special, and a special place hides bugs
LEARNING_RATE, BATCH = 1e-3, 128  # of the next step of a model whose file tells of no run


@dataclass
class Scene:
    """A network before its next step.

    about : the network and the minibatch in words
    network : with the kernels and in the type that were asked for
    images : uint8 (B, …), or float64 (B, …) of 0..1, distorted as the run does it    labels : uint8 (B,)
    step : which one comes next, from 0    seed : of its dropout masks
    optimizer : with what it remembers, and its aids    learning_rate : of the step
    smoothing : of the labels
    mix : of distorted images, what number i of image b is made of
    """

    about: str
    network: "Network"
    images: "ByteArray | FloatArray"
    labels: "ByteArray"
    step: int
    seed: int
    optimizer: "Optimizer"
    learning_rate: float
    smoothing: float = 0.0
    mix: "Callable[[int, int], Mix] | None" = None


def add_flags(parser: Parser, kernels: str | None = None) -> None:
    """The flags that say what is explained; `kernels` is the default of that flag, None for what has no such choice."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", type=Path, metavar="FILE.npz", help="a model file that numnet.train --save wrote")
    source.add_argument("--recipe", metavar="NAME", help="a recipe's network (default: intended)")
    add = parser.add_argument
    add("--steps", type=int, metavar="N", help=f"train the recipe so long first (default: {BURN_IN})")
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--batch", type=int, metavar="B", help=f"images, the first ones of the next batch (default: {IMAGES})")
    add(
        "--seed",
        type=int,
        metavar="N",
        help="which weights, images, entries and masks (default: 0, or the model's run's)",
    )
    if kernels:
        add("--kernels", default=kernels, metavar="SET", help=f"numba or textbook (default: {kernels})")
    else:
        parser.set_defaults(kernels="textbook")
    add("--json", action="store_true", help="print one line of JSON and nothing else")


def _refuse(args: Namespace) -> None:
    """Raises RecipeError for what can't be, before anything slow is loaded; fills in defaults."""
    if args.model and args.steps is not None:
        raise RecipeError("--steps trains a recipe's network first; a model is taken as it is: leave one of them out")
    args.steps = args.steps if args.steps is not None else 0 if args.model else BURN_IN
    if not 0 <= args.steps <= MOST_STEPS:
        raise RecipeError(f"--steps {args.steps}: expected 0 to {MOST_STEPS:,}")
    if args.seed is not None or args.model is None:
        args.seed = checked_seed(args.seed)


def checked_seed(seed: int | None) -> int:
    """The seed, or 0; raises RecipeError for one that no run can have."""
    if seed is not None and not 0 <= seed < 2**64:
        raise RecipeError(f"seed {seed}: expected 0 to 2**64 - 1")
    return seed or 0


def be_quick() -> None:
    """Keep NumPy's BLAS, which must be told before NumPy is imported, to one thread.

    Products so small are not worth a second thread's waking up, and one thread adds up in one order.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def scene(args: Namespace) -> Scene:
    """As the flags say: the model, or the recipe after its first steps, and the first images of the next batch.

    Raises RecipeError for flags that make no sense, DataError where the data is not for the network.
    """
    from numnet.data.datasets import load_dataset
    from numnet.kernels import load_kernels

    _refuse(args)
    load_kernels(args.kernels)  # or refuse the name, before the training
    dataset = load_dataset(args.data)
    found = _model(args, dataset) if args.model else _trained(args, dataset)
    count = IMAGES if args.batch is None else args.batch
    recipe = found.recipe
    if not 1 <= count <= recipe.batch_size:
        raise RecipeError(f"--batch {count}: expected 1 to {recipe.batch_size}, the images of one of the run's batches")
    images, labels, mix = _images(found, dataset, args.seed, count)
    return Scene(
        found.about, found.network, images, labels, found.step, args.seed, found.optimizer, found.learning_rate,
        recipe.label_smoothing, mix,
    )  # fmt: skip


def _images(
    found: "_Found", dataset: "Dataset", seed: int, count: int
) -> "tuple[ByteArray | FloatArray, ByteArray, Callable[[int, int], Mix] | None]":
    """The first images of the next batch, as the run sees them but for rounding, their labels, and `mix` of a scene."""
    from numnet.explain.mix import mixed
    from numnet.training.loop import stream

    split = found.recipe.trained_on(dataset).train
    exact = found.network.twin(kernels="textbook", dtype="float64")
    batches = stream(exact, split, found.recipe.batch_size, seed, found.recipe.distortion)
    rows, epochs = batches.rows(found.step)[:count], batches.epochs(found.step)[:count]
    distorter, labels = batches.distorter, split.labels[rows]
    if distorter is None:
        return split.images[rows], labels, None

    def mix(b: int, i: int) -> "Mix":
        y, x = divmod(i, split.images.shape[2])
        return mixed(split.images[rows[b]], *distorter.place(int(epochs[b]), int(rows[b]), y, x))

    floats = batches.batch(found.step).images[:count].clip(max=1)  # a mix of ones may be a rounding more than 1
    return floats.reshape(count, *split.images.shape[1:]), labels, mix


class _Found(NamedTuple):
    """A network and its next step, before the images of that are known."""

    about: str
    network: "Network"
    optimizer: "Optimizer"
    learning_rate: float
    step: int
    recipe: "Recipe"


def _model(args: Namespace, dataset: "Dataset") -> _Found:
    """The model's network, and the next step of its run; a fresh Adam where the file tells of no run to go on with."""
    from numnet.nn.optim import Adam
    from numnet.training.checkpoint import read
    from numnet.training.loop import restore, updater_of
    from numnet.training.metrics import check_fits
    from numnet.training.recipes import Recipe
    from numnet.training.schedules import rate_factor

    checkpoint = read(args.model)
    network, header = checkpoint.network(args.kernels, to_train=True), checkpoint.header
    args.seed = header.seed if args.seed is None else args.seed
    try:
        check_fits(network, dataset.train)
    except DataError as error:
        raise DataError(
            f"{args.model} is of other data than {dataset.name}: {error}; give its folder by --data"
        ) from None
    if not checkpoint.vectors or header.recipe is None:
        about = f"{args.model} with a fresh Adam at {LEARNING_RATE:g}, as the file holds no run to go on with"
        plain = Recipe("no run", "", learning_rate=LEARNING_RATE, batch_size=BATCH)
        return _Found(about, network, Adam(network.kernels, network.parameters), LEARNING_RATE, 0, plain)
    recipe = checkpoint.recipe()
    optimizer = updater_of(network, recipe.optimizer, recipe.aids())
    restore(optimizer, checkpoint.vectors, header.step, header.horizon)
    step = min(header.step, header.horizon - 1)  # a schedule has no rate beyond its end
    rate = recipe.learning_rate * rate_factor(recipe.schedule, step, header.horizon, recipe.warmup)
    about = f"{args.model}, after {header.step} steps"
    about += " (its run is over; one step more)" * _is_over(checkpoint, len(dataset.train))
    if checkpoint.best or recipe.average:
        about += ", with the weights that training goes on from, not those that predict uses"
    return _Found(about, network, optimizer, rate, header.step, recipe)


def _is_over(checkpoint: "Checkpoint", images: int) -> bool:
    """Whether a run has no next step of its own: all are taken, or its patience is at an end."""
    from numnet.training.outcome import is_in_vain

    header, recipe, best = checkpoint.header, checkpoint.recipe(), checkpoint.best
    if best is None or not recipe.patience:
        return header.step >= header.horizon
    in_vain = is_in_vain(best, header.step, recipe.patience, batch_size=recipe.batch_size, images=images)
    return in_vain or header.step >= header.horizon


def _trained(args: Namespace, dataset: "Dataset") -> _Found:
    """The recipe's network after its first steps, its optimizer as these left it, and the rate of the next step."""
    from numnet.randomness import Draw
    from numnet.training.loop import count_steps, stream, training_step, updater_of
    from numnet.training.recipes import find_recipe
    from numnet.training.schedules import rate_factor

    recipe = find_recipe(args.recipe or "intended")
    split = recipe.trained_on(dataset).train
    total = count_steps(recipe.steps, recipe.epochs, recipe.batch_size, len(split))
    if args.steps >= total:
        raise RecipeError(f"--steps {args.steps}: expected less than the {total:,} that recipe {recipe.name} takes")
    rates = [
        recipe.learning_rate * rate_factor(recipe.schedule, step, total, recipe.warmup)
        for step in range(args.steps + 1)
    ]  # fmt: skip
    network = recipe.network(dataset.inputs, dataset.classes, seed=args.seed, kernels="textbook")
    optimizer = updater_of(network, recipe.optimizer, recipe.aids())
    batches = stream(network, split, recipe.batch_size, args.seed, recipe.distortion)
    for step in range(args.steps):
        draw = Draw(args.seed, step)
        training_step(
            network, optimizer, batches.batch(step),
            draw=draw, learning_rate=rates[step], smoothing=recipe.label_smoothing,
        )  # fmt: skip
    about = f"recipe {recipe.name}, {f'after {args.steps} steps' if args.steps else 'as it begins'}"
    own = network.twin(kernels=args.kernels, dtype=network.dtype)
    return _Found(about, own, optimizer, rates[-1], args.steps, recipe)


def have_compiled(network: "Network") -> None:
    """Compile what a check will call, by a step on blank images, where Ctrl-C can end it."""
    import numpy as np

    from numnet.explain.gradcheck import fill_gradients
    from numnet.randomness import Draw

    blank = np.zeros((1, network.inputs), network.dtype)
    with interrupted_at_once():
        fill_gradients(network, blank, np.zeros(1, np.uint8), Draw(0, 0))
