"""The sections of docs/benchmark.md that are about rivals: a heading, what was measured, a table."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks import equal, nets
from benchmarks.figures import median, ratio
from benchmarks.jobs import races
from benchmarks.report.markdown import DISTURBED, mark, milliseconds, number, prose, section, table, times
from benchmarks.report.rows import NUMNET, TRAIN, Results, of_rounds
from benchmarks.rival import NAMES
from benchmarks.samples import Sample

STEP_GFLOP = 0.332  # products of a step of both nets: forward, dw, and dx but for the first layer


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
            {equal.EPSILON:g}, so that its size and its form show; with the dropout of `intended` the mean of
            {equal.STEPS} losses must agree to {equal.CLOSE_DROPPED:.0%}. A rival that is off by more than
            {equal.CLOSE:g} is refused. Rivals are given the images shuffled once and as floats in memory; numnet
            shuffles in each epoch, gathers bytes and converts them in each step, all within its time."""),
        table(("rival", "how a step is written", *(f"`{net}`, largest error" for net in nets.NETS)), rows),
    )


def _equality(value: dict[str, Any]) -> str:
    return f"refused: {value['refusal']}" if value["refusal"] else f"{value['error']:.0e}"


def steps(results: Results) -> str:
    """Milliseconds a step, and how many times numnet's that is."""
    return section(
        "## A step of training",
        prose(f"""Milliseconds for a batch of 128 and one update of all 567,434 parameters: medians of rounds in which
            all took turns. “Times numnet's” is the median over rounds of the ratio within a round, with its 95 %
            interval: above 1 numnet is the faster. {DISTURBED} marks figures of which fewer than three rounds were
            undisturbed."""),
        *(part for net in nets.NETS for part in (f"### `{net}`", _step_table(results, net))),
        "![Milliseconds a step of each rival](pictures/benchmark-step.png)",
        _roofline(results),
    )


def _step_table(results: Results, net: str) -> str:
    two, one = (results.samples("step", net=net, threads=threads) for threads in (2, 1))
    rows = []
    for name, figure in results.medians("step", net=net, threads=2).items():
        cells = [results.title(name), milliseconds(figure), _times(two, name)]
        cells += [milliseconds(median(one[name])), _times(one, name)] if name in one else ["-", "-"]
        rows.append([*cells, number(STEP_GFLOP / figure.median * 1e3)])
    return table(("", "2 threads, ms", "times numnet's", "1 thread, ms", "times numnet's", "GFLOP/s on 2"), rows)


def _times(samples: dict[str, list[Sample]], name: str) -> str:
    return "1" if name == NUMNET or NUMNET not in samples else times(ratio(samples[name], samples[NUMNET]))


def _roofline(results: Results) -> str:
    """The peak, and whether it is one: no product in the run may have exceeded it."""
    peaks, fastest = {}, dict.fromkeys((1, 2), 0.0)
    for threads in (1, 2):
        floors = [of_rounds(results.samples("step", net=net, threads=threads).get("roofline", [])) for net in nets.NETS]
        peaks[threads] = STEP_GFLOP * 1e3 / min(min(floor, default=float("inf")) for floor in floors)
    for sample in results.store.of("products"):
        dense = [row for row in sample.value if "pixels" not in row["kind"]]
        rates = [row["flops"] / statistics.median(row[who]) / 1e9 for row in dense for who in ("numnet", "openblas")]
        fastest[sample.case["threads"]] = max(rates)
    held = all(fastest[threads] <= peaks[threads] for threads in fastest)
    return prose(f"""The row “{results.title("roofline")}” is what the step's 332 MFLOP of dense products would take at
        the rate of fused multiply-adds that the cores reached in the same rounds, with nothing else to do; at best
        {peaks[1]:.0f} GFLOP/s on one and {peaks[2]:.0f} on two. The fastest dense product of the run reached
        {fastest[1]:.0f} and {fastest[2]:.0f} GFLOP/s:
        {"the roofline holds." if held else "**above it, so that the roofline is not one.**"}""")


def processes(results: Results) -> str:
    """Seconds, memory and stages of the tutorial's program."""
    parts = ("seconds", "mib", "cpu_seconds", "stages", "accuracy")
    found = {part: results.samples("process", part, cache="warm") for part in parts}
    empty = results.samples("process", "seconds", cache="empty")
    rows = []
    for name in results.medians("process", "seconds", cache="warm"):
        wall, memory, cpu, accuracy = (
            median(found[part][name]).median for part in ("seconds", "mib", "cpu_seconds", "accuracy")
        )
        cold = number(empty[name][0].value) if name in empty else "the same"
        first = [s.value["compiled"] for s in found["stages"][name] if s.value]
        until = number(statistics.median(first)) if first else "-"
        rows.append([results.title(name), number(wall), cold, until, number(cpu), number(memory), f"{accuracy:.2%}"])
    header = ("", "seconds", "empty cache", "until step 143", "CPU seconds", "MiB at most", "accuracy")
    return section(
        "## The whole program",
        prose("""From the start of the process to its end: import, read MNIST, 1,001 steps of `tutorial` on two threads
            (`python -m numnet.train`: 1,000), test. Who keeps compiled code between runs compiles it first when the
            cache is empty."""),
        table(header, rows),
        _memory(results),
    )


def _memory(results: Results) -> str:
    memory = {name: figure.median for name, figure in results.medians("process", "mib", cache="warm").items()}
    others = [name for name in memory if name.startswith("tensorflow")]
    if TRAIN not in memory or not others:
        return ""
    leanest = min(others, key=memory.__getitem__)
    return prose(f"""`python -m numnet.train` needs {memory[TRAIN] / memory[leanest]:.0%} of the memory of the leanest
        TensorFlow ({results.title(leanest)}, {number(memory[leanest])} MiB).""")


def race(results: Results) -> str:
    """Seconds to 98 %."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for sample in results.store.of("race"):
        runs.setdefault(sample.rival, []).append(sample.value)
    names = sorted(runs, key=lambda name: statistics.median(_seconds(run) for run in runs[name]))
    header = ("", "seconds, median (least to most)", "met", "batch, length, peak rate", "accuracy at the end")
    return section(
        f"## Seconds to {races.TARGET:.0%}",
        prose(f"""From the start of the process, imports, compiling and tests included, until {races.TARGET:.0%} of the
            test images are right: the tutorial's layer sizes with ReLU, Adam, one cycle of the learning rate. All start
            from the same weights and look for the mark after each epoch."""),
        table(header, [_race_row(results.title(name), runs[name]) for name in names]),
        "![Accuracy over seconds](pictures/benchmark-race.png)",
    )


def _race_row(title: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    settings, met = runs[0]["settings"], [run for run in runs if run["met"]]
    seconds = sorted(_seconds(run) for run in met)
    shown = [number(s) for s in (statistics.median(seconds), seconds[0], seconds[-1])] if met else []
    return [
        title,
        "{} ({} to {})".format(*shown) if met else "not met",
        f"{len(met)} of {len(runs)}",
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
            results.title(name), milliseconds(figure), milliseconds(slowest), _times(p50, name), milliseconds(many),
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
    quiet = results.samples("step", net="intended", threads=2)
    rows = []
    for name, figure in results.medians("neighbour").items():
        alone = median(quiet[name])
        times_as_long = f"{figure.median / alone.median:.1f}"
        rows.append([results.title(name), milliseconds(alone), number(figure.median), times_as_long])
    return section(
        "## With a busy neighbour",
        "`intended` on two threads while another process keeps one of the two cores busy without a pause.",
        table(("", "alone, ms a step", "with the neighbour", "times as long"), rows),
    )
