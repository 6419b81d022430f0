"""What each kind of distortion makes of training images, alone and all at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numnet.data.augment import AFFINE_NUMBERS, Distorter, Distortion
from numnet.data.datasets import Split
from numnet.data.sheet import Cell
from numnet.explain.drawing import beside
from numnet.explain.numbers import folded, number
from numnet.kernels import ByteArray, load_kernels
from numnet.randomness import seeds_of_examples, uniforms

KINDS = {"rotation": "turned", "log_scale": "stretched", "shear": "leaned", "shift": "moved", "elastic": "bent"}


@dataclass(frozen=True)
class Distorted:
    """A training image in its stages.

    row : which example    label : its class    drawn : the random numbers of its affine map, by what they say
    stages : name and picture, uint8 (H, W): as it is, by each kind alone, by all at once
    """

    row: int
    label: int
    drawn: dict[str, float]
    stages: dict[str, ByteArray]

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        stages = {name: picture.tolist() for name, picture in self.stages.items()}
        return {"row": self.row, "label": self.label, "drawn": self.drawn, "stages": stages}


def distorted(split: Split, rows: list[int], *, seed: int, epoch: int) -> list[Distorted]:
    """These examples of a split, as training with all strengths would see them, with that seed, in that epoch."""
    full = Distortion()
    none = full.times(0)
    ways = {name: replace(none, **{kind: getattr(full, kind)}) for kind, name in KINDS.items()} | {"all": full}
    pictures = {name: _pictures(split, rows, way, seed, epoch) for name, way in ways.items()}
    draws = uniforms(seeds_of_examples(seed, epoch, len(split))[rows], AFFINE_NUMBERS)
    return [
        Distorted(row, int(split.labels[row]), _said(full, draws[i]),
                  {"as it is": split.images[row]} | {name: found[i] for name, found in pictures.items()})
        for i, row in enumerate(rows)
    ]  # fmt: skip


def _pictures(split: Split, rows: list[int], way: Distortion, seed: int, epoch: int) -> ByteArray:
    shape = split.images.shape[1:]
    distorter = Distorter(way, shape, len(split), seed=seed, kernels=load_kernels("textbook"), dtype=np.float64)
    out = np.empty((len(rows), split.inputs))
    distorter.distort(split.images[rows], np.full(len(rows), epoch), np.array(rows), out)
    return np.rint(255 * out).astype(np.uint8).reshape(-1, *shape)


def _said(distortion: Distortion, draws: Any) -> dict[str, float]:
    angle, tall, wide, lean, down, across = (float(draw) for draw in draws)
    return {
        "turned left, degrees": float(np.degrees(distortion.rotation * angle)),
        "height, times": float(np.exp(-distortion.log_scale * tall)),
        "width, times": float(np.exp(-distortion.log_scale * wide)),
        "leaned right, pixels a row": distortion.shear * lean,
        "down, pixels": -distortion.shift * down,
        "across, pixels": -distortion.shift * across,
    }


def cells(found: list[Distorted]) -> list[Cell]:
    """All stages of all images, for a sheet: a row for each image."""
    return [Cell(picture, name) for each in found for name, picture in each.stages.items()]


def distorted_lines(found: list[Distorted]) -> Iterator[str]:
    """Each image as it is and by all at once, side by side, and what was drawn for it."""
    for each in found:
        yield f"training image {each.row}, a {each.label}"
        yield from folded("  " + "; ".join(f"{name} {number(value)}" for name, value in each.drawn.items()), "  ")
        yield from beside(each.stages["as it is"], each.stages["all"])
        yield ""
