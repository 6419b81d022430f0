"""The report's plots, in colours that are told apart without telling red from green."""

import math
import statistics
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.figures import Figure
from benchmarks.report import roofline
from benchmarks.report.markdown import DISTURBED, mark
from benchmarks.report.race import met, seconds_to_mark
from benchmarks.report.rows import Results
from benchmarks.rival import NAMES, NUMNET, TEXTBOOK

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"
OURS, PLAIN, THEIRS, GREY = "#d95f02", "#b8860b", "#7a9cc6", "#444444"
LINES = ("#2166ac", "#6a3d9a", "#1b7837")  # of rivals in the sweeps
MARKS = "osD^v"
WIDER, ROOMY = 1.12, 1.25  # than what is drawn: room for a number beside it, and for how many met the mark
plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})


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
    picture, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained", sharex=True, sharey=True)
    found = {net: results.medians("step", "ms", net=net, threads=2) for net in ("tutorial", "intended")}
    bound = roofline.find(results, 2)
    names = list(found["tutorial"] | found["intended"])[::-1]
    for axis, (net, medians) in zip(axes, found.items(), strict=True):
        for place, name in enumerate(names):
            _bar(axis, place, medians.get(name), _colour(name))
        if bound and bound.is_valid:
            axis.axvline(bound.ms, color=GREY, ls="--", lw=1)
            axis.text(bound.ms, len(names) - 0.4, f" {roofline.TITLE}", fontsize=8, color=GREY)
        axis.set(title=net, xlabel="ms a step", ylim=(-0.6, len(names) + 0.2))
    axes[0].set_xlim(0, WIDER * max(each.high for medians in found.values() for each in medians.values()))
    axes[0].set_yticks(range(len(names)), [results.title(name) for name in names])
    said = "two threads, batch of 128; medians, and the interval that holds each with 95 %"
    picture.supxlabel(
        said + _of_disturbed(*(each for medians in found.values() for each in medians.values())), fontsize=8
    )
    _save(picture, "benchmark-step.png")


def _bar(axis: plt.Axes, place: int, found: Figure | None, colour: str) -> None:
    """A median with its interval, and its number beside it."""
    if found is None:
        axis.text(0, place, " takes no part ", va="center", fontsize=8, color=GREY, bbox={"fc": "w", "ec": "none"})
        return
    spread = [[found.median - found.low], [found.high - found.median]]
    axis.barh(place, found.median, xerr=spread, color=colour, error_kw={"lw": 0.8})
    axis.text(found.high, place, mark(found, f" {found.median:.2f}"), va="center", fontsize=8)


def _of_disturbed(*shown: Figure) -> str:
    """What the sign behind a number means, where a plot has one."""
    return "" if all(each.quiet for each in shown) else f"; {DISTURBED}: disturbed rounds count too"


def draw_sweep(results: Results, job: str) -> None:
    """How many times numnet's each rival takes, over batch size or width, both axes logarithmic."""
    picture, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    sizes = sorted({s.case[job] for s in results.store.of(job)})
    found = {size: results.ratios(job, "ms", **{job: size}) for size in sizes}
    names = [name for name in NAMES if any(name in each for each in found.values())]
    rivals = [name for name in names if name != TEXTBOOK]
    for name, shape in zip(names, MARKS, strict=False):
        own = [size for size in sizes if name in found[size]]
        ratios = [found[size][name] for size in own]
        medians = [ratio.median for ratio in ratios]
        spread = [[r.median - r.low for r in ratios], [r.high - r.median for r in ratios]]
        colour = PLAIN if name == TEXTBOOK else LINES[rivals.index(name) % len(LINES)]
        axis.errorbar(own, medians, spread, marker=shape, color=colour, label=results.title(name), elinewidth=0.8)
    axis.axhline(1, color=OURS, lw=2, label="numnet")
    disturbed = {size: _of_disturbed(*each.values()) for size, each in found.items()}
    said = f"{job}, two threads{next(filter(None, disturbed.values()), '')}"
    axis.set(xscale="log", yscale="log", xlabel=said, ylabel="times numnet's time; below 1 is faster")
    axis.set_xticks(sizes, [f"{size}{DISTURBED * bool(disturbed[size])}" for size in sizes])
    axis.set_yticks(ticks := [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5], [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    _save(picture, f"benchmark-{job}.png")


def draw_race(results: Results) -> None:
    """A dot for each rival's median seconds to the mark, from the fastest run to the slowest; and how many met it."""
    seconds = seconds_to_mark(results)
    names = sorted(seconds, key=lambda name: -statistics.median(seconds[name]))
    picture, axis = plt.subplots(figsize=(9, 0.6 + 0.32 * max(len(names), 4)), layout="constrained")
    for place, name in enumerate(names):
        middle, ends = statistics.median(seconds[name]), list(filter(math.isfinite, seconds[name]))
        if not math.isfinite(middle):
            axis.text(0, place, f" not met ({met(seconds[name])})", va="center", fontsize=8, color=GREY)
            continue
        axis.plot([min(ends), max(ends)], [place, place], color=_colour(name), lw=2, solid_capstyle="round")
        axis.plot(middle, place, "o", color=_colour(name))
        axis.text(max(ends), place, f"  {middle:.1f}, {met(seconds[name])} met it", va="center", fontsize=8)
    axis.set_yticks(range(len(names)), [results.title(name) for name in names])
    axis.set(xlabel="seconds to 98 % of the test images: median, least and most of who met it")
    axis.set(xlim=(0, ROOMY * axis.dataLim.xmax), ylim=(-0.6, len(names) - 0.4))
    axis.grid(axis="x", alpha=0.3)
    _save(picture, "benchmark-race.png")


def _colour(name: str) -> str:
    return {NUMNET: OURS, TEXTBOOK: PLAIN}.get(name, THEIRS)


def _save(picture: plt.Figure, name: str) -> None:
    picture.savefig(PICTURES / name, dpi=130, metadata={"Software": None})
    plt.close(picture)
