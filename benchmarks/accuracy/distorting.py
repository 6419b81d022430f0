"""What a distortion takes: `python -m benchmarks.accuracy.distorting` prints microseconds an image, as JSON.

Whole epochs of the training images, drawn and resampled in batches as training has them, at the strength that `record`
trains with, on one thread and on all in turn.
"""

import json
import math
import statistics
import time
from collections.abc import Sequence
from itertools import count

import numpy as np

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.lines import Record
from benchmarks.report.markdown import in_threads, number, prose, section
from numnet.data.augment import Distorter, Distortion
from numnet.data.datasets import Split, load_dataset
from numnet.kernels import load_kernels
from numnet.kernels.threads import max_threads, set_threads
from numnet.training.recipes import find_recipe

EPOCHS = 9  # for a median, after one that does not count


def main() -> None:
    """Print the object: of each number of threads the microseconds of each epoch."""
    recipe, split = find_recipe("record"), load_dataset(None).train
    found: dict[int, list[float]] = {threads: [] for threads in (1, max_threads())}
    distorter = Distorter(
        Distortion().times(recipe.distortion), split.images.shape[1:], len(split), seed=0, kernels=load_kernels("numba")
    )
    epochs = count()  # each timed one is new to the distorter, which keeps what it drew for the last
    for _ in range(EPOCHS + 1):
        for threads, microseconds in found.items():
            set_threads(threads)
            microseconds.append(1e6 * seconds_an_image(distorter, split, next(epochs), recipe.batch_size))
    print(json.dumps({str(threads): microseconds[1:] for threads, microseconds in found.items()}))


def seconds_an_image(distorter: Distorter, split: Split, epoch: int, batch_size: int) -> float:
    """Distort the images of a split's whole batches once, in the split's order."""
    images = len(split) // batch_size * batch_size
    out = np.empty((batch_size, math.prod(split.images.shape[1:])), np.float32)
    began = time.perf_counter()
    for first in range(0, images, batch_size):
        rows = np.arange(first, first + batch_size)
        distorter.distort(split.images[rows], np.full(batch_size, epoch), rows, out)
    return (time.perf_counter() - began) / images


def distortions(record: Record) -> str:
    """The paragraph of the page."""
    line = record.distortion()
    told = "Not run."
    if line:
        each = "; ".join(map(_told, line.microseconds, line.microseconds.values()))
        is_met = statistics.median(line.microseconds["1"]) <= asked.DISTORT_MICROSECONDS
        commit = cells.commit(line.commit, line.code, record.code)
        told = f"An image takes {each}, at commit {commit}. The goal was {asked.DISTORT_MICROSECONDS} µs on one: "
        told += f"{cells.bold('met' if is_met else 'missed')}."
    return section(
        "## What a distortion takes",
        prose(f"""Affine map and elastic field in one resample, random numbers and all, as strong as `record` has it;
            medians of {EPOCHS} epochs of the training images, with the least and the most. {told}"""),
    )


def _told(threads: str, microseconds: Sequence[float]) -> str:
    ends = f"({number(min(microseconds))} to {number(max(microseconds))})"
    return f"{number(statistics.median(microseconds))} µs {ends} on {in_threads(int(threads))}"


if __name__ == "__main__":
    main()
