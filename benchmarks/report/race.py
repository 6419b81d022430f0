"""The section of docs/benchmark.md on the race: seconds to the mark, and how each rival's settings were found."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Figure, figure
from benchmarks.jobs import races
from benchmarks.report.markdown import lost, number, prose, section, table
from benchmarks.report.rows import Results
from benchmarks.report.sections import most
from benchmarks.rival import NAMES, NUMNET
from benchmarks.samples import failure


def race(results: Results) -> str:
    """Seconds to 98 %."""
    runs = results.values("race")
    names = sorted(runs, key=lambda name: race_seconds(runs[name]))
    least = min((_seconds(run) for run in runs.get(NUMNET, ()) if run["met"]), default=0.0)
    ends = figure([_end(run) for run in runs.get(NUMNET, ())])
    header = ("", "seconds, median (least to most)", "met", "batch, length, peak rate", "accuracy at the end")
    return section(
        f"## Seconds to {races.TARGET:.0%}",
        prose(f"""From the start of the process, imports, compiling and tests included, until {races.TARGET:.0%} of the
            test images are right: the tutorial's layer sizes with ReLU, Adam, one cycle of the learning rate over few
            epochs, the mark looked for after each; of a framework's alike rows the better one. A run is a seed, and a
            run that does not meet the mark counts as one that never ends. numnet, with either set of kernels, shuffles
            anew for each epoch, as it does in training; the others keep to one order, which saves them the time, and
            what it costs them shows in the last column. Caches of compiled code are warm for who keeps one.
            {_searched(results)} {results.watched("race")}"""),
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
    return prose(f"""Each rival races at the settings that are soonest for it. First numnet tried some on the validation
        images; batch, length, peak rate, and what the worst of {races.SEEDS} seeds reached: {told}. Of each batch size
        the one of fewest epochs that had {races.SPARE:.1%} above the mark to spare, and of these the most accurate,
        was then tried by every rival, once, and it races at the soonest. {_trials(results)}""")


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
    """The median of the seconds to the mark, a run that failed it counting as endless."""
    return statistics.median(_seconds(run) if run["met"] else math.inf for run in runs)


def _race_row(title: str, runs: Sequence[dict[str, Any]], least: float, ends: Figure) -> list[str]:
    """least, ends : of numnet's runs the fewest seconds and the accuracies; in bold who is ahead in all of his."""
    settings, seconds = runs[0]["settings"], sorted(_seconds(run) for run in runs if run["met"])
    middle = race_seconds(runs)
    shown = f"{number(middle)} ({number(seconds[0])} to {number(seconds[-1])})" if math.isfinite(middle) else "not met"
    return [
        title,
        lost(shown, len(seconds) == len(runs) and seconds[-1] < least),
        f"{len(seconds)} of {len(runs)}",
        _told(races.Settings(**settings)),
        most(figure([_end(run) for run in runs]), ends, "{:.2%}"),
    ]


def _end(run: dict[str, Any]) -> float:
    """The accuracy at its end."""
    return float(run["marks"][-1][1])


def _seconds(run: dict[str, Any]) -> float:
    return float(run["marks"][-1][0])
