"""Read digits from pictures: `python -m numnet.predict MODEL.npz FILE…`.

A picture goes through data/image.py to what MNIST's digits look like; --show draws every stage on the way.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from numnet.console import Parser, command
from numnet.errors import CheckpointError, ImageError

if TYPE_CHECKING:
    from numnet.data.image import Seen
    from numnet.kernels import FloatArray
    from numnet.nn.network import Network

FORMAT = 1  # of the lines that --json prints
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # what is taken from a folder; content decides what it is
BAR = 40  # characters of a bar of 100 %
SHOWN = 168  # pixels of a stage in the picture of --show: 28 at six times their size

FRAGILE = (
    "--raw: the picture as it is, inverted, 0 to 255, as the tutorial fed its own. Training saw 0 to 1, ink 20 pixels "
    "high and centred by its mass, so a digit of another size, place, brightness or ground is read right by luck only."
)


class Answer(NamedTuple):
    """What was read from one file.

    probabilities : float (C,)
    """

    name: str
    seen: "Seen"
    probabilities: "FloatArray"

    @property
    def digit(self) -> int:
        """The likeliest class."""
        return int(self.probabilities.argmax())


def main(argv: Sequence[str] | None) -> int:
    """Read every file and print what it is; 2 where one could not be read."""
    args = parse(argv)
    from numnet.data.shape import SIDE
    from numnet.training.checkpoint import load_model

    network = load_model(args.model, kernels="textbook")  # one picture is done before a compiler has started
    if network.inputs != SIDE * SIDE:
        raise CheckpointError(
            f"{args.model}: takes {network.inputs} numbers; expected {SIDE * SIDE}, for pictures of {SIDE} x {SIDE}"
        )
    _refuse_to_overwrite(args)
    answers: list[Answer] = []
    refused, alone = 0, len(args.files) == 1 and not Path(args.files[0]).is_dir()
    for file in _expanded(args.files, args.show):
        try:
            if isinstance(file, ImageError):
                raise file
            answers.append(_read(network, file, args.raw))
        except ImageError as error:
            refused += 1
            reason = json.dumps({"format": FORMAT, "error": str(error)}) if args.json else f"numnet: {error}"
            print(reason, file=sys.stdout if args.json else sys.stderr, flush=True)
        else:
            print(_as_json(answers[-1]) if args.json else _as_text(answers[-1], alone), flush=True)
    if args.raw and answers and not args.json:
        print(FRAGILE)
    if args.show and answers:
        _draw(answers, args.show)
    return 2 if refused else 0


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags."""
    parser = Parser(
        "numnet predict", "Read digits from pictures: PNG, JPEG, BMP, GIF or WebP, of any size and colours."
    )
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL.npz", help="a model file that numnet.train --save wrote")
    add("files", nargs="+", metavar="FILE", help="a picture, a folder of pictures, or - for standard input")
    add("--show", type=Path, metavar="SEEN.png", help="draw every stage from file to what the network saw")
    add("--raw", action="store_true", help="feed a picture of 28 x 28 as it is, as the tutorial did")
    add("--json", action="store_true", help="print one line of JSON for each file and nothing else")
    return parser.parse_args(argv)


def _refuse_to_overwrite(args: Namespace) -> None:
    """Raises ImageError where the picture of --show would replace something that is not such a picture."""
    if args.show is None:
        return
    if args.show.suffix.lower() != ".png":
        raise ImageError(f"--show {args.show}: expected the name of a .png file")
    for other in (args.model, *map(Path, args.files)):
        if other.absolute() == args.show.absolute() or (
            args.show.exists() and other.exists() and other.samefile(args.show)
        ):
            raise ImageError(f"--show {args.show}: would replace what is to be read, choose another name")


def _expanded(names: Sequence[str], shown: Path | None) -> Iterator[str | ImageError]:
    """The files that are named, and the pictures in folders by name, but not the one that --show draws.

    What can't be looked into comes as an error in its place.
    """
    for named in names:
        try:
            yield from _inside(named, shown) if named != "-" and Path(named).is_dir() else [named]
        except (OSError, ValueError) as error:
            yield ImageError(f"{named}: {error.strerror if isinstance(error, OSError) else error}")


def _inside(folder: str, shown: Path | None) -> Sequence[str | ImageError]:
    own = shown.absolute() if shown else None
    files = [file for file in Path(folder).iterdir() if file.suffix.lower() in PICTURES and file.absolute() != own]
    if not files:
        return [ImageError(f"{folder}: no picture in this folder; expected files that end in {', '.join(PICTURES)}")]
    return sorted(map(str, files))


def _read(network: "Network", file: str, raw: bool) -> Answer:
    from numnet.data.image import see, see_raw
    from numnet.data.opening import printable

    if file == "-" and sys.stdin is None:
        raise ImageError("standard input is closed; expected a picture there")
    source, name = (sys.stdin.buffer, "standard input") if file == "-" else (file, printable(file))
    if not raw:
        seen = see(source, name)
        return Answer(name, seen, network.predict(seen.pixels)[0])
    import numpy as np

    from numnet.nn.loss import softmax

    seen = see_raw(source, name)
    return Answer(name, seen, softmax(network.forward(seen.pixels.reshape(1, -1).astype(np.float32), draw=None))[0])


def _as_text(answer: Answer, alone: bool) -> str:
    """The digit with a bar for each class; on one line where there may be several files."""
    likeliest = f"{answer.name}: {answer.digit}"
    if not alone:
        return f"{likeliest}  {answer.probabilities.max():6.1%}  {_bars_in_a_line(answer.probabilities)}"
    bars = [f"{c:5}  {_bar(share):<{BAR}} {share:6.1%}" for c, share in enumerate(answer.probabilities)]
    return "\n".join([likeliest, *bars])


def _bar(share: float) -> str:
    return _drawn("█", "#") * round(BAR * share)


def _bars_in_a_line(probabilities: "FloatArray") -> str:
    """A character for each class, the higher the likelier."""
    heights = _drawn("▁▂▃▄▅▆▇█", "_.,:-=+#")
    return "".join(heights[round(7 * float(share))] for share in probabilities)


def _drawn(blocks: str, plain: str) -> str:
    """`blocks`, or `plain` on a terminal that has no such characters."""
    try:
        blocks.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return plain
    return blocks


def _as_json(answer: Answer) -> str:
    notes = [stage.note for stage in answer.seen.stages if stage.note]
    found = {"format": FORMAT, "file": answer.name, "digit": answer.digit}
    return json.dumps({**found, "probabilities": [float(share) for share in answer.probabilities], "notes": notes})


def _draw(answers: list[Answer], file: Path) -> None:
    """A sheet with a row for each file: its stages, and what was read."""
    import numpy as np

    from numnet.data.sheet import Cell, draw_sheet
    from numnet.training.safe_file import replace_file

    columns = max(len(answer.seen.stages) for answer in answers)
    cells: list[Cell] = []
    for answer in answers:
        row = [Cell(stage.picture, stage.name) for stage in answer.seen.stages]
        row[0] = Cell(row[0].picture, f"{Path(answer.name).name[:20]}\n{row[0].caption}")
        row[-1] = Cell(row[-1].picture, f"{answer.digit}, {answer.probabilities.max():.1%}\n{row[-1].caption}")
        cells += row + [Cell(np.full((1, 1), 255, np.uint8), "")] * (columns - len(row))
    replace_file(file, draw_sheet(cells, columns=columns, side=SHOWN), keep_previous=False)


if __name__ == "__main__":
    command(main)
