"""Train many networks: `python -m numnet.sweep --recipe R --seeds 0..4 --grid learning_rate=1e-3,3e-4`.

Each run is a `python -m numnet.train` of its own, so the runs share nothing but the machine.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numnet.console import Parser, command, cores
from numnet.errors import RecipeError
from numnet.training.board import Board, Lines
from numnet.training.flags import RECIPE_FLAGS, add_flags, refuse_unknown, resolve
from numnet.training.grid import Trial, changes_in_words, check_name, parse_axis, parse_seeds, settings, trials
from numnet.training.recipes import find_recipe
from numnet.training.results import Results
from numnet.training.safe_file import sole_writer
from numnet.training.sources import code_digest
from numnet.training.standings import Spread, Standing, standings
from numnet.training.sweeping import Row, Sweep, Watch

FORMAT = 1  # of the line that --json prints; raised when a field changes its meaning

ABOUT = """Train networks with several seeds and settings, some at a time, and compare them by validation accuracy.

Every finished run is a line in the --out file. The same command, given again, skips what is there and goes on with
what was interrupted, to the bits that it would have ended with undisturbed: as long as numnet's own files and the data
are what they were. What other code or other data made never counts."""

GRID = (
    "a number of the recipe, by the name of train's flag, and its values; given again: each value with each of the "
    "others. Values that have commas stand between semicolons: 'hidden=512,256;800', or 'hidden=512,256;' alone"
)

MODELS = (
    "the model files (default: beside --out, as sweep-models); they stay, 12 bytes a parameter with Adam, and 4 more "
    "each for --average and --patience: delete them when you need none"
)
TEST = (
    "show the accuracy on the test images also where several settings are compared; without, it is shown of a single "
    "setting only, as whoever chooses by it has no images left to say how good the choice is"
)


def main(argv: Sequence[str] | None) -> int:
    """Run what the flags ask for, as far as it is not done yet, and print how the settings compare; the exit code."""
    args = parse(argv)
    todo = plan(args)
    with sole_writer(args.out):
        results = Results(args.out)
        if results.mended:
            print(f"numnet: {args.out}: the last line was cut short; its run is done again", file=sys.stderr)
        models = args.models or args.out.with_name(f"{args.out.stem}-models")
        models.mkdir(parents=True, exist_ok=True)
        jobs = args.jobs or cores()
        sweep = Sweep(todo, results, models, jobs=jobs, cores=cores(), save_every=args.save_every)
        watch = _watch(args)
        try:
            sweep.run(watch)
        finally:
            watch.close()
    return _say_interrupted(sweep) if sweep.received else _conclude(args, sweep)


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags, each of the right kind; what they come to is `plan`'s to judge."""
    parser = Parser("numnet sweep", ABOUT)
    add = parser.add_argument
    add("--recipe", default="tutorial", metavar="NAME", help="which numbers to train with (default: tutorial)")
    add("--seeds", default="0", metavar="A..B", help="such as 0..4, 0,3,7 or 0..2,9 (default: 0)")
    add("--grid", action="append", default=[], metavar="NAME=V[,V…]", help=GRID)
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--kernels", default="numba", metavar="SET", help="numba (compiled, default) or textbook (NumPy)")
    add("--jobs", type=int, metavar="N", help="runs at a time, which share the cores (default: as many as cores)")
    add("--out", type=Path, default=Path("sweep.jsonl"), metavar="FILE", help="the results (default: sweep.jsonl)")
    add("--models", type=Path, metavar="DIR", help=MODELS)
    add("--save-every", default="1m", metavar="N", help="how often a run saves, as in train (default: 1m, a minute)")
    add("--test", action="store_true", help=TEST)
    add("--json", action="store_true", help="print one line of JSON and nothing else")
    return parser.parse_args(argv)


def plan(args: Namespace) -> list[Trial]:
    """Every run that the flags ask for; raises RecipeError or DataError for what no run can have."""
    if args.jobs is not None and args.jobs < 1:
        raise RecipeError(f"--jobs {args.jobs}: expected at least 1")
    seeds = parse_seeds(args.seeds)
    grid = [_understood(args, setting) for setting in settings([parse_axis(text) for text in args.grid])]
    _refuse_without_validation(args.recipe, grid)
    from numnet.data.datasets import load_dataset

    dataset = load_dataset(args.data)  # what is wrong with it is said once, and not by every run
    data = None if args.data is None else str(Path(args.data).absolute())
    args.test = args.test or len(grid) == 1  # then there is nothing to choose among
    return trials(
        args.recipe, grid, seeds, kernels=args.kernels, data=data, code=code_digest(), data_sha256=dataset.sha256
    )


def _understood(args: Namespace, setting: dict[str, str]) -> dict[str, Any]:
    """The values of a setting as `train` understands them; it refuses in its own words what it would not take."""
    for name in setting:
        check_name(name, RECIPE_FLAGS)
    parser = Parser("numnet train", "")
    add_flags(parser)
    flags = Trial(args.recipe, setting, 0, args.kernels, None, "").flags()
    given = parser.parse_args([*flags, f"--save-every={args.save_every}", "--save=model.npz"])
    refuse_unknown(resolve(given), args.kernels)
    return {name: getattr(given, name) for name in setting}


def _refuse_without_validation(recipe: str, grid: Sequence[dict[str, Any]]) -> None:
    """Raises RecipeError where settings are to be compared, and one of them trains on the images to compare them by."""
    if len(grid) > 1 and any(find_recipe(recipe).changed(**setting).images == "all" for setting in grid):
        raise RecipeError(
            f"recipe {recipe} trains on all images, so that none is left to choose a setting by: "
            "add --grid images=train"
        )


def _say_interrupted(sweep: Sweep) -> int:
    """The last words of a sweep that a signal ended; the exit code."""
    assert sweep.received
    done = sum(row.state == "done" for row in sweep.rows)
    where = f"{done} of {len(sweep.rows)} runs are in {sweep.results.path}"
    print(f"numnet: interrupted; {where}; the same command goes on from here", file=sys.stderr)
    return 128 + sweep.received


def _conclude(args: Namespace, sweep: Sweep) -> int:
    """Print how the settings compare, and what failed; the exit code."""
    failed = [row for row in sweep.rows if row.state == "failed"]
    if args.json:
        print(json.dumps(_report(args, sweep, failed)))
    else:
        print("\n".join(_table(standings(sweep.rows, test=args.test), args.test)))
        for row in failed:
            assert row.entry
            twice = " twice" * (row.attempts > 1)
            print(f"numnet: {row.name} failed{twice}, {row.entry.error}", file=sys.stderr)
    return 1 if failed else 0


def _report(args: Namespace, sweep: Sweep, failed: Sequence[Row]) -> dict[str, Any]:
    """What --json prints."""
    trial = sweep.rows[0].trial
    return {
        "format": FORMAT,
        "recipe": trial.recipe,
        "seeds": list(dict.fromkeys(row.trial.seed for row in sweep.rows)),
        "kernels": trial.kernels,
        "data": trial.data,
        "data_sha256": trial.data_sha256,
        "code": trial.code,
        "commit": sweep.commit,
        "out": str(args.out),
        "settings": [_standing(standing) for standing in standings(sweep.rows, test=args.test)],
        "failed": [
            {"changes": row.trial.changes, "seed": row.trial.seed, "error": row.entry and row.entry.error}
            for row in failed
        ],
    }


def _standing(standing: Standing) -> dict[str, Any]:
    spreads = {name: value._asdict() for name, value in vars(standing).items() if isinstance(value, Spread)}
    return {**asdict(standing), **spreads}


def _table(found: Sequence[Standing], test: bool) -> list[str]:
    """How the settings compare, for people."""
    head = ("setting", "runs", "validation", *(("test",) if test else ()), "seconds", "MiB")
    rows = [
        (
            _setting(one.changes),
            f"{one.done}" if one.done == one.runs else f"{one.done} of {one.runs}",
            _percent(one.validation_accuracy),
            *((_percent(one.test_accuracy),) if test else ()),
            _spread(one.train_seconds, 1),
            _spread(one.peak_mib, 0),
        )
        for one in found
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        *("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)),
        "",
        "Mean over seeds ± standard deviation, the best on the validation images first. Choose a setting by those, and",
        "never by the test images: they are there to say how good the choice is.",
    ]


def _setting(changes: Any) -> str:
    return " ".join(changes_in_words(changes)) or "as the recipe has it"


def _percent(spread: Spread | None) -> str:
    return "-" if spread is None else f"{_spread(spread.times(100), 2)} %"


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "-"
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.{digits}f}"
    return f"{spread.mean:.{digits}f}{deviation}"


def _watch(args: Namespace) -> Watch:
    """What tells a person how the sweep gets on."""
    if args.json:
        return Watch()
    return Board(test=args.test) if sys.stderr.isatty() else Lines(test=args.test)


if __name__ == "__main__":
    command(main)
