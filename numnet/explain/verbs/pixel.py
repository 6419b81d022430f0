"""explain pixel: what one pixel of a picture does to the answer."""

import json
from argparse import Namespace

from numnet.console import Parser
from numnet.errors import CheckpointError, RecipeError
from numnet.explain import scene

ABOUT = "what one pixel of your own picture does to the answer"
DESCRIPTION = """\
What a pixel of a picture, as the network sees it, does to the answer: with it
as it is, without ink and full of ink, and the slope that backward finds, all
the way down to the pixels."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    add = parser.add_argument
    add("file", metavar="FILE", help="a picture of a digit")
    add("row", type=int, metavar="ROW", help="of the 28 x 28 that the network sees, from 0 at the top")
    add("column", type=int, metavar="COLUMN", help="from 0 at the left")
    scene.add_flags(parser)


def run(args: Namespace) -> int:
    """Print the story."""
    import numpy as np

    from numnet.data.image import see
    from numnet.data.opening import printable
    from numnet.data.shape import SIDE
    from numnet.explain.pixel import pixel, pixel_lines

    for name, value in (("row", args.row), ("column", args.column)):
        if not 0 <= value < SIDE:
            raise RecipeError(f"{name} {value}: expected 0 to {SIDE - 1}")
    seen = see(args.file)
    found = scene.scene(args)
    exact = found.network.twin(kernels="textbook", dtype=np.float64)
    if exact.inputs != SIDE * SIDE:
        raise CheckpointError(
            f"{found.about}: takes {exact.inputs} numbers; expected {SIDE * SIDE}, for pictures of {SIDE} x {SIDE}"
        )
    if args.model is None and not args.json:
        print("(a network that has hardly learned: --model FILE.npz explains one of yours)\n")
    story = pixel(exact, f"{printable(args.file)}, {found.about}", seen.pixels, args.row, args.column)
    print(json.dumps(story.as_json()) if args.json else "\n".join(pixel_lines(story)))
    return 0 if story.passed else 1
