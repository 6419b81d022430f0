"""Explain a network's numbers: `python -m numnet.explain VERB`."""

from collections.abc import Sequence

from numnet.console import Parser, command
from numnet.explain import scene
from numnet.explain.verbs import gradcheck, step, weight

VERBS = {"step": step, "weight": weight, "gradcheck": gradcheck}


def main(argv: Sequence[str] | None) -> int:
    """Explain as the flags say; the exit code, 1 where a check failed."""
    listed = "\n".join(f"{name:<11} {verb.ABOUT}" for name, verb in VERBS.items())
    parser = Parser("numnet explain", f"{__doc__}\n\n{listed}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        verb.add_flags(verbs.add_parser(name, description=verb.DESCRIPTION))
    args = parser.parse_args(argv)
    scene.refuse(args)
    scene.be_quick()
    return VERBS[args.verb].run(args)


if __name__ == "__main__":
    command(main)
