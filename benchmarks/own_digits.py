"""How many digits that people drew or photographed themselves a network reads: accuracy by kind, and what fails.

    python benchmarks/own_digits.py FOLDER MODEL.npz [MODEL.npz ...] [--sheet failures.png] [--json]

FOLDER has an index.tsv with the columns file, label, medium, width, height and hand, and the files that it names.
"""

import csv
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numnet.console import Parser, command
from numnet.data.image import see
from numnet.data.sheet import Cell, draw_sheet
from numnet.errors import DataError, ImageError
from numnet.nn.network import Network
from numnet.training.checkpoint import load_model

NOTHING = np.zeros((28, 28), np.uint8)  # what stands for a picture that is refused: its answer counts as wrong
SIDE = 112  # of a picture on the sheet, in pixels


@dataclass(frozen=True)
class Reading:
    """What became of one picture."""

    row: dict[str, str]
    original: npt.NDArray[np.uint8]
    pixels: npt.NDArray[np.uint8]
    seconds: float
    refusal: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read every picture of the folder, and print how many answers are right."""
    parser = Parser("own_digits", "measure networks on digits that people drew or photographed")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures with an index.tsv")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model files; several average their probabilities")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a PNG of the failures")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    networks = [load_model(model, kernels="textbook") for model in options.models]
    readings = [read(options.folder, row) for row in index(options.folder)]
    probabilities = vote(networks, readings)
    right = np.array([int(r.row["label"]) for r in readings]) == probabilities.argmax(1)
    right &= np.array([not r.refusal for r in readings])
    figures = measure(readings, right)
    print(json.dumps(figures) if options.json else table(figures))
    for reading in readings:
        if reading.refusal:
            print(f"refused: {reading.refusal}", file=sys.stderr)
    if options.sheet and not right.all():
        options.sheet.write_bytes(failures(readings, probabilities, right))
    return 0


def index(folder: Path) -> list[dict[str, str]]:
    """The rows of index.tsv; DataError where there are none."""
    path = folder / "index.tsv"
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected a table of pictures: give a folder that has one")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows or not {"file", "label", "medium", "width", "height", "hand"} <= set(rows[0]):
        raise DataError(f"{path}: expected rows with file, label, medium, width, height and hand: mend the table")
    return rows


def read(folder: Path, row: dict[str, str]) -> Reading:
    """One picture on the package's own path, with the time that it takes."""
    began = time.perf_counter()
    try:
        seen = see(folder / row["file"])
    except ImageError as error:
        return Reading(row, NOTHING, NOTHING, time.perf_counter() - began, str(error))
    return Reading(row, seen.stages[0].picture, seen.pixels, time.perf_counter() - began)


def vote(networks: Sequence[Network], readings: Sequence[Reading]) -> npt.NDArray[Any]:
    """The mean of the networks' probabilities, float (N, 10)."""
    pixels = np.stack([reading.pixels for reading in readings])
    return np.asarray(np.mean([network.predict(pixels) for network in networks], axis=0))


def measure(readings: Sequence[Reading], right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Accuracy on all, by size, by medium, over hands; the time a picture."""
    rows = [reading.row for reading in readings]
    medium, hand = (np.array([row[column] for row in rows]) for column in ("medium", "hand"))
    large = np.array([(row["width"], row["height"]) != ("28", "28") for row in rows])
    photos = np.char.startswith(medium, "photo")
    kinds = {"all": right, "not 28x28": right[large], "photos": right[photos]}
    kinds |= {f"medium {name}": right[medium == name] for name in np.unique(medium).tolist()}
    times = [1e3 * reading.seconds for reading in readings]
    return {
        "accuracy": {name: float(part.mean()) for name, part in kinds.items() if part.size},
        "pictures": {name: part.size for name, part in kinds.items() if part.size},
        "mean over hands": float(np.mean([right[hand == one].mean() for one in np.unique(hand)])),
        "milliseconds": {"median": float(np.median(times)), "longest": max(times)},
    }


def table(figures: dict[str, Any]) -> str:
    """The figures, a line each."""
    lines = [f"{name:<16} {figures['pictures'][name]:>5} {part:>8.2%}" for name, part in figures["accuracy"].items()]
    times = figures["milliseconds"]
    lines.append(f"{'mean over hands':<16} {'':>5} {figures['mean over hands']:>8.2%}")
    return "\n".join([*lines, f"a picture takes {times['median']:.1f} ms (median), {times['longest']:.0f} ms at most"])


def failures(readings: Sequence[Reading], probabilities: npt.NDArray[Any], right: npt.NDArray[np.bool_]) -> bytes:
    """A PNG with each failure twice, as opened and as seen, its label and the answer."""
    cells = []
    for i in np.flatnonzero(~right).tolist():
        reading, answer = readings[i], int(probabilities[i].argmax())
        verdict = "refused" if reading.refusal else f"read as {answer}, {probabilities[i, answer]:.0%}"
        cells += [
            Cell(reading.original, f"{Path(reading.row['file']).stem}\n{reading.row['medium']}"),
            Cell(reading.pixels, f"a {reading.row['label']}\n{verdict}"),
        ]
    return draw_sheet(cells, columns=12, side=SIDE)


if __name__ == "__main__":
    command(main)
