"""explain weight: the whole story of one weight."""

import json
from argparse import Namespace

from numnet.console import Parser
from numnet.explain import scene

ABOUT = "the whole story of one weight: where its gradient comes from, and where it goes"
DESCRIPTION = """\
The story of weight w[I,J] of a layer: what each image adds to its gradient,
down to the last digit; through which units that came back; what the loss does
when the weight is nudged; and the step that the optimizer takes with it."""


def add_flags(parser: Parser) -> None:
    """The flags of this verb."""
    add = parser.add_argument
    add("layer", type=int, metavar="LAYER", help="a layer with weights, counted from 0")
    add("i", type=int, metavar="I", help="which of its inputs, from 0")
    add("j", type=int, metavar="J", help="which of its outputs, from 0")
    scene.add_flags(parser)


def run(args: Namespace) -> int:
    """Print the ledger."""
    from numnet.explain.ledger import weight_ledger
    from numnet.explain.places import check_place, dense_layer
    from numnet.explain.story import weight_lines
    from numnet.explain.walk import Walk

    found = scene.scene(args)
    layer = dense_layer(found.network, args.layer)
    check_place(layer, "input", args.i, layer.inputs)
    check_place(layer, "output", args.j, layer.outputs)
    ledger = weight_ledger(Walk(found), args.layer, args.i, args.j)
    print(json.dumps(ledger.as_json()) if args.json else "\n".join(weight_lines(ledger)))
    return 0 if ledger.passed else 1
