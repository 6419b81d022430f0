"""explain image: a picture's way to what the network sees, stage by stage."""

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from numnet.console import Parser
from numnet.errors import ImageError

if TYPE_CHECKING:
    from numnet.data.image import Stage

SHOWN = 168  # pixels of a stage: 28 at six times their size

ABOUT = "what becomes of a picture on its way to the network, stage by stage"
DESCRIPTION = """\
Show what the data path makes of a picture: each stage by name, size and what
was done, drawn small; with --out all of them side by side as a picture."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    add = parser.add_argument
    add("file", metavar="FILE", help="a picture of a digit")
    add("--out", type=Path, metavar="STAGES.png", help="draw the stages side by side")
    add("--json", action="store_true", help="print one line of JSON and nothing else")


def run(args: Namespace) -> int:
    """Show the stages."""
    from numnet.data.image import see
    from numnet.data.opening import printable
    from numnet.explain.drawing import beside, shrunk
    from numnet.explain.trace import FORMAT

    if args.out is not None and args.out.suffix.lower() != ".png":
        raise ImageError(f"--out {args.out}: expected the name of a .png file")
    seen = see(args.file)
    if args.out is not None:
        _draw(args, seen.stages)
    small = [shrunk(stage.picture) for stage in seen.stages]
    if args.json:
        stages = [{"name": stage.name, "shape": stage.picture.shape, "note": stage.note, "picture": picture.tolist()}
                  for stage, picture in zip(seen.stages, small, strict=True)]  # fmt: skip
        told = {"format": FORMAT, "file": printable(args.file), "stages": stages, "pixels": seen.pixels.tolist()}
        print(json.dumps(told))
        return 0
    for stage, picture in zip(seen.stages, small, strict=True):
        height, width = stage.picture.shape[:2]
        print(f"{stage.name}, {width} x {height}{f': {stage.note}' * bool(stage.note)}")
        print("\n".join(beside(picture)), end="\n\n")
    return 0


def _draw(args: Namespace, stages: "tuple[Stage, ...]") -> None:
    """All stages side by side."""
    from numnet.data.sheet import Cell, draw_sheet
    from numnet.training.safe_file import replace_file

    if args.out.absolute() == Path(args.file).absolute() or (args.out.exists() and args.out.samefile(args.file)):
        raise ImageError(f"--out {args.out}: would replace the picture itself, choose another name")
    cells = [Cell(stage.picture, stage.name) for stage in stages]
    replace_file(args.out, draw_sheet(cells, columns=len(cells), side=SHOWN), keep_previous=False)
