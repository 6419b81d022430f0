"""Train a network: `python -m numnet.train`.

Alone it runs the recipe `tutorial` on the bundled MNIST. Importing this module, or asking for --help, loads neither
Numba nor Pillow.
"""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from numnet.console import Parser, command, cores, interrupted_at_once, seconds_since_start
from numnet.training.flags import add_flags, refuse_unknown, resolve
from numnet.training.recipes import RECIPES, Recipe, find_recipe
from numnet.training.sources import code_digest

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset, Split
    from numnet.nn.network import Network
    from numnet.training.callbacks import Callback, History
    from numnet.training.metrics import Metrics
    from numnet.training.resuming import Origin
    from numnet.training.saving import Save

FORMAT = 1  # of the line that --json prints; raised when a field changes its meaning


def main(argv: Sequence[str] | None) -> int:
    """Train as the flags say and print what came of it; the exit code."""
    args = parse(argv)
    with _reserved(args):
        origin = _find_origin(args)
        recipe = resolve(args, origin)
        say = _printer(args)
        threads = _set_blas_threads(args, say)
        refuse_unknown(recipe, args.kernels)
        return _train(args, origin, recipe, threads, say)


def _train(args: Namespace, origin: "Origin | None", recipe: Recipe, threads: int, say: Callable[[str], None]) -> int:
    """Load, prepare, train, judge and print."""
    started = time.perf_counter()
    sources = code_digest() if args.json else ""  # before hours have passed and the files are others
    from numnet.data.datasets import load_dataset

    loaded = load_dataset(args.data)
    dataset = recipe.trained_on(loaded)
    data_seconds = time.perf_counter() - started
    splits = ("train", "validation", "test") if recipe.images == "train" else ("train", "test")
    sizes = ", ".join(f"{len(getattr(dataset, name)):,} {name}" for name in splits)
    say(f"{recipe.describe(dataset.inputs, dataset.classes)}, seed {args.seed}")
    say(f"{dataset.name}: {sizes}; kernels {args.kernels}, {threads} thread{'s' * (threads > 1)}")

    import numpy as np

    from numnet.training.saving import StopOnSignal

    with np.errstate(over="ignore", invalid="ignore"):  # the loop says which tensor it was; NumPy only which line
        network = _network(recipe, dataset, args, origin, say)
        compile_seconds = _prepare_kernels(recipe, dataset, args.kernels, threads, say)
        save, stop = _saver(recipe, dataset, args, origin), StopOnSignal()
        history = _fit(network, recipe, dataset, args, origin, [save, stop] if save else [], say)
        if save and stop.received:
            return _say_interrupted(save, stop.received)
        metrics = _evaluate(network, dataset.test)
    if history.best:
        say(f"Best after step {history.best.step}: {history.best.accuracy:.2%} of the validation images")
    say("")
    if not args.json:
        print(f"Accuracy on test set: {metrics.accuracy:.4g}")
    if recipe.activation == "linear" and min(recipe.hidden, default=0) >= dataset.classes:
        say("\n" + _limits(network))
    if recipe.name == "tutorial" and recipe.activation == "linear":
        say(f"But {find_recipe('strong').about}: python -m numnet.train --recipe strong")
    if args.json:
        timings = {"data_seconds": data_seconds, "compile_seconds": compile_seconds}
        report = _report(args, recipe, threads, timings, network, origin, save, history, metrics)
        measures = _measures(network, recipe, dataset, report["steps"], metrics)
        print(json.dumps({**report, **measures, "code": sources, "data_sha256": loaded.sha256}))
    code = _judge(metrics, args.require_accuracy)
    return _judge_saving(save, say) or code


def _reserved(args: Namespace) -> AbstractContextManager[None]:
    """Settles where the run is saved, and keeps other runs out of that file from before it is read."""
    if args.dry_run:
        args.save = None  # one step, to see that everything works, and nothing is left behind
        return nullcontext()
    args.save = args.save or args.resume
    if args.save is None:
        return nullcontext()
    from numnet.training.saving import reserved

    return reserved(args.save, resuming=args.resume is not None and args.resume.absolute() == args.save.absolute())


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags, each of the right kind."""
    listing = "\n".join(f"  {recipe.name:<10} {recipe.about}" for recipe in RECIPES.values())
    parser = Parser("numnet train", f"Train a network on images of digits.\n\nrecipes:\n{listing}")
    add_flags(parser)
    return parser.parse_args(argv)


def _find_origin(args: Namespace) -> "Origin | None":
    """What --resume goes on from; it says so where that is not the file that was named."""
    if args.resume is None:
        return None
    from numnet.training.resuming import find_origin

    origin = find_origin(args.resume)
    if not origin.is_named:
        header = origin.checkpoint.header
        where = f"{origin.file}: {origin.recipe.name}, step {header.step} of {header.horizon}"
        print(f"numnet: {origin.named} is hurt or gone; going on from the one before, {where}", file=sys.stderr)
    return origin


def _printer(args: Namespace) -> Callable[[str], None]:
    """Where the run's story goes: stdout, past a progress bar; nowhere with --quiet or --json."""
    if args.quiet or args.json:
        return lambda line: None
    if not _bar_wanted(args):
        return lambda line: print(line, flush=True)
    from tqdm import tqdm

    return lambda line: tqdm.write(line, file=sys.stdout)


def _bar_wanted(args: Namespace) -> bool:
    """A bar is drawn on a terminal only, and only where tqdm is installed."""
    from importlib.util import find_spec

    return sys.stderr.isatty() and not args.quiet and not args.json and find_spec("tqdm") is not None


def _set_blas_threads(args: Namespace, say: Callable[[str], None]) -> int:
    """How many threads to use, at most one a core; NumPy's BLAS must be told before NumPy is imported."""
    most = cores()
    if (limit := os.environ.get("NUMBA_NUM_THREADS", "")).isdigit():  # Numba refuses to go beyond it
        most = min(most, max(1, int(limit)))
    threads = min(args.threads or most, most)
    if args.threads and args.threads > most:
        say(f"--threads {args.threads}: using {most}, as many as there are cores")
    blas_threads = threads if args.kernels == "textbook" else 1  # compiled kernels have no use for BLAS
    also = ("OMP_NUM_THREADS",) if args.kernels == "textbook" else ()  # else it is the compiled kernels' own number
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", *also):
        os.environ.setdefault(name, str(blas_threads))
    return threads


def _prepare_kernels(
    recipe: Recipe, dataset: "Dataset", kernels: str, threads: int, say: Callable[[str], None]
) -> float:
    """Load the kernels and compile what this recipe will call, by taking one step and throwing it away; the seconds."""
    started = time.perf_counter()
    from numnet.training.loop import warm_up

    with interrupted_at_once():
        warm_up(recipe, dataset, kernels, threads)
    seconds = time.perf_counter() - started
    if kernels == "numba":
        say(f"Compiling… {seconds:.2f} s")
    return seconds


def _network(
    recipe: Recipe, dataset: "Dataset", args: Namespace, origin: "Origin | None", say: Callable[[str], None]
) -> "Network":
    """The recipe's network with its initial weights, or the one to go on with."""
    if origin is None:
        return recipe.network(dataset.inputs, dataset.classes, seed=args.seed, kernels=args.kernels)
    from numnet.training.resuming import refuse_other_data

    refuse_other_data(origin, dataset)
    header = origin.checkpoint.header
    say(f"Resuming after step {header.step} of {header.horizon}, from {origin.file}")
    return origin.checkpoint.network(args.kernels, to_train=True)


def _saver(recipe: Recipe, dataset: "Dataset", args: Namespace, origin: "Origin | None") -> "Save | None":
    """What keeps the run, where --save says where."""
    if args.save is None:
        return None
    from numnet.training.saving import saver

    there = origin.checkpoint.header.step if origin and origin.is_named and args.save == args.resume else None
    return saver(args.save, args.save_every, recipe, args.seed, dataset, there)


def _fit(
    network: "Network",
    recipe: Recipe,
    dataset: "Dataset",
    args: Namespace,
    origin: "Origin | None",
    keepers: "list[Callback]",
    say: Callable[[str], None],
) -> "History":
    from numnet.training.callbacks import BatchLog, ProgressBar
    from numnet.training.loop import fit
    from numnet.training.saving import StopAt

    callbacks: list[Callback] = [BatchLog(args.log_every, say)] if args.log_every else []
    callbacks += [ProgressBar()] if _bar_wanted(args) else []
    callbacks += [StopAt(args.stop_at)] if args.stop_at else []
    settings = {**recipe.training(), **(origin.checkpoint.so_far() if origin else {}), "seed": args.seed}
    validation = dataset.validation if recipe.patience else None
    return fit(network, dataset.train, **settings, validation=validation, callbacks=[*callbacks, *keepers])


def _say_interrupted(save: "Save", number: int) -> int:
    """The last words of a run that a signal ended; the exit code."""
    way_on = f"; go on with --resume {save.path}" if save.saved_steps is not None else ""
    print(f"numnet: interrupted; {save.holds}{way_on}", file=sys.stderr)
    return 128 + number


def _judge_saving(save: "Save | None", say: Callable[[str], None]) -> int:
    """Say how to use what was saved; 1 where it could not be."""
    if save is None:
        return 0
    if not save.is_up_to_date:
        print(f"numnet: the network could not be saved to {save.path}; {save.holds}", file=sys.stderr)
        return 1
    say(f"\nSaved. Try it on a digit of your own: python -m numnet.predict {save.path} PICTURE")
    return 0


def _evaluate(network: "Network", split: "Split") -> "Metrics":
    from numnet.training.metrics import evaluate

    return evaluate(network, split)


def _limits(network: "Network") -> str:
    """What a network without activations cannot do."""
    dense = sum(bool(layer.parameter_shapes()) for layer in network.layers)
    affine = (network.inputs + 1) * network.classes
    return (
        f"This network cannot draw a curved line: with no activation between them its {dense} layers are one affine "
        f"map, so {len(network.parameters):,} parameters do the work of {affine:,}."
    )


def _report(
    args: Namespace,
    recipe: Recipe,
    threads: int,
    timings: dict[str, float],
    network: "Network",
    origin: "Origin | None",
    save: "Save | None",
    history: "History",
    metrics: "Metrics",
) -> dict[str, Any]:
    """What --json prints of the run."""
    steps = len(history.losses)
    before = origin.checkpoint.header.step if origin else 0
    return {
        "format": FORMAT,
        "recipe": recipe.name,
        "seed": args.seed,
        "steps": before + steps,
        "threads": threads,
        "kernels": args.kernels,
        **timings,
        "train_seconds": history.seconds,
        "total_seconds": seconds_since_start(),
        "images_per_second": steps * recipe.batch_size / history.seconds,
        "test_accuracy": metrics.accuracy,
        "test_loss": metrics.loss,
        "parameters_sha256": network.parameters_sha256(),
        "saved": str(save.path) if save and save.is_up_to_date else None,
    }


def _measures(network: "Network", recipe: Recipe, dataset: "Dataset", steps: int, metrics: "Metrics") -> dict[str, Any]:
    """What --json prints of the network and of the work that went into it, the steps before it was resumed included."""
    from numnet.training.metrics import training_flops

    images = steps * recipe.batch_size
    held_out = recipe.images == "train"
    return {
        "epochs": images / len(dataset.train),
        "validation_accuracy": _evaluate(network, dataset.validation).accuracy if held_out else None,
        "test_errors": round((1 - metrics.accuracy) * len(dataset.test)),
        "flops": training_flops(network, images),
        "parameters": len(network.parameters),
    }


def _judge(metrics: "Metrics", required: float | None) -> int:
    if required is None or metrics.accuracy >= required:
        return 0
    print(f"numnet: test accuracy {metrics.accuracy:.4f} is below the required {required}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    command(main)
