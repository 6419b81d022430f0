"""The sections of docs/benchmark.md that are about rivals: a heading, what was measured, a table."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks import equal, nets
from benchmarks.figures import median, ratio
from benchmarks.jobs import races
from benchmarks.report.markdown import DISTURBED, mark, number, plain, prose, section, table, times
from benchmarks.report.rows import NUMNET, Results
from benchmarks.rival import NAMES, STEP_FLOPS
from benchmarks.samples import Sample


def equal_work(results: Results) -> str:
    """Who was held to the textbook, how close, and who is refused on which net."""
    rows = []
    for name in NAMES:
        found = {s.case["net"]: s.value for s in results.store.of("equal") if s.rival == name}
        if found:
            cells = [_equality(found[net]) if net in found else "-" for net in nets.NETS]
            rows.append([results.title(name), results.abouts.get(name, ""), *cells])
    return section(
        "## Equal work first",
        prose(f"""One file of initial weights and one order of the images feed all. Each rival's first {equal.STEPS}
            losses are held to those of numnet's textbook kernels in float64, without dropout and at an Adam epsilon of
            {equal.EPSILON:g}, so that its size and its form show; so is its loss after as many steps in one call as it
            is timed with; with the dropout of `intended` the mean of {equal.STEPS} losses must agree to
            {equal.CLOSE_DROPPED:.0%}. A rival that is off by more than {equal.CLOSE:g} is refused. Rivals are given the
            images shuffled once, as floats in memory, and go through them in that order in every epoch; numnet shuffles
            in each epoch, gathers bytes and converts them in each step, all within its time."""),
        table(("rival", "how a step is written", *(f"`{net}`, largest error" for net in nets.NETS)), rows),
    )


def _equality(value: dict[str, Any]) -> str:
    return f"refused: {value['refusal']}" if value["refusal"] else f"{value['error']:.0e}"


def steps(results: Results) -> str:
    """Milliseconds a step, and how many times numnet's that is."""
    return section(
        "## A step of training",
        prose(f"""Milliseconds for a batch of 128 and one update of all 567,434 parameters: medians of rounds in which
            all took turns. “Times numnet's” is the median over rounds of the ratio within a round, with the interval
            that holds it with at least 95 % (of fewer than six rounds: the least and the largest): above 1 numnet is
            the faster, in bold it is the slower by the whole interval. {DISTURBED} marks figures of which fewer than
            six rounds were undisturbed; then all rounds count. GFLOP/s are those of dense products: zeros that numnet
            skips are counted as done."""),
        *(part for net in nets.NETS for part in (f"### `{net}`", _step_table(results, net))),
        results.failures("step"),
        "![Milliseconds a step of each rival](pictures/benchmark-step.png)",
        _roofline(results),
    )


def _step_table(results: Results, net: str) -> str:
    two, one = (results.samples("step", net=net, threads=threads) for threads in (2, 1))
    rows = []
    for name, figure in results.medians("step", net=net, threads=2).items():
        cells = [results.title(name), plain(figure), _times(two, name)]
        cells += [plain(median(one[name])), _times(one, name)] if name in one else ["-", "-"]
        rows.append([*cells, number(STEP_FLOPS / figure.median / 1e6)])
    return table(("", "2 threads, ms", "times numnet's", "1 thread, ms", "times numnet's", "GFLOP/s on 2"), rows)


def _times(samples: dict[str, list[Sample]], name: str) -> str:
    if name == NUMNET or NUMNET not in samples:
        return "1" if name == NUMNET else "-"
    found = ratio(samples[name], samples[NUMNET])
    return f"{found.median:.2f}" if name == "roofline" else times(found)


def _roofline(results: Results) -> str:
    """The peak, and whether it is one: no product of the run may have exceeded it."""
    rows = [row for sample in results.store.of("products") for row in sample.value if "pixels" not in row["kind"]]
    told = []
    for threads in (1, 2):
        floors = [floor for net in nets.NETS for floor in _floors(results, net, threads)]
        peak = STEP_FLOPS / 1e6 / min(floors, default=math.inf)
        rates = [r["flops"] / min(r["numnet"] + r["openblas"]) / 1e9 for r in rows if r["threads"] == threads]
        if rates and peak:
            verdict = "it holds" if max(rates) <= peak else "**exceeded, so that it is no roofline**"
            who = f"{threads} thread{'s' * (threads > 1)}"
            told.append(f"on {who} at best {peak:.0f} GFLOP/s, the fastest dense product {max(rates):.0f}: {verdict}")
    return prose(f"""The row “{results.title("roofline")}” is what the step's 332 MFLOP of dense products would take at
        the rate of fused multiply-adds that the cores reached in the same rounds, with nothing else to
        do{"; " if told else ""}{"; ".join(told)}.""")


def _floors(results: Results, net: str, threads: int) -> list[float]:
    return results.values("step", net=net, threads=threads).get("roofline", [])


def processes(results: Results) -> str:
    """Seconds, memory and stages of the tutorial's program."""
    found = {part: results.samples("process", part, cache="warm") for part in ("mib", "cpu_seconds", "accuracy")}
    stages = {name: runs[-1].get("stages") for name, runs in results.values("process", cache="warm").items()}
    empty = results.medians("process", "seconds", cache="empty")
    rows = []
    for name, wall in results.medians("process", "seconds", cache="warm").items():
        memory, cpu, accuracy = (median(found[part][name]).median for part in found)
        cold = number(empty[name].median) if name in empty else "the same"
        until = number(stages[name]["compiled"]) if stages[name] else "-"
        shown = [number(wall.median), cold, until, number(cpu), number(memory), f"{accuracy:.2%}"]
        rows.append([results.title(name), *shown])
    header = ("", "seconds", "empty cache", "until step 143", "CPU seconds", "MiB at most", "accuracy")
    return section(
        "## The whole program",
        prose("""From the start of the process to its end: import, read MNIST, 1,001 steps of `tutorial` on two threads
            (`python -m numnet.train`: 1,000), test; medians of three. Who keeps compiled code between runs as it comes
            (numnet and `torch.compile`) compiles it first when the cache is empty; the others compile every time."""),
        table(header, rows),
        results.failures("process"),
    )


def race(results: Results) -> str:
    """Seconds to 98 %."""
    runs = results.values("race")
    names = sorted(runs, key=lambda name: race_seconds(runs[name]))
    header = ("", "seconds, median (least to most)", "met", "batch, length, peak rate", "accuracy at the end")
    return section(
        f"## Seconds to {races.TARGET:.0%}",
        prose(f"""From the start of the process, imports, compiling and tests included, until {races.TARGET:.0%} of the
            test images are right: the tutorial's layer sizes with ReLU, Adam, one cycle of the learning rate over few
            epochs, the mark looked for after each. A run is a seed, and a run that does not meet the mark counts as one
            that never ends. Caches of compiled code are warm for who has one as it comes."""),
        table(header, [_race_row(results.title(name), runs[name]) for name in names]),
        results.failures("race"),
        "![Accuracy over seconds](pictures/benchmark-race.png)",
    )


def race_seconds(runs: Sequence[dict[str, Any]]) -> float:
    """The median of the seconds to the mark, a run that failed it counting as endless."""
    return statistics.median(_seconds(run) if run["met"] else math.inf for run in runs)


def _race_row(title: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    settings, seconds = runs[0]["settings"], sorted(_seconds(run) for run in runs if run["met"])
    middle = race_seconds(runs)
    shown = f"{number(middle)} ({number(seconds[0])} to {number(seconds[-1])})" if math.isfinite(middle) else "not met"
    return [
        title,
        shown,
        f"{len(seconds)} of {len(runs)}",
        f"{settings['batch_size']}, {settings['epochs']} epochs, {settings['learning_rate']:g}",
        f"{statistics.median(run['marks'][-1][1] for run in runs):.2%}",
    ]


def _seconds(run: dict[str, Any]) -> float:
    return float(run["marks"][-1][0])


def predictions(results: Results) -> str:
    """One image and ten thousand."""
    p50, p99, rate = (results.samples("predict", part) for part in ("p50", "p99", "images_per_second"))
    rows = []
    for name, figure in results.medians("predict", "p50").items():
        slowest, many = median(p99[name]), median(rate[name])
        rows.append([
            results.title(name), plain(figure), plain(slowest), _times(p50, name), plain(many),
        ])  # fmt: skip
    return section(
        "## An answer",
        prose("""One image from NumPy to NumPy through the network of `intended`, and all 10,000 test images in one
            call, on two threads."""),
        table(("", "one image, median, µs", "99th percentile, µs", "times numnet's", "images a second"), rows),
    )


def installs(results: Results) -> str:
    """What comes onto the disk."""
    found = sorted((s.value["megabytes"], s.rival, s.value) for s in results.store.of("install"))
    rows = [[name, number(size), str(value["packages"]), value["largest"]] for size, name, value in found]
    return section(
        "## What an install weighs",
        prose("""A package and all that it requires, by the sizes in each one's metadata, compiled Python files left
            out."""),
        table(("", "MB", "packages", "the largest"), rows),
    )


def sweeps(results: Results) -> str:
    """Batch sizes and widths."""
    parts = []
    for job in ("batch", "width"):
        sizes = sorted({s.case[job] for s in results.store.of(job)})
        names = [n for n in NAMES if n in {s.rival for s in results.store.of(job)}]
        found = {size: results.samples(job, **{job: size}) for size in sizes}
        rows = [[results.title(n), *(_swept(found[size], n) for size in sizes)] for n in names]
        parts += [table((job, *map(str, sizes)), rows), f"![Course over {job}](pictures/benchmark-{job}.png)"]
    return section(
        "## Other batches, other widths",
        prose("""A network of two equal hidden layers with ReLU on two threads: of 512 units at batches of 1 to 4,096,
            and at a batch of 128 with widths of 64 to 4,096. Milliseconds a step; in brackets how many times
            numnet's."""),
        *parts,
    )


def _swept(samples: dict[str, list[Sample]], name: str) -> str:
    if name not in samples:
        return "-"
    figure = median(samples[name])
    against = f" ({ratio(samples[name], samples[NUMNET]).median:.2f})" if name != NUMNET and NUMNET in samples else ""
    return mark(figure, number(figure.median) + against)


def neighbours(results: Results) -> str:
    """With one of the two cores taken."""
    alone, busy = (results.samples("neighbour", part) for part in ("alone", "busy"))
    rows = []
    for name, figure in results.medians("neighbour", "busy").items():
        slower = ratio(busy[name], alone[name])
        shown = f"{slower.median:.1f} ({slower.low:.1f} to {slower.high:.1f})"
        rows.append([results.title(name), number(median(alone[name]).median), number(figure.median), shown])
    return section(
        "## With a busy neighbour",
        prose("""`intended` on two threads, alone and right after that while another process keeps one of the two cores
            busy without a pause."""),
        table(("", "alone, ms a step", "with the neighbour", "times as long"), rows),
    )
