"""explain step: one training step, every number of it."""

import json
from argparse import Namespace

from numnet.console import Parser
from numnet.explain import scene

ABOUT = "one training step from the images to the new weights, every gradient beside its proof"
DESCRIPTION = """\
Take one training step apart: the images, each layer forward, the loss in eight
steps, each layer backward, the optimizer. Of every quantity: its formula, its
size and range, one number term by term and, where it is a gradient, what the
loss does when that number is nudged. Exit code 1 where the two disagree."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    scene.add_flags(parser, kernels="textbook")
    parser.add_argument("--layer", type=int, metavar="N", help="this layer's stages alone, counted from 0")


def run(args: Namespace) -> int:
    """Print the trace."""
    from numnet.explain.places import check_layer
    from numnet.explain.step import lines
    from numnet.explain.walk import Walk

    found = scene.scene(args)
    if args.layer is not None:
        check_layer(found.network, args.layer)
    if args.kernels != "textbook":
        scene.have_compiled(found.network)
    trace = Walk(found).trace().of_layer(args.layer)
    print(json.dumps(trace.as_json()) if args.json else "\n".join(lines(trace)))
    return 0 if trace.passed else 1
