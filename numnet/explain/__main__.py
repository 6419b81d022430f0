"""Explain a network's numbers: `python -m numnet.explain gradcheck`.

gradcheck   is every gradient right? Against differences of the loss, and the fast kernels against that
"""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from numnet.console import Parser, command, interrupted_at_once
from numnet.errors import RecipeError

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset
    from numnet.nn.network import Network

MOST_IMAGES, MOST_STEPS = 1000, 10_000  # with more it takes long and shows nothing else
BURN_IN = 20  # steps; at the very start gradients are special, and a special place hides bugs


def main(argv: Sequence[str] | None) -> int:
    """Explain as the flags say; the exit code, 1 where a check failed."""
    parser = Parser("numnet explain", __doc__ or "")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="gradcheck")
    _add_gradcheck(verbs.add_parser("gradcheck", description=(
        "Check the gradients of a network on a minibatch: backward in float64 against\n"
                "central differences of the loss, and the kernels in float32 against backward\n"
                "in float64. Exit code 1 where not all of it holds."
    )))  # fmt: skip
    return _gradcheck(parser.parse_args(argv))


def _add_gradcheck(parser: Parser) -> None:
    """The flags of gradcheck."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", type=Path, metavar="FILE.npz", help="a model file that numnet.train --save wrote")
    source.add_argument("--recipe", metavar="NAME", help="a recipe's network (default: intended)")
    add = parser.add_argument
    add("--steps", type=int, metavar="N", help=f"train the recipe so long first (default: {BURN_IN})")
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--batch", type=int, default=8, metavar="B", help="images of the minibatch (default: 8)")
    add("--every", action="store_true", help="all parameters, not a sample: some minutes")
    add("--seed", type=int, default=0, metavar="N", help="which weights, images, entries and masks (default: 0)")
    add("--kernels", default="numba", metavar="SET", help="whose float32 is checked: numba (default) or textbook")
    add("--json", action="store_true", help="print one line of JSON and nothing else")


def _gradcheck(args: Namespace) -> int:
    """Check, and print the certificate."""
    _refuse(args)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):  # NumPy's BLAS must be told before NumPy is imported
        os.environ.setdefault(name, "1")  # products so small are not worth a second thread's waking up
    import numpy as np

    from numnet.data.batches import BatchStream
    from numnet.data.datasets import load_dataset
    from numnet.explain.gradcheck import gradcheck

    dataset = load_dataset(args.data)
    with np.errstate(over="ignore", invalid="ignore"):  # who asks for the loss says what is wrong
        network = _network(args, dataset)
        rows = BatchStream(dataset.train, args.batch, seed=args.seed, kernels=network.kernels).rows(args.steps)
        images, labels = dataset.train.images[rows], dataset.train.labels[rows]
        _compile(network)
        with _ProgressLine() as line:
            progress = line.show if sys.stderr.isatty() else None
            found = gradcheck(network, images, labels, every=args.every, seed=args.seed, progress=progress)
    print(json.dumps(found.as_json()) if args.json else found)
    return 0 if found.passed else 1


def _refuse(args: Namespace) -> None:
    """Raises RecipeError for what can't be, before anything slow is loaded; fills in the default of --steps."""
    if args.model and args.steps is not None:
        raise RecipeError("--steps trains a recipe's network first; a model is checked as it is: leave one of them out")
    args.steps = args.steps if args.steps is not None else 0 if args.model else BURN_IN
    if not 1 <= args.batch <= MOST_IMAGES:
        raise RecipeError(f"--batch {args.batch}: expected 1 to {MOST_IMAGES:,} images")
    if not 0 <= args.steps <= MOST_STEPS:
        raise RecipeError(f"--steps {args.steps}: expected 0 to {MOST_STEPS:,}")
    if not 0 <= args.seed < 2**64:
        raise RecipeError(f"seed {args.seed}: expected 0 to 2**64 - 1")


def _network(args: Namespace, dataset: "Dataset") -> "Network":
    """The model's network, or the recipe's after its first steps."""
    from numnet.kernels import load_kernels
    from numnet.training.checkpoint import load_model
    from numnet.training.loop import fit
    from numnet.training.recipes import find_recipe

    load_kernels(args.kernels)  # or refuse the name, before the training
    if args.model:
        return load_model(args.model, kernels=args.kernels)
    recipe = find_recipe(args.recipe or "intended")
    network = recipe.network(dataset.inputs, dataset.classes, seed=args.seed, kernels="textbook")
    if args.steps:
        fit(network, dataset.train, **recipe.changed(steps=args.steps).training(), seed=args.seed)
    return network.twin(kernels=args.kernels, dtype=network.dtype)


def _compile(network: "Network") -> None:
    """Compile what the check will call, by a step on blank images, where Ctrl-C can end it."""
    import numpy as np

    from numnet.explain.gradcheck import fill_gradients
    from numnet.randomness import Draw

    blank = np.zeros((1, network.inputs), network.dtype)
    with interrupted_at_once():
        fill_gradients(network, blank, np.zeros(1, np.uint8), Draw(0, 0))


class _ProgressLine:
    """Which tensor is looked at and how far it is, on a line of stderr that is gone when all is done."""

    def __init__(self) -> None:
        self._due = 0.0

    def __enter__(self) -> Self:
        return self

    def show(self, name: str, done: int, total: int) -> None:
        """Say so, five times a second at most."""
        if (now := time.monotonic()) >= self._due:
            self._due = now + 0.2
            print(f"\r\033[K{name}: {done:,} of {total:,}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._due:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    command(main)
