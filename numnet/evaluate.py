"""Judge a network: `python -m numnet.evaluate MODEL.npz`.

Several model files answer together, their probabilities averaged. Computing is NumPy's by default: it starts at once.
"""

import json
import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numnet.console import Parser, command
from numnet.errors import RecipeError

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset, Split
    from numnet.training.metrics import Report

FORMAT = 1  # of the line that --json prints
SPLITS = ("train", "validation", "test")
COLUMNS, SIDE = 5, 112  # of the sheet of mistakes: five in a row, each pixel of 28 four pixels wide


def main(argv: Sequence[str] | None) -> int:
    """Judge as the flags say and print what came of it; the exit code."""
    args = parse(argv)
    import numpy as np

    from numnet.data.datasets import load_dataset
    from numnet.training.checkpoint import load_model
    from numnet.training.metrics import report

    networks = [load_model(model, kernels=args.kernels) for model in args.models]
    dataset = load_dataset(args.data)
    split: Split = getattr(dataset, args.split)
    with np.errstate(over="ignore", invalid="ignore"):  # `report` says what is wrong; NumPy only which line
        found = report(networks, split)
    if args.worst:
        _draw_worst(found, split, *args.worst)
    print(json.dumps(_as_json(args, dataset, found)) if args.json else _as_text(args, dataset, found))
    return 0


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags."""
    parser = Parser("numnet evaluate", "Judge a trained network, or several that answer together.")
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.npz", help="model files that numnet.train --save wrote")
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--split", choices=SPLITS, default="test", help="which part of the data (default: test)")
    add("--worst", nargs=2, metavar=("N", "FILE.png"), help="draw the N mistakes it was surest of into a picture")
    add("--kernels", default="textbook", metavar="SET", help="textbook (NumPy, default) or numba (compiled)")
    add("--json", action="store_true", help="print one line of JSON and nothing else")
    args = parser.parse_args(argv)
    if args.worst:
        count, file = args.worst
        if not (count.isdecimal() and 1 <= int(count) <= 10_000) or not file.lower().endswith(".png"):
            raise RecipeError(f"--worst {count} {file}: expected how many, 1 to 10,000, and the name of a .png file")
    return args


def _as_text(args: Namespace, dataset: "Dataset", found: "Report") -> str:
    low, high = found.interval
    wrong = int((found.answers != found.labels).sum())
    lines = [
        f"{' + '.join(map(str, args.models))} on {dataset.name}, {args.split}: {len(found.labels):,} images",
        "",
        f"accuracy  {found.accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f}; {wrong:,} wrong",
        f"loss      {found.loss:.4f}",
        "",
        "class  images  precision  recall",
    ]
    for c, images in enumerate(found.confusion.sum(axis=1)):
        lines.append(f"{c:5}  {images:6,}  {_share(found.precision[c])}     {_share(found.recall[c])}")
    return "\n".join([*lines, "", *_confusion_table(found)])


def _share(share: float) -> str:
    return "     -" if math.isnan(share) else f"{share:.4f}"


def _confusion_table(found: "Report") -> list[str]:
    """Rows are what an image is, columns what was answered; a dot for none."""
    matrix = found.confusion
    width = max(len(f"{matrix.max()}"), len(f"{len(matrix) - 1}")) + 1
    head = " " * 7 + "".join(f"{c:{width}}" for c in range(len(matrix)))
    rows = ["".join(f"{count or '.':>{width}}" for count in row) for row in matrix]
    return ["rows: what it is; columns: what was answered", head, *(f"{c:5} |{row}" for c, row in enumerate(rows))]


def _as_json(args: Namespace, dataset: "Dataset", found: "Report") -> dict[str, Any]:
    """What --json prints; null for a share of nothing."""
    return {
        "format": FORMAT,
        "models": [str(model) for model in args.models],
        "data": dataset.name,
        "split": args.split,
        "images": len(found.labels),
        "accuracy": found.accuracy,
        "interval": found.interval,
        "loss": found.loss,
        "precision": _or_null(found.precision.tolist()),
        "recall": _or_null(found.recall.tolist()),
        "confusion": found.confusion.tolist(),
    }


def _or_null(shares: list[float]) -> list[float | None]:
    return [None if math.isnan(share) else share for share in shares]


def _draw_worst(found: "Report", split: "Split", count: str, file: str) -> None:
    """A sheet of the mistakes, those it was surest of first."""
    from numnet.data.sheet import Cell, draw_sheet
    from numnet.training.safe_file import replace_file

    rows = found.worst(int(count))
    if not len(rows):
        print("numnet: there is no mistake to draw", file=sys.stderr)
        return
    images = split.images[..., 0] if split.images.ndim == 4 and split.images.shape[3] == 1 else split.images
    if images.ndim == 2 or images.shape[3:] not in ((), (3,), (4,)):
        raise RecipeError(f"--worst draws grey or coloured images, not ones of {split.images.shape[1:]}")
    cells = [
        Cell(
            images[row],
            f"{found.labels[row]}, not {found.answers[row]}\n{found.probabilities[row].max():.0%}, no. {row}",
        )
        for row in rows
    ]
    replace_file(Path(file), draw_sheet(cells, columns=COLUMNS, side=SIDE), keep_previous=False)


if __name__ == "__main__":
    command(main)
