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
from typing import TYPE_CHECKING, Any, NamedTuple

from numnet.console import Parser, command, cores, interrupted_at_once, seconds_since_start
from numnet.training.flags import add_flags, first_step, refuse_unknown, resolve
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


class _Job(NamedTuple):
    """A run, once all of it is known.

    origin : what it goes on from    say : where its story goes
    sources : what --json says of the code and the data
    """

    args: Namespace
    recipe: Recipe
    dataset: "Dataset"
    origin: "Origin | None"
    threads: int
    say: Callable[[str], None]
    sources: dict[str, str]


def main(argv: Sequence[str] | None) -> int:
    """Train as the flags say and print what came of it; the exit code."""
    args = parse(argv)
    with _reserved(args):
        origin = _find_origin(args)
        recipe = resolve(args, origin)
        say = _printer(args)
        threads = _set_blas_threads(args, say)
        refuse_unknown(recipe, args.kernels)
        started = time.perf_counter()
        code = code_digest() if args.json else ""  # before hours have passed and the files are others
        from numnet.data.datasets import load_dataset

        loaded = load_dataset(args.data)
        data_seconds = time.perf_counter() - started
        sources = {"code": code, "data_sha256": loaded.sha256} if args.json else {}
        dataset = recipe.trained_on(loaded)
        recipe = first_step(recipe, len(dataset.train)) if args.dry_run else recipe
        return _train(_Job(args, recipe, dataset, origin, threads, say, sources), data_seconds)


def _train(job: _Job, data_seconds: float) -> int:
    """Prepare, train, judge and print; the exit code."""
    import numpy as np

    from numnet.training.saving import StopOnSignal

    args, say = job.args, job.say
    _say_what(job)
    with np.errstate(over="ignore", invalid="ignore"):  # the loop says which tensor it was; NumPy only which line
        network = _network(job)
        timings = {"data_seconds": data_seconds, "compile_seconds": _prepare_kernels(job)}
        save, stop = _saver(job), StopOnSignal()
        history = _fit(job, network, [save, stop] if save else [])
        if save and stop.received:
            return _say_interrupted(save, stop.received)
        metrics = _evaluate(network, job.dataset.test)
    if history.best:
        say(f"Best after step {history.best.step}: {history.best.accuracy:.2%} of the validation images")
    say("")
    if not args.json:
        print(f"Accuracy on test set: {metrics.accuracy:.4g}")
    _say_limits(job, network)
    if args.json:
        report = _report(job, timings, network, save, history, metrics)
        print(json.dumps({**report, **_measures(job, network, report["steps"], metrics), **job.sources}))
    code = _judge(metrics, args.require_accuracy)
    return _judge_saving(save, say) or code


def _say_what(job: _Job) -> None:
    """The first lines of a run's story: recipe and data."""
    args, recipe, dataset = job.args, job.recipe, job.dataset
    splits = ("train", "validation", "test") if recipe.images == "train" else ("train", "test")
    sizes = ", ".join(f"{len(getattr(dataset, name)):,} {name}" for name in splits)
    job.say(f"{recipe.describe(dataset.inputs, dataset.classes)}, seed {args.seed}")
    job.say(f"{dataset.name}: {sizes}; kernels {args.kernels}, {job.threads} thread{'s' * (job.threads > 1)}")


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
    listing = "\n".join(f"  {recipe.name:<12} {recipe.about}" for recipe in RECIPES.values())
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
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(blas_threads))
    return threads


def _prepare_kernels(job: _Job) -> float:
    """Load the kernels and compile what this recipe will call, by taking one step and throwing it away; the seconds."""
    started = time.perf_counter()
    from numnet.training.loop import warm_up

    with interrupted_at_once():
        warm_up(job.recipe, job.dataset, job.args.kernels, job.threads)
    seconds = time.perf_counter() - started
    if job.args.kernels == "numba":
        job.say(f"Compiling… {seconds:.2f} s")
    return seconds


def _network(job: _Job) -> "Network":
    """The recipe's network with its initial weights, or the one to go on with."""
    args, dataset, origin = job.args, job.dataset, job.origin
    if origin is None:
        return job.recipe.network(dataset.inputs, dataset.classes, seed=args.seed, kernels=args.kernels)
    from numnet.training.resuming import refuse_other_data

    refuse_other_data(origin, dataset)
    header = origin.checkpoint.header
    job.say(f"Resuming after step {header.step} of {header.horizon}, from {origin.file}")
    return origin.checkpoint.network(args.kernels, to_train=True)


def _saver(job: _Job) -> "Save | None":
    """What keeps the run, where --save says where."""
    args, origin = job.args, job.origin
    if args.save is None:
        return None
    from numnet.training.saving import saver

    there = origin.checkpoint.header.step if origin and origin.is_named and args.save == args.resume else None
    return saver(args.save, args.save_every, job.recipe, args.seed, job.dataset, there)


def _fit(job: _Job, network: "Network", keepers: "list[Callback]") -> "History":
    """Train; `keepers` come last of all that watch."""
    from numnet.training.callbacks import BatchLog, ProgressBar
    from numnet.training.loop import fit
    from numnet.training.saving import StopAt

    args, recipe, train = job.args, job.recipe, job.dataset.train
    callbacks: list[Callback] = [BatchLog(args.log_every, job.say)] if args.log_every else []
    callbacks += [ProgressBar()] if _bar_wanted(args) else []
    callbacks += [StopAt(args.stop_at)] if args.stop_at else []
    so_far = job.origin.checkpoint.so_far() if job.origin else {}
    settings = {**recipe.training(), **so_far, "seed": args.seed}
    validation = job.dataset.validation if recipe.patience else None
    return fit(network, train, **settings, validation=validation, callbacks=[*callbacks, *keepers])


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


def _say_limits(job: _Job, network: "Network") -> None:
    """What keeps the tutorial's network from being better, where it is that one."""
    recipe = job.recipe
    if recipe.activation == "linear" and min(recipe.hidden, default=0) >= job.dataset.classes:
        job.say("\n" + _limits(network))
    if recipe.name == "tutorial" and recipe.activation == "linear":
        job.say(f"But {find_recipe('strong').about}: python -m numnet.train --recipe strong")


def _limits(network: "Network") -> str:
    """What a network without activations cannot do."""
    dense = sum(bool(layer.parameter_shapes()) for layer in network.layers)
    affine = (network.inputs + 1) * network.classes
    return (
        f"This network cannot draw a curved line: with no activation between them its {dense} layers are one affine "
        f"map, so {len(network.parameters):,} parameters do the work of {affine:,}."
    )


def _report(
    job: _Job,
    timings: dict[str, float],
    network: "Network",
    save: "Save | None",
    history: "History",
    metrics: "Metrics",
) -> dict[str, Any]:
    """What --json prints of the run."""
    steps = len(history.losses)
    before = job.origin.checkpoint.header.step if job.origin else 0
    return {
        "format": FORMAT,
        "recipe": job.recipe.name,
        "seed": job.args.seed,
        "steps": before + steps,
        "threads": job.threads,
        "kernels": job.args.kernels,
        **timings,
        "train_seconds": history.seconds,
        "total_seconds": seconds_since_start(),
        "images_per_second": steps * job.recipe.batch_size / history.seconds,
        "test_accuracy": metrics.accuracy,
        "test_loss": metrics.loss,
        "parameters_sha256": network.parameters_sha256(),
        "saved": str(save.path) if save and save.is_up_to_date else None,
    }


def _measures(job: _Job, network: "Network", steps: int, metrics: "Metrics") -> dict[str, Any]:
    """What --json prints of the network and of the work that went into it, the steps before it was resumed included."""
    from numnet.training.metrics import training_flops

    dataset, images = job.dataset, steps * job.recipe.batch_size
    held_out = job.recipe.images == "train"
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
