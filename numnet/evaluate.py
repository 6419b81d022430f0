"""Judge networks: `python -m numnet.evaluate MODEL.npz…`.

Several model files answer together, their probabilities averaged, and so do several views of each image. Computing is
NumPy's by default, which starts at once; with --views there is more to compute, and it is compiled code's.
"""

import json
import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numnet.console import Parser, command
from numnet.errors import RecipeError
from numnet.training.views import STRENGTH, Views

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset, Split
    from numnet.training.checkpoint import Checkpoint
    from numnet.training.committee import Committee
    from numnet.training.metrics import Report

FORMAT = 1  # of the line that --json prints
SPLITS = ("train", "validation", "test")
COLUMNS, SIDE = 5, 112  # of the sheet of mistakes: five in a row, each pixel of 28 four pixels wide
MOST_DRAWN = 10_000  # mistakes on that sheet


def main(argv: Sequence[str] | None) -> int:
    """Judge as the flags say and print what came of it; the exit code."""
    args = parse(argv)
    import numpy as np

    from numnet.data.datasets import load_dataset
    from numnet.training.checkpoint import read
    from numnet.training.committee import average_views, judge

    checkpoints = [read(model) for model in args.models]
    networks = [checkpoint.network(args.kernels) for checkpoint in checkpoints]
    dataset = load_dataset(args.data)
    if args.split == "validation":
        _say_seen(args.models, checkpoints, dataset)
    split: Split = getattr(dataset, args.split)
    with np.errstate(over="ignore", invalid="ignore"):  # `judge` says what is wrong; NumPy only which line
        plain = judge(networks, split)
        found = average_views(networks, split, plain, args.views) if args.views else plain
    if args.worst:
        _draw_worst(found.together, split, *args.worst)
    show = _as_json if args.json else _as_text
    print(show(args, dataset, plain, found))
    return 0


def _say_seen(models: Sequence[Path], checkpoints: "Sequence[Checkpoint]", dataset: "Dataset") -> None:
    """Say of which networks the validation images tell nothing, as they were trained on them (images all)."""
    headers = [checkpoint.header for checkpoint in checkpoints]
    on_all = [header.recipe is not None and header.recipe["images"] == "all" for header in headers]
    if not any(on_all):
        return
    all_sha256 = dataset.with_all_training_images().training_sha256
    for model, header, images_all in zip(models, headers, on_all, strict=True):
        if images_all and header.data.get("sha256") == all_sha256:
            print(f"numnet: {model} was trained on these images too: it looks better here than it is", file=sys.stderr)


def parse(argv: Sequence[str] | None) -> Namespace:
    """The flags; `views` and `worst` as what they ask for, or None."""
    about = "Judge a trained network, or an ensemble: several that answer together."
    parser = Parser("numnet evaluate", about)
    add = parser.add_argument
    add("models", nargs="+", type=Path, metavar="MODEL.npz", help="model files that numnet.train --save wrote")
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--split", choices=SPLITS, default="test", help="which part of the data (default: test)")
    views = "test-time augmentation: average the answers to N views, the image and N-1 distorted ones"
    add("--views", type=int, metavar="N", help=views)
    add(
        "--view-strength",
        type=float,
        metavar="F",
        help=f"how far views are distorted; 1 is as numnet.explain distortions shows (default: {STRENGTH})",
    )
    add("--seed", type=int, metavar="N", help="which distortions views have (default: 0)")
    add("--worst", nargs=2, metavar=("N", "FILE.png"), help="draw the N mistakes it was surest of into a picture")
    add("--kernels", metavar="SET", help="textbook (NumPy, default) or numba (compiled, default with --views)")
    add("--json", action="store_true", help="print one line of JSON and nothing else")
    args = parser.parse_args(argv)
    args.views, args.worst = _views(args), _worst(args)
    # 10,000 images in 32 views are several times as fast compiled, in one view they are done before it has started
    args.kernels = args.kernels or ("numba" if args.views else "textbook")
    return args


def _views(args: Namespace) -> Views | None:
    given = {"strength": args.view_strength, "seed": args.seed}
    numbers = {name: value for name, value in given.items() if value is not None}
    if args.views is not None:
        return Views(args.views, **numbers)
    if numbers:
        flag = "--seed" if args.view_strength is None else "--view-strength"
        raise RecipeError(f"{flag} says how views are distorted, and there are none: give --views N, too")
    return None


def _worst(args: Namespace) -> tuple[int, Path] | None:
    if not args.worst:
        return None
    count, file = args.worst
    if not (count.isdecimal() and 1 <= int(count) <= MOST_DRAWN) or not file.lower().endswith(".png"):
        raise RecipeError(
            f"--worst {count} {file}: expected how many, 1 to {MOST_DRAWN:,}, and the name of a .png file"
        )
    return int(count), Path(file)


def _as_text(args: Namespace, dataset: "Dataset", plain: "Committee", found: "Committee") -> str:
    report, views = found.together, args.views
    lines = [
        f"{' + '.join(map(str, args.models))} on {dataset.name}, {args.split}: {len(report.labels):,} images",
        "",
        f"accuracy  {_accuracy(report)}",
        *(_beside_plain(plain.together, report) if views else ()),
        f"loss      {report.loss:.4f}",
        *(_what_is_averaged(views) if views else ()),
        "",
        *_each_alone(args.models, {"accuracy": found} | ({"plain": plain} if views else {})),
        "class  images  precision  recall",
    ]
    for c, images in enumerate(report.confusion.sum(axis=1)):
        lines.append(f"{c:5}  {images:6,}  {_share(report.precision[c])}     {_share(report.recall[c])}")
    return "\n".join([*lines, "", *_confusion_table(report)])


def _accuracy(report: "Report") -> str:
    low, high = report.interval
    return f"{report.accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f}; {report.wrong:,} wrong"


def _beside_plain(plain: "Report", averaged: "Report") -> list[str]:
    mended, spoilt = averaged.changes_from(plain)
    return [
        f"plain     {_accuracy(plain)}",
        f"changed   {mended:,} from wrong to right, {spoilt:,} from right to wrong",
    ]


def _what_is_averaged(views: Views) -> list[str]:
    return [
        "",
        "All figures but the plain ones are of the mean over views of each image: 1 as it is,",
        f"{views.count - 1:,} distorted (strength {views.strength:g}, seed {views.seed}).",
    ]


def _each_alone(models: Sequence[Path], columns: "dict[str, Committee]") -> list[str]:
    """A table of what each network of a committee reaches by itself, and how they differ; nothing for one network."""
    spreads = [spread for committee in columns.values() if (spread := committee.spread)]
    if not spreads:
        return []
    alone = [[member.accuracy for member in committee.members] for committee in columns.values()]
    rows = [*zip(map(str, models), *alone, strict=True), *zip(spreads[0]._fields, *spreads, strict=True)]
    width = max(len("each alone"), *(len(name) for name, *_ in rows))
    head = f"{'each alone':{width}}" + "".join(f"{column:>10}" for column in columns)
    return [head, *(f"{name:{width}}" + "".join(f"{share:10.4f}" for share in shares) for name, *shares in rows), ""]


def _share(share: float) -> str:
    return "     -" if math.isnan(share) else f"{share:.4f}"


def _confusion_table(found: "Report") -> list[str]:
    """Rows are what an image is, columns what was answered; a dot for none."""
    matrix = found.confusion
    width = max(len(f"{matrix.max()}"), len(f"{len(matrix) - 1}")) + 1
    head = " " * 7 + "".join(f"{c:{width}}" for c in range(len(matrix)))
    rows = ["".join(f"{count or '.':>{width}}" for count in row) for row in matrix]
    return ["rows: what it is; columns: what was answered", head, *(f"{c:5} |{row}" for c, row in enumerate(rows))]


def _as_json(args: Namespace, dataset: "Dataset", plain: "Committee", found: "Committee") -> str:
    """What --json prints; null for a share of nothing, for one network's spread, and where there are no views."""
    report = found.together
    return json.dumps(
        {
            "format": FORMAT,
            "models": [str(model) for model in args.models],
            "data": dataset.name,
            "split": args.split,
            "kernels": args.kernels,
            "images": len(report.labels),
            **_figures(report),
            "precision": _or_null(report.precision.tolist()),
            "recall": _or_null(report.recall.tolist()),
            "confusion": report.confusion.tolist(),
            **_alone(found),
            "views": _views_as_json(args.views, plain, found) if args.views else None,
        }
    )


def _figures(report: "Report") -> dict[str, Any]:
    return {name: getattr(report, name) for name in ("accuracy", "interval", "wrong", "loss")}


def _alone(committee: "Committee") -> dict[str, Any]:
    """Each member's own figures, in the order of the models, and how their accuracies differ."""
    spread = committee.spread
    return {
        "members": [_figures(member) for member in committee.members],
        "spread": spread._asdict() if spread else None,
    }


def _views_as_json(views: Views, plain: "Committee", averaged: "Committee") -> dict[str, Any]:
    """How the answers came about that all else is of, and what they were before."""
    return {
        **asdict(views),
        "plain": _figures(plain.together) | _alone(plain),
        **averaged.together.changes_from(plain.together)._asdict(),
    }


def _or_null(shares: list[float]) -> list[float | None]:
    return [None if math.isnan(share) else share for share in shares]


def _draw_worst(found: "Report", split: "Split", count: int, file: Path) -> None:
    """A sheet of the mistakes, those it was surest of first."""
    from numnet.data.sheet import Cell, draw_sheet
    from numnet.training.safe_file import replace_file

    rows = found.worst(count)
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
    replace_file(file, draw_sheet(cells, columns=COLUMNS, side=SIDE), keep_previous=False)


if __name__ == "__main__":
    command(main)
