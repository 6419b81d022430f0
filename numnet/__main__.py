"""`numnet VERB …` and `python -m numnet VERB …`: the same commands as `python -m numnet.VERB …`."""

import runpy
import sys
from collections.abc import Sequence
from typing import NoReturn

from numnet.console import command

VERBS = {
    "train": "train a network",
    "evaluate": "judge a network",
    "predict": "read a digit of your own",
    "sweep": "train many, with several seeds and settings",
    "explain": "every number of a training step, and its proof",
    "doctor": "look the installation over",
}


def main() -> NoReturn:
    """Run the command that the first argument names, and exit with its code."""
    command(_run)


def _run(argv: Sequence[str] | None) -> int:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in VERBS:
        del sys.argv[1]
        runpy.run_module(f"numnet.{verb}", run_name="__main__", alter_sys=True)
    if verb in ("-h", "--help"):
        print("\n".join(["usage: numnet VERB …", "", *(f"  {name:<10} {does}" for name, does in VERBS.items())]))
        return 0
    if verb == "--version":
        from numnet.version import __version__

        print(f"numnet {__version__}")
        return 0
    print(f"numnet: unknown verb {verb!r}: expected one of {', '.join(VERBS)} (see numnet --help)", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
