"""Explain a network's numbers: `python -m numnet.explain VERB`."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Protocol

from numnet.console import Parser, command
from numnet.explain import scene
from numnet.explain.verbs import distortions, gradcheck, image, pixel, step, unit, weight


class Verb(Protocol):  # a file in verbs/, each of which has its docstrings
    """What it says of itself, its flags, and what it does."""

    ABOUT: str
    DESCRIPTION: str

    def add_flags(self, parser: Parser) -> None: ...  # noqa: D102
    def run(self, args: Namespace) -> int: ...  # noqa: D102


VERBS: dict[str, Verb] = {
    "step": step, "weight": weight, "unit": unit, "pixel": pixel,
    "image": image, "distortions": distortions, "gradcheck": gradcheck,
}  # fmt: skip


def main(argv: Sequence[str] | None) -> int:
    """Explain as the flags say; the exit code, 1 where a check failed."""
    listed = "\n".join(f"{name:<11} {verb.ABOUT}" for name, verb in VERBS.items())
    parser = Parser("numnet explain", f"{__doc__}\n\n{listed}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        verb.add_flags(verbs.add_parser(name, description=verb.DESCRIPTION))
    args = parser.parse_args(argv)
    scene.be_quick()
    return VERBS[args.verb].run(args)


if __name__ == "__main__":
    command(main)
