"""explain unit: what one unit sees, says and is good for."""

import json
from argparse import Namespace

from numnet.console import Parser
from numnet.explain import scene

ABOUT = "what one unit sees, what it says to each image, who hears it"
DESCRIPTION = """\
The story of output J of a layer: its weights, as a picture where it sees
pixels; what it says to each image of a minibatch and what comes back; who
hears it; and what the loss is without it."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    parser.add_argument("layer", type=int, metavar="LAYER", help="a layer with weights, counted from 0")
    parser.add_argument("j", type=int, metavar="J", help="which of its outputs, from 0")
    scene.add_flags(parser)


def run(args: Namespace) -> int:
    """Print the story."""
    from numnet.explain.places import check_place, dense_layer
    from numnet.explain.unit import unit, unit_lines
    from numnet.explain.walk import Walk

    found = scene.scene(args)
    layer = dense_layer(found.network, args.layer)
    check_place(layer, "output", args.j, layer.outputs)
    story = unit(Walk(found), args.layer, args.j)
    print(json.dumps(story.as_json()) if args.json else "\n".join(unit_lines(story)))
    return 0
