"""The section of docs/benchmark.md on the race: seconds to the mark, and how each rival's settings were found."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks import CALL
from benchmarks.figures import Figure, figure
from benchmarks.jobs import races
from benchmarks.problem import VALIDATION
from benchmarks.report.markdown import lost, number, prose, section, table
from benchmarks.report.rows import Results
from benchmarks.report.sections import most
from benchmarks.rival import NAMES, NUMNET
from benchmarks.samples import failure


def race(results: Results) -> str:
    """Seconds to 98 %."""
    runs = results.values("race")
    names = sorted(runs, key=lambda name: race_seconds(runs[name]))
    least = min(map(until_met, runs.get(NUMNET, ())), default=0.0)
    ends = figure([_end(run) for run in runs.get(NUMNET, ())])
    header = ("", "seconds, median (least to most)", "met", "batch, length, peak rate", "accuracy at the end")
    return section(
        f"## Seconds to {races.TARGET:.0%}",
        prose(f"""From the start of the process, imports, compiling and tests included, until {races.TARGET:.0%} of the
            test images are right: the tutorial's layer sizes with ReLU, Adam, one cycle of the learning rate over few
            epochs, the mark looked for after each; of a framework's alike rows the one that was sooner in its trial. A
            run is a seed, and a run that does not meet the mark counts as one that never ends. numnet, with either set
            of kernels, shuffles anew for each epoch, as it does in training; the others keep to one order, which saves
            them the time, and what it costs them shows in the last column. Caches of compiled code are warm for who
            keeps one. {_cold(results)} {_searched(results)} {results.watched("race")}"""),
        table(
            header,
            [
                *(_race_row(results.title(n), runs[n], least, ends) for n in names),
                *results.absent("race", 5, "tutorial"),
            ],
        ),
        "![Seconds to the mark](pictures/benchmark-race.png)",
    )


def _searched(results: Results) -> str:
    """How the settings were found."""
    reached: dict[races.Settings, list[float]] = {}
    for sample in results.store.of("search"):
        if not failure(sample):
            reached.setdefault(races.Settings(**sample.case), []).append(sample.value)
    if not reached:
        return ""
    told = "; ".join(f"{_told(tried)}: {min(accuracies):.2%}" for tried, accuracies in reached.items())
    return prose(f"""Each rival races at the settings that are the soonest for it of those that numnet cleared. First
        numnet tried some on the {VALIDATION:,} validation images; batch, length, peak rate, and what the worst of
        {races.SEEDS} seeds reached: {told}. Cleared is, of each batch size, the one of fewest epochs that had
        {races.SPARE:.3%} above the mark to spare, and of these the most accurate. To spare is a standard deviation of
        the difference between validation and test images; it was a tenth of a point, until runs on the test images had
        shown that to be too little. Every rival tried what was cleared, once, and races at the soonest.
        {_trials(results)}""")


def _cold(results: Results) -> str:
    """What an empty cache would cost, as the whole program tells it."""
    warm, empty = (results.medians("process", "until", cache=cache) for cache in ("warm", "empty"))
    told = [
        f"{results.title(name)} {number(empty[name].median - warm[name].median)}"
        for name in NAMES
        if name in warm and name in empty
    ]
    return f" With an empty one so many seconds come on top until step {CALL} of `tutorial`: {', '.join(told)}." * bool(
        told
    )


def _told(tried: races.Settings) -> str:
    return f"{tried.batch_size}, {tried.epochs} epochs, {tried.learning_rate:g}"


def _trials(results: Results) -> str:
    """When each rival met the mark with each of the settings that were tried with all."""
    trials = {(s.rival, races.Settings(**s.case)): s.value for s in results.store.of("trial") if not failure(s)}
    settings = list(dict.fromkeys(tried for _, tried in trials))
    if not settings:
        return ""
    told = [
        f"{results.title(name)} {', '.join(_trial(trials.get((name, tried))) for tried in settings)}"
        for name in NAMES
        if any(rival == name for rival, _ in trials)
    ]
    return f"Seconds with {', with '.join(map(_told, settings))}: {'; '.join(told)}."


def _trial(value: dict[str, Any] | None) -> str:
    return number(value["seconds"]) if value and value["met"] else "not met"


def race_seconds(runs: Sequence[dict[str, Any]]) -> float:
    """The median of the seconds to the mark."""
    return statistics.median(map(until_met, runs))


def until_met(run: dict[str, Any]) -> float:
    """Seconds to the mark; a run that failed it counts as endless."""
    return float(run["marks"][-1][0]) if run["met"] else math.inf


def met(runs: Sequence[dict[str, Any]]) -> str:
    """Such as "4 of 5"."""
    return f"{sum(run['met'] for run in runs)} of {len(runs)}"


def _race_row(title: str, runs: Sequence[dict[str, Any]], least: float, ends: Figure) -> list[str]:
    """least, ends : of numnet's runs the fewest seconds and the accuracies; in bold who is ahead in all of his."""
    settings, seconds = runs[0]["settings"], sorted(map(until_met, runs))
    middle = race_seconds(runs)
    shown = f"{number(middle)} ({number(seconds[0])} to {number(seconds[-1])})" if math.isfinite(middle) else "not met"
    return [
        title,
        lost(shown, seconds[-1] < least),
        met(runs),
        _told(races.Settings(**settings)),
        most(figure([_end(run) for run in runs]), ends, "{:.2%}"),
    ]


def _end(run: dict[str, Any]) -> float:
    """The accuracy at its end."""
    return float(run["marks"][-1][1])
