"""How accurate, and how soon: `python -m benchmarks.accuracy` runs what is lacking and writes docs/accuracy.md.

Stop it at any time: given again, it goes on, a timed run from its beginning. Nothing else should run beside it, as
seconds are quoted.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy import table
from benchmarks.accuracy.lines import Record, now
from benchmarks.accuracy.page import page
from benchmarks.accuracy.readme import summary
from benchmarks.accuracy.running import Interrupted, Runner, check_fashion, runnable
from benchmarks.accuracy.table import PARTS, Setting
from benchmarks.samples import RESULTS, ROOT
from numnet.console import Parser, command
from numnet.errors import RecipeError
from numnet.training.safe_file import replace_file

MODELS = Path("benchmarks", "models")  # not in build/: what took hours is not for `make clean` to remove


def main(argv: Sequence[str] | None) -> int:
    """Run what is lacking of the parts that were asked for, and write the page; the exit code."""
    args = parse(argv)
    if args.readme:
        print(summary(Record(args.results)))
        return 0
    failed: list[str] = []
    code = 0
    try:
        if not args.page:
            runner = Runner(Record(args.results, since=args.since), args.models, args.fashion, args.own)
            failed = run(runner, args.only)
    except Interrupted as interrupted:
        code = 128 + int(interrupted.args[0])
        given = f" with --since {args.since}" if args.since else ""
        print(f"numnet: interrupted; the same command{given} goes on from here", file=sys.stderr)
    for words in failed:
        print(f"numnet: {words}", file=sys.stderr)
    write(Record(args.results), args.docs)
    return code or (1 if failed else 0)


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags; `only` as the names of parts, all of them where none is given."""
    parser = Parser("benchmarks.accuracy", __doc__ or "")
    add = parser.add_argument
    add("--only", default=",".join(PARTS), metavar="PART[,PART…]", help=f"of {', '.join(PARTS)}; default: all")
    add("--page", action="store_true", help="run nothing: write the page from the lines that are there")
    add("--readme", action="store_true", help="print the README's table and do nothing else")
    add("--since", default="", metavar="TIME", help="only lines since then count (UTC, such as 2026-01-31T12:00)")
    add("--anew", action="store_const", dest="since", const=now(), help="as --since with the present time")
    add("--fashion", type=Path, metavar="DIR", help="Fashion-MNIST's four files, for that part")
    add("--own", type=Path, metavar="DIR", help="people's own digits, for that part: pictures with an index.tsv")
    add("--results", type=Path, default=RESULTS / "accuracy", metavar="DIR", help="the lines")
    add("--models", type=Path, default=MODELS, metavar="DIR", help="the model files")
    add("--docs", type=Path, default=ROOT / "docs", metavar="DIR", help="where the page and its picture go")
    args = parser.parse_args(argv)
    args.only = args.only.split(",")
    if unknown := set(args.only) - set(PARTS):
        raise RecipeError(f"--only {min(unknown)}: expected some of {', '.join(PARTS)}")
    if args.fashion:
        check_fashion(args.fashion)
    for part, folder in (("fashion", args.fashion), ("own", args.own)):
        if args.only == [part] and folder is None and not args.page:
            raise RecipeError(f"--only {part}: expected --{part} DIR, the folder that it is measured on")
    return args


def run(runner: Runner, parts: Sequence[str]) -> list[str]:
    """Run what some parts lack, the ablations last: they take longest and nothing waits for them; what failed."""
    for words in left_out(runner, parts):
        print(f"numnet: {words}", file=sys.stderr, flush=True)
    failed = runner.settings([one for one in runnable(table.SETTINGS, runner.fashion) if _part(one) in parts])
    if "distortion" in parts:
        failed += runner.distortion()
    if "committee" in parts:
        failed += [words for committee in table.COMMITTEES for words in runner.committee(committee)]
    if "own" in parts and runner.own:
        failed += runner.own_digits(runner.own)
    if "rivals" in parts:
        failed += runner.rivals()
    if "ablations" in parts:
        failed += runner.settings(table.ablations())
    return failed


def left_out(runner: Runner, parts: Sequence[str]) -> list[str]:
    """The parts that can't be run as no folder was given for them, in words."""
    folders = {"fashion": runner.fashion, "own": runner.own}
    return [
        f"{part} is left out: no folder was given for it; --{part} DIR, or make accuracy {part.upper()}=DIR"
        for part, folder in folders.items()
        if part in parts and folder is None
    ]


def _part(setting: Setting) -> str:
    return setting.recipe if setting.data == table.MNIST else "fashion"


def write(record: Record, docs: Path) -> None:
    """Write the page and its picture."""
    docs.mkdir(parents=True, exist_ok=True)
    replace_file(docs / "accuracy.md", page(record).encode(), keep_previous=False)
    try:
        from benchmarks.accuracy.plot import draw
    except ModuleNotFoundError as error:
        print(f"numnet: no picture was drawn: {error.name} is not installed", file=sys.stderr)
    else:
        draw(record, docs / "pictures" / "accuracy.png")
    print(f"written: {docs / 'accuracy.md'}")


if __name__ == "__main__":
    command(main)
