"""explain gradcheck: is every gradient right?"""

import itertools
import json
import sys
import time
from argparse import Namespace
from typing import Self

from numnet.console import Parser
from numnet.errors import RecipeError
from numnet.explain import scene

ABOUT = "is every gradient right? Against differences of the loss, and the fast kernels against that"
DESCRIPTION = """\
Check the gradients of a network on a minibatch: backward in float64 against
central differences of the loss, and the kernels in float32 against backward
in float64. Exit code 1 where not all of it holds.
With --mutants the check itself is on trial: bugs are planted into backward, one
at a time; each must be caught, and is named by the marks that it leaves."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    scene.add_flags(parser, kernels="numba")
    add = parser.add_argument
    add("--every", action="store_true", help="all parameters, not a sample: some minutes")
    add("--mutants", action="store_true", help="plant bugs into small networks, and see each caught and named")


def run(args: Namespace) -> int:
    """Check, and print the certificate; with --mutants, the trial of the check."""
    return _try_mutants(args) if args.mutants else _check(args)


def _try_mutants(args: Namespace) -> int:
    from numnet.data.datasets import load_dataset
    from numnet.explain.trace import FORMAT
    from numnet.explain.trial import NONE, small, trial_lines, trials

    given = {"--model": args.model, "--recipe": args.recipe, "--steps": args.steps, "--batch": args.batch}
    if others := [flag for flag, value in given.items() if value is not None] + ["--every"] * args.every:
        raise RecipeError(f"--mutants plants bugs into small networks of its own: leave {', '.join(others)} out")
    seed = scene.checked_seed(args.seed)
    found, again = itertools.tee(trials(small(load_dataset(args.data)), seed))
    if not args.json:
        for line in trial_lines(found):
            print(line, flush=True)
    verdicts = list(again)
    if args.json:
        print(json.dumps({"format": FORMAT, "verdicts": [verdict.as_json() for verdict in verdicts]}))
    return 0 if all(verdict.right and (verdict.caught or verdict.name == NONE) for verdict in verdicts) else 1


def _check(args: Namespace) -> int:
    import numpy as np

    from numnet.explain.gradcheck import gradcheck

    with np.errstate(over="ignore", invalid="ignore"):  # who asks for the loss says what is wrong
        found = scene.scene(args)
        scene.have_compiled(found.network)
        with _ProgressLine() as line:
            progress = line.show if sys.stderr.isatty() else None
            certificate = gradcheck(
                found.network, found.images, found.labels,
                every=args.every, seed=args.seed, smoothing=found.smoothing, progress=progress,
            )  # fmt: skip
    print(json.dumps(certificate.as_json()) if args.json else certificate)
    return 0 if certificate.passed else 1


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
