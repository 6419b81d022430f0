"""The picture: accuracy on the test images over seconds, a point for each seed; beside them others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.accuracy import table as asked
from benchmarks.accuracy.figures import accuracy_of
from benchmarks.accuracy.lines import Record
from benchmarks.accuracy.sections import contests
from numnet.training.standings import spread

COLOURS = {"numnet": "#d95f02", "PyTorch": "#2166ac", "Keras": "#6a3d9a"}  # told apart without red and green
SHAPES = {"numnet": "o", "PyTorch": "s", "Keras": "D"}
ABOVE, BELOW = (8, 5), (8, -11)  # points: where a name stands beside its mark; two rivals often lie close together
PLACES = {"numnet": BELOW, "PyTorch": ABOVE, "Keras": BELOW}
TICKS = (0.90, 0.92, 0.95, 0.97, 0.98, 0.984, 0.99, 0.993, 0.995, 0.996, 0.9975)
SECONDS = (1, 2, 5, 10, 20, 60, 120, 300, 900, 1800, 3600, 7200, 21600)


class Cloud(NamedTuple):
    """The runs of one recipe by one framework: seconds and accuracies, 0..1."""

    who: str
    recipe: str
    seconds: list[float]
    accuracies: list[float]


def draw(record: Record, file: Path) -> None:
    """Write the picture; nothing where there is no run to show."""
    found = list(clouds(record))
    if not found:
        return
    with plt.rc_context({"font.size": 10}):
        figure, axis = plt.subplots(figsize=(9.5, 5.6), layout="constrained")
    _draw_axes(axis, found)
    _draw_published(axis)
    for cloud in found:
        _draw_cloud(axis, cloud)
    axis.legend(*_legend(axis), frameon=False, loc="lower right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130, metadata={"Software": None})
    plt.close(figure)


def clouds(record: Record) -> Iterator[Cloud]:
    """What is to be shown; a run that was interrupted has no time, and so no place."""
    for setting in asked.known(asked.SETTINGS):
        runs = [run for run in record.runs(setting) if run.seconds is not None]
        if setting.data == asked.MNIST and runs:
            accuracies = [accuracy_of(run.errors) for run in runs]
            yield Cloud("numnet", setting.recipe, [run.seconds or 0 for run in runs], accuracies)
    rivals: dict[tuple[str, str], Cloud] = {}
    for one in contests(record):
        if one.line and (found := one.line.measured):
            cloud = rivals.setdefault((found.title, one.recipe), Cloud(found.title, one.recipe, [], []))
            cloud.seconds.append(found.seconds)
            cloud.accuracies.append(accuracy_of(found.errors))
    yield from rivals.values()


def _draw_axes(axis: plt.Axes, found: list[Cloud]) -> None:
    """Accuracy as the logarithm of the error rate, upside down: near 1 that is the logit, and 99.5 is legible."""
    least = min(min(cloud.accuracies) for cloud in found)
    ticks = [tick for tick in TICKS if tick > least - 0.01] or list(TICKS)
    axis.set(
        xscale="log", yscale="log", xlabel="seconds from the start of the process", ylabel="accuracy on the test images"
    )
    axis.set_ylim((1 - least) * 1.25, 1 - 0.9975)
    seconds = [second for cloud in found for second in cloud.seconds]
    axis.set_xlim(min(seconds) / 1.6, max(seconds) * 4)
    axis.set_yticks([1 - tick for tick in ticks], [f"{100 * tick:.4g} %" for tick in ticks])
    inside = [tick for tick in SECONDS if axis.get_xlim()[0] <= tick <= axis.get_xlim()[1]]
    axis.set_xticks(inside, [f"{tick:,}" for tick in inside])
    axis.minorticks_off()
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_published(axis: plt.Axes) -> None:
    """A line for each; their words are set to the two sides of the pair, which lie close together."""
    for (accuracy, words), side in zip(asked.PUBLISHED, ("top", "bottom"), strict=True):
        axis.axhline(1 - accuracy, color="#444444", ls="--", lw=0.9)
        offset = -3 if side == "top" else 3
        axis.annotate(
            f"{100 * accuracy:.2f} %: {words}", (0.01, 1 - accuracy), (0, offset), xycoords=axis.get_yaxis_transform(),
            textcoords="offset points", va=side, fontsize=8, color="#444444",
        )  # fmt: skip


def _draw_cloud(axis: plt.Axes, cloud: Cloud) -> None:
    """Every seed small, their mean large, with the recipe's name where numnet ran it."""
    colour, shape = COLOURS[cloud.who], SHAPES[cloud.who]
    wrong = [1 - accuracy for accuracy in cloud.accuracies]
    axis.plot(cloud.seconds, wrong, shape, color=colour, ms=4, alpha=0.45, mec="none")
    seconds, error = spread(cloud.seconds), spread(wrong)
    assert seconds
    assert error
    mean = (seconds.mean, error.mean)
    axis.plot(*mean, shape, color=colour, ms=9, mec="white", label=cloud.who)
    name = f"{cloud.recipe}, {100 * (1 - error.mean):.2f} %"
    axis.annotate(name, mean, PLACES[cloud.who], textcoords="offset points", fontsize=8, color=colour)


def _legend(axis: plt.Axes) -> tuple[list[Any], list[str]]:
    """One entry for each framework; the large mark is the mean over seeds."""
    handles = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    return list(handles.values()), [f"{who}: mean and seeds" if who == "numnet" else who for who in handles]
