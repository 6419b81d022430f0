"""explain distortions: what training images look like when they are distorted."""

import json
from argparse import Namespace
from pathlib import Path

from numnet.console import Parser
from numnet.errors import ImageError, RecipeError
from numnet.explain import scene

ABOUT = "what distortions make of training images, each alone and all at once"
DESCRIPTION = """\
Show training images as they are and distorted: turned, stretched, leaned, moved
and bent, as training with distortions sees them in that epoch; with --out each
kind alone and all at once, side by side as a picture."""
MOST = 100  # images
SIDE = 112  # pixels of a picture on the sheet: 28 at four times their size


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    add = parser.add_argument
    add("--images", type=int, default=3, metavar="N", help="how many training images (default: 3)")
    add("--epoch", type=int, default=0, metavar="E", help="of which epoch (default: 0)")
    add("--seed", type=int, default=0, metavar="N", help="of which run (default: 0)")
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--out", type=Path, metavar="SHEET.png", help="draw every kind side by side")
    add("--json", action="store_true", help="print one line of JSON and nothing else")


def run(args: Namespace) -> int:
    """Show them."""
    for name, value, most in (("--images", args.images, MOST), ("--epoch", args.epoch, 2**63 - 1)):
        least = 1 if name == "--images" else 0
        if not least <= value <= most:
            raise RecipeError(f"{name} {value}: expected {least} to {most}")
    scene.checked_seed(args.seed)
    if args.out is not None and args.out.suffix.lower() != ".png":
        raise ImageError(f"--out {args.out}: expected the name of a .png file")
    from numnet.data.datasets import load_dataset
    from numnet.data.sheet import draw_sheet
    from numnet.explain.distorted import KINDS, cells, distorted, distorted_lines
    from numnet.explain.trace import FORMAT
    from numnet.training.safe_file import replace_file

    train = load_dataset(args.data).train
    rows = list(range(min(args.images, len(train))))
    found = distorted(train, rows, seed=args.seed, epoch=args.epoch)
    if args.out is not None:
        replace_file(args.out, draw_sheet(cells(found), columns=len(KINDS) + 2, side=SIDE), keep_previous=False)
    images = [each.as_json() for each in found]
    print(json.dumps({"format": FORMAT, "images": images}) if args.json else "\n".join(distorted_lines(found)))
    return 0
