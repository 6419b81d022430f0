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
    runs, seconds = results.values("race"), seconds_to_mark(results)
    names = sorted(seconds, key=lambda name: statistics.median(seconds[name]))
    least = min(seconds.get(NUMNET, ()), default=0.0)
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
            keeps one. {_cold(results)} {results.watched("race")}"""),
        table(
            header,
            [
                *(_race_row(results.title(name), runs[name], seconds[name], least, ends) for name in names),
                *results.absent("race", 5, "tutorial"),
            ],
        ),
        "![Seconds to the mark](pictures/benchmark-race.png)",
        *_searched(results),
    )


def _searched(results: Results) -> list[str]:
    """How the settings were found: what numnet reached with each, and when the others met the mark with some."""
    reached: dict[races.Settings, list[float]] = {}
    for sample in results.store.of("search"):
        if not failure(sample):
            reached.setdefault(races.Settings(**sample.case), []).append(sample.value)
    trials = {(s.rival, races.Settings(**s.case)): s.value for s in results.store.of("trial") if not failure(s)}
    if not reached:
        return []
    tried_by_all = list(dict.fromkeys(settings for _, settings in trials))
    rows = [
        [results.title(name), *(_trial(trials.get((name, settings))) for settings in tried_by_all)]
        for name in NAMES
        if any(rival == name for rival, _ in trials)
    ]
    return [
        "### How their settings were found",
        prose(f"""On the {VALIDATION:,} validation images. numnet tried some settings, each with {races.SEEDS} seeds. Of
            each batch size one is cleared for all: of those that have {races.SPARE:.3%} above the mark to spare with
            every seed, the one of fewest epochs, and of these the most accurate. To spare is a standard deviation of
            the difference between validation and test images; it was a tenth of a point, until runs on the test images
            had shown that to be too little. So no rival races at settings that only he would have met the mark with.
            Other settings were not tried: not every rival need be at its best with these."""),
        table(
            ("batch, length, peak rate", f"the worst of {races.SEEDS} seeds", ""),
            [
                [_told(settings), f"{min(found):.2%}", "cleared" if settings in tried_by_all else "-"]
                for settings, found in reached.items()
            ],
        ),
        "Everybody tried once what was cleared, and races at the soonest. Seconds to the mark:" * bool(rows),
        table(("", *map(_told, tried_by_all)), rows) if rows else "",
    ]


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


def _trial(value: dict[str, Any] | None) -> str:
    return number(value["seconds"]) if value and value["met"] else "not met"


def seconds_to_mark(results: Results) -> dict[str, list[float]]:
    """Of each rival the seconds of each run; one that failed the mark, or did not end, counts as endless."""
    fallen = results.fallen("race")
    return {
        name: [*map(_until_met, runs), *[math.inf] * len(fallen.get(name, ()))]
        for name, runs in results.values("race").items()
    }


def _until_met(run: dict[str, Any]) -> float:
    return float(run["marks"][-1][0]) if run["met"] else math.inf


def met(seconds: Sequence[float]) -> str:
    """Such as "4 of 5"."""
    return f"{sum(map(math.isfinite, seconds))} of {len(seconds)}"


def _race_row(
    title: str, runs: Sequence[dict[str, Any]], seconds: Sequence[float], least: float, ends: Figure
) -> list[str]:
    """least, ends : of numnet's runs the fewest seconds and the accuracies; in bold who is ahead in all of his"""
    middle = statistics.median(seconds)
    shown = (
        f"{number(middle)} ({number(min(seconds))} to {number(max(seconds))})" if math.isfinite(middle) else "not met"
    )
    return [
        title,
        lost(shown, max(seconds) < least),
        met(seconds),
        _told(races.Settings(**runs[0]["settings"])),
        most(figure([_end(run) for run in runs]), ends, "{:.2%}"),
    ]


def _end(run: dict[str, Any]) -> float:
    """The accuracy at its end."""
    return float(run["marks"][-1][1])
