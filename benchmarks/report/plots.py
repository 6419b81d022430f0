"""The report's plots, in colours that are told apart without telling red from green."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.report.rows import NUMNET, TEXTBOOK, Results
from benchmarks.rival import NAMES

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
OURS, PLAIN, THEIRS = "#d95f02", "#f2b27c", "#7a9cc6"
LINES = ("#d95f02", "#b8860b", "#2166ac", "#6a3d9a", "#444444")
MARKS = "osD^v"
plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "numnet"})


def draw_all(results: Results) -> None:
    """Write every plot that there are samples for."""
    PICTURES.mkdir(exist_ok=True)
    if results.has("step"):
        draw_steps(results)
    for job in ("batch", "width"):
        if results.has(job):
            draw_sweep(results, job)
    if results.has("race"):
        draw_race(results)


def draw_steps(results: Results) -> None:
    """Bars of milliseconds a step on two threads, both nets side by side, with their intervals."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, net in zip(axes, ("tutorial", "intended"), strict=True):
        found = results.medians("step", net=net, threads=2)
        floor = found.pop("roofline").median if "roofline" in found else 0.0
        names = list(found)[::-1]
        spread = [[found[n].median - found[n].low for n in names], [found[n].high - found[n].median for n in names]]
        axis.barh(
            [results.title(n) for n in names], [found[n].median for n in names],
            xerr=spread, color=[_colour(n) for n in names], error_kw={"lw": 0.8},
        )  # fmt: skip
        axis.axvline(floor, color="#444444", ls="--", lw=1)
        axis.text(floor, len(names) - 0.3, " dense products at peak", fontsize=8, color="#444444")
        axis.set(xlabel=f"{net}: ms a step, 2 threads", xlim=(0, None))
    _save(figure, "benchmark-step.png")


def draw_sweep(results: Results, job: str) -> None:
    """Images a second over batch size or width, both axes logarithmic."""
    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    sizes = sorted({s.case[job] for s in results.store.of(job)})
    found = {size: results.medians(job, **{job: size}) for size in sizes}
    names = [name for name in NAMES if any(name in each for each in found.values())]
    for name, colour, mark in zip(names, LINES, MARKS, strict=False):
        images = {size: size if job == "batch" else 128 for size in sizes if name in found[size]}
        rates = [1e3 * count / found[size][name].median for size, count in images.items()]
        axis.plot(list(images), rates, marker=mark, color=colour, label=results.title(name))
    axis.set(xscale="log", yscale="log", xlabel=job, ylabel="images a second")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    _save(figure, f"benchmark-{job}.png")


def draw_race(results: Results) -> None:
    """Accuracy over seconds from the process's start, a line for each rival's median run."""
    figure, axis = plt.subplots(figsize=(9, 4.6), layout="constrained")
    ends = {}
    for name, each in results.values("race").items():
        middle = sorted(each, key=lambda run: run["marks"][-1][0])[len(each) // 2]
        seconds, accuracies = zip(*middle["marks"], strict=True)
        axis.plot(seconds, accuracies, marker="o", color=_colour(name), lw=2 if name == NUMNET else 1)
        ends[name] = seconds[-1], accuracies[-1]
    axis.axhline(0.98, color="#444444", ls="--", lw=1)
    axis.set(xlabel="seconds from the start of the process", ylabel="accuracy on the test images", xlim=(0, None))
    _label_ends(axis, {results.title(name): end for name, end in ends.items()})
    _save(figure, "benchmark-race.png")


def _label_ends(axis: plt.Axes, ends: dict[str, tuple[float, float]]) -> None:
    """Names in a column to the right, by the seconds at which their lines end, which a thin line leads to."""
    ordered = sorted(ends, key=lambda name: ends[name][0])
    for place, name in enumerate(ordered):
        axis.annotate(
            f"{ends[name][0]:4.1f} s  {name}", ends[name], (1.04, 1 - place / max(1, len(ordered) - 1)),
            textcoords="axes fraction", va="center", fontsize=8,
            arrowprops={"arrowstyle": "-", "color": "#cccccc", "lw": 0.6, "relpos": (0, 0.5)},
        )  # fmt: skip


def _colour(name: str) -> str:
    return {NUMNET: OURS, TEXTBOOK: PLAIN}.get(name, THEIRS)


def _save(figure: plt.Figure, name: str) -> None:
    figure.savefig(PICTURES / name, dpi=130, metadata={"Software": None})
    plt.close(figure)
