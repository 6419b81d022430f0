"""What is explained: a network as it stands, a minibatch, and the optimizer that is about to take a step."""

import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from numnet.console import Parser, interrupted_at_once
from numnet.errors import DataError, RecipeError

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset
    from numnet.kernels import ByteArray
    from numnet.nn.network import Network
    from numnet.nn.optim import Optimizer

MOST_STEPS = 10_000  # with more it takes long and shows nothing else
IMAGES = 8  # of a minibatch: few enough to be read one by one
BURN_IN = 20  # steps; at the very start gradients are special, and a special place hides bugs
LEARNING_RATE, BATCH = 1e-3, 128  # of the next step of a model whose file tells of no run


@dataclass
class Scene:
    """A network before its next step.

    about : the network and the minibatch in words
    network : with the kernels and in the type that were asked for
    images : uint8 (B, …)    labels : uint8 (B,)
    step : which one comes next, from 0    seed : of its dropout masks
    optimizer : with what it remembers    learning_rate : of the step
    """

    about: str
    network: "Network"
    images: "ByteArray"
    labels: "ByteArray"
    step: int
    seed: int
    optimizer: "Optimizer"
    learning_rate: float


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
    from numnet.data.batches import BatchStream
    from numnet.data.datasets import load_dataset
    from numnet.kernels import load_kernels

    _refuse(args)
    load_kernels(args.kernels)  # or refuse the name, before the training
    dataset = load_dataset(args.data)
    found = _model(args, dataset) if args.model else _trained(args, dataset)
    count = IMAGES if args.batch is None else args.batch
    if not 1 <= count <= found.batch_size:
        raise RecipeError(f"--batch {count}: expected 1 to {found.batch_size}, the images of one of the run's batches")
    stream = BatchStream(dataset.train, found.batch_size, seed=args.seed, kernels=found.network.kernels)
    rows = stream.rows(found.step)[:count]
    images, labels = dataset.train.images[rows], dataset.train.labels[rows]
    return Scene(
        found.about, found.network, images, labels, found.step, args.seed, found.optimizer, found.learning_rate
    )  # fmt: skip


class _Found(NamedTuple):
    """A network and its next step, before the images of that are known."""

    about: str
    network: "Network"
    optimizer: "Optimizer"
    learning_rate: float
    step: int
    batch_size: int


def _model(args: Namespace, dataset: "Dataset") -> _Found:
    """The model's network, and the next step of its run; a fresh Adam where the file tells of no run to go on with."""
    from numnet.nn.optim import OPTIMIZERS, Adam
    from numnet.training.checkpoint import read
    from numnet.training.metrics import check_fits
    from numnet.training.schedules import SCHEDULES

    checkpoint = read(args.model)
    network, header = checkpoint.network(args.kernels), checkpoint.header
    args.seed = header.seed if args.seed is None else args.seed
    try:
        check_fits(network, dataset.train)
    except DataError as error:
        raise DataError(
            f"{args.model} is of other data than {dataset.name}: {error}; give its folder by --data"
        ) from None
    if not checkpoint.vectors or header.recipe is None:
        about = f"{args.model} with a fresh Adam at {LEARNING_RATE:g}, as the file holds no run to go on with"
        return _Found(about, network, Adam(network.kernels, network.parameters), LEARNING_RATE, 0, BATCH)
    recipe = checkpoint.recipe()
    optimizer = OPTIMIZERS[recipe.optimizer](network.kernels, network.parameters)
    for name, vector in checkpoint.vectors.items():
        optimizer.vectors[name][:] = vector
    over = header.step >= header.horizon
    rate = recipe.learning_rate * SCHEDULES[recipe.schedule](header.step - over, header.horizon)
    about = f"{args.model}, after {header.step} steps{' (its run is over; one step more)' * over}"
    return _Found(about, network, optimizer, rate, header.step, recipe.batch_size)


def _trained(args: Namespace, dataset: "Dataset") -> _Found:
    """The recipe's network after its first steps, its optimizer as these left it, and the rate of the next step."""
    from numnet.data.batches import BatchStream
    from numnet.nn.optim import OPTIMIZERS
    from numnet.randomness import Draw
    from numnet.training.loop import count_steps, training_step
    from numnet.training.recipes import find_recipe
    from numnet.training.schedules import SCHEDULES

    recipe = find_recipe(args.recipe or "intended")
    total = count_steps(recipe.steps, recipe.epochs, recipe.batch_size, len(dataset.train))
    if args.steps >= total:
        raise RecipeError(f"--steps {args.steps}: expected less than the {total:,} that recipe {recipe.name} takes")
    rates = [recipe.learning_rate * SCHEDULES[recipe.schedule](step, total) for step in range(args.steps + 1)]
    network = recipe.network(dataset.inputs, dataset.classes, seed=args.seed, kernels="textbook")
    optimizer = OPTIMIZERS[recipe.optimizer](network.kernels, network.parameters)
    batches = BatchStream(dataset.train, recipe.batch_size, seed=args.seed, kernels=network.kernels)
    for step in range(args.steps):
        draw = Draw(args.seed, step)
        training_step(network, optimizer, batches.batch(step), draw=draw, learning_rate=rates[step])
    about = f"recipe {recipe.name}, {f'after {args.steps} steps' if args.steps else 'as it begins'}"
    own = network.twin(kernels=args.kernels, dtype=network.dtype)
    return _Found(about, own, optimizer, rates[-1], args.steps, recipe.batch_size)


def have_compiled(network: "Network") -> None:
    """Compile what a check will call, by a step on blank images, where Ctrl-C can end it."""
    import numpy as np

    from numnet.explain.gradcheck import fill_gradients
    from numnet.randomness import Draw

    blank = np.zeros((1, network.inputs), network.dtype)
    with interrupted_at_once():
        fill_gradients(network, blank, np.zeros(1, np.uint8), Draw(0, 0))
