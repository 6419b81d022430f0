"""The sections of docs/benchmark.md that are about rivals: a heading, what was measured, a table."""

from typing import Any

from benchmarks import CALL, equal, nets
from benchmarks.figures import Figure, inside, median
from benchmarks.jobs import predictions as predicted
from benchmarks.jobs.processes import TRAIN
from benchmarks.problem import STEP_FLOPS
from benchmarks.report import roofline
from benchmarks.report.markdown import (
    in_threads,
    lost,
    mark,
    marked,
    number,
    prose,
    section,
    table,
    times,
)
from benchmarks.report.rows import Results
from benchmarks.rival import NAMES, NUMNET

Figures = dict[str, Figure]  # by rival


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
            is timed with (of Keras's `fit`, which is timed by whole epochs, after what those {equal.STEPS} steps leave
            of one); with the dropout of `intended` the mean of {equal.STEPS} losses must agree to
            {equal.CLOSE_DROPPED:.0%}. A rival that is off by more than {equal.CLOSE:g} is refused. Everybody's
            weights, images and gradients are float32, and no product is rounded to fewer digits. Rivals are given the
            images shuffled once, as floats in memory, and go through them in that order in every epoch; numnet shuffles
            in each epoch, gathers bytes and converts them in each step, all within its time."""),
        table(("rival", "how a step is written", *(f"`{net}`: {ERRORS}" for net in nets.NETS)), rows),
    )


ERRORS = "largest error of a step; of a call; of the mean with dropout"


def _equality(value: dict[str, Any]) -> str:
    if reason := value.get("refusal") or value.get("failed"):
        return f"refused: {reason}"
    told = [f"{value[name]:.0e}" for name in ("error", "whole") if name in value]
    return "; ".join([*told, *([f"{value['dropped']:.1%}"] if value.get("dropped") else [])])


def steps(results: Results) -> str:
    """Milliseconds a step, and how many times numnet's that is."""
    return section(
        "## A step of training",
        prose(f"""Milliseconds for a batch of 128 and one update of all 567,434 parameters: medians of rounds in which
            they took turns; numnet's many turns of a round count as one, by their median. “Times numnet's” compares
            each turn with the mean of numnet's own turns right before and right after it: the median over rounds, with
            the interval that holds it with at least 95 % (of fewer than six rounds: the least and the largest): above 1
            numnet is the faster, in bold it is the slower by the whole interval. A column of milliseconds is of the
            undisturbed rounds of everybody in it, or, where somebody has fewer than six of them, of the calmest
            three quarters of everybody's by the probe, six at least; a ratio is of a rival's undisturbed turns, or of
            the calmest three quarters, six at least. GFLOP/s are those of dense products: zeros that numnet skips are
            counted as done. {results.watched("step")}"""),
        *(part for net in nets.NETS for part in (f"### `{net}`", _step_table(results, net))),
        "![Milliseconds a step of each rival](pictures/benchmark-step.png)",
        roofline.explained(results),
        _on_one_core(results),
    )


def _step_table(results: Results, net: str) -> str:
    header = ("", "2 threads, ms", "times numnet's", "1 thread, ms", "times numnet's", "GFLOP/s on 2")
    one = results.medians("step", "ms", net=net, threads=1)
    two_times, one_times = (results.ratios("step", "ms", net=net, threads=threads) for threads in (2, 1))
    two = results.medians("step", "ms", net=net, threads=2)
    bound = roofline.row(results, {2: two.get(NUMNET), 1: one.get(NUMNET)})
    rows = []
    for name, took in two.items():
        cells = [results.title(name), least(took, two.get(NUMNET)), _times(two_times, name)]
        cells += [least(one.get(name), one.get(NUMNET)), _times(one_times, name)]
        rate = lost(number(STEP_FLOPS / took.median / 1e6), is_less(took, two.get(NUMNET)))
        rows.append([*cells, mark(took, rate)])
    return marked(header, rows, results.absent("step", len(header), net, net=net, threads=2), bound)


def _times(ratios: dict[str, Figure], name: str) -> str:
    return times(ratios[name]) if name in ratios else "1" if name == NUMNET else "-"


TICK, NEAR = 4.0, 0.25  # milliseconds: the scheduler looks 250 times a second who is next, and is on time
TICKS = 3  # at least: a step of one or two is too often near them by chance


def _on_one_core(results: Results) -> str:
    """How many of Keras's samples are whole ticks of the scheduler, which is then what they measure."""
    told = []
    for threads in (1, 2):
        found = results.samples("step", "ms", threads=threads)
        for name in (name for name in found if name.startswith("keras")):
            values = [s.value for s in found[name]]
            ticks = sum(_is_ticks(value) for value in values)
            told.append(f"{results.title(name)} on {in_threads(threads)} {ticks} of {len(values)}")
    if not told:
        return ""
    return prose(f"""Where threads that wait for each other share a core, they may wait for the scheduler's next look,
        every {TICK:g} ms. Keras's `fit` has its batches gathered by other threads; samples of its rows that lie within
        {NEAR:g} ms of {TICKS} or more whole ticks, of which chance alone would make {2 * NEAR / TICK:.0%}; where
        most of a row's do, it measures the scheduler, and how many times numnet's it is does not tell Keras's work from
        that: {"; ".join(told)}.""")


def _is_ticks(milliseconds: float) -> bool:
    """Whether the nearest whole number of ticks is near, and not too few."""
    ticks = round(milliseconds / TICK)
    return ticks >= TICKS and abs(milliseconds - ticks * TICK) <= NEAR


def processes(results: Results) -> str:
    """Seconds, memory and stages of the tutorial's program."""
    header = ("", "seconds", "empty cache", f"until step {CALL}", "CPU seconds", "MiB at most", "accuracy")
    warm = {part: results.medians("process", part, cache="warm") for part in PARTS}
    # who keeps nothing between runs finds his cache empty in every run
    empty = warm["seconds"] | results.medians("process", "seconds", cache="empty")
    return section(
        "## The whole program",
        prose(f"""From the start of the process to its end: import, read MNIST, 1,001 steps of `tutorial` on two threads
            (`python -m numnet.train`: 1,000), test; medians of three. Who keeps compiled code between runs (numnet and
            `torch.compile` as they come, JAX where it is told to) compiles it first when the cache is empty; the others
            compile every time. Rivals keep the training images as floats, as is usual, which weighs 164 MiB; numnet
            keeps them as bytes, which weighs 41. It is not quite the same work: numnet, with either set of kernels,
            shuffles the images anew for each epoch, while the frameworks go through one order again and again. The
            accuracy is of one seed and one order, the same in every run: it shows that everybody learns, and judges
            nobody. In bold where a rival is ahead of numnet's row, which does a rival's work.
            {results.watched("process")}"""),
        table(
            header,
            [
                *(_process_row(results, name, warm, empty) for name in warm["seconds"]),
                *results.absent("process", len(header), "tutorial", cache="warm"),
            ],
        ),
    )


PARTS = ("seconds", "until", "cpu_seconds", "mib", "accuracy")


def _process_row(results: Results, name: str, warm: dict[str, Figures], empty: Figures) -> list[str]:
    """warm : by part and name; numnet's own program is nobody's rival, and beside numnet's row nothing is lost to it"""
    figures, ours = (
        {"empty": empty.get(who)} | {part: found.get(who) for part, found in warm.items()} for who in (name, NUMNET)
    )
    if name == TRAIN:
        ours = dict.fromkeys(ours)
    cells = {part: least(figure, ours[part]) for part, figure in figures.items()}
    if figures["empty"] == figures["seconds"]:
        cells["empty"] = lost("the same", is_less(figures["empty"], ours["empty"]))
    accuracy = figures["accuracy"]
    shown = f"{accuracy.median:.2%}" if accuracy else "-"  # never in bold: it is one seed's in every run
    return [results.title(name), *(cells[part] for part in ("seconds", "empty", *PARTS[1:-1])), shown]


def is_less(figure: Figure | None, ours: Figure | None) -> bool:
    """Whether the whole interval is below numnet's."""
    return figure is not None and ours is not None and figure.high < ours.low


def least(figure: Figure | None, ours: Figure | None) -> str:
    """The median, in bold where it is less than numnet's by the whole intervals."""
    return mark(figure, lost(number(figure.median), is_less(figure, ours))) if figure else "-"


def most(figure: Figure | None, ours: Figure | None, form: str) -> str:
    """The same of what is better where it is more."""
    return mark(figure, lost(form.format(figure.median), is_less(ours, figure))) if figure else "-"


def predictions(results: Results) -> str:
    """One image and ten thousand."""
    header = ("", "one image, median, µs", "99th percentile, µs", "times numnet's", "images a second")
    p50, p99, rate = (results.medians("predict", part) for part in ("p50", "p99", "images_per_second"))
    against = results.ratios("predict", "p50")
    rows = [
        [
            results.title(name), least(figure, p50.get(NUMNET)), least(p99[name], p99.get(NUMNET)),
            _times(against, name), most(rate[name], rate.get(NUMNET), "{:,.0f}"),
        ]
        for name, figure in p50.items()
    ]  # fmt: skip
    same = [
        f"{results.title(name)} by that of {results.title(other)}"
        for name, other in predicted.SAME.items()
        if other in against and name not in against
    ]
    return section(
        "## An answer",
        prose(f"""One image from NumPy to NumPy through the network of `intended`, and all 10,000 test images in one
            call, on two threads, in turns as above. Who predicts by the code of another, but for the
            threads that it is given, is not measured again{": " * bool(same)}{"; ".join(same)}.
            {results.watched("predict")}"""),
        marked(header, rows, results.absent("predict", len(header), "tutorial")),
    )


def installs(results: Results) -> str:
    """What comes onto the disk."""
    found = sorted((s.value["megabytes"], s.rival, s.value) for s in results.store.of("install"))
    ours = next((size for size, name, _ in found if name == "numnet"), 0.0)
    rows = [
        [name, lost(number(size), size < ours), str(value["packages"]), value["largest"]] for size, name, value in found
    ]
    return section(
        "## What an install weighs",
        prose(f"""A package and all that it requires, by the sizes in each one's metadata, compiled Python files left
            out. {_torch(results)}"""),
        table(("", "MB", "packages", "the largest"), rows),
    )


def _torch(results: Results) -> str:
    """Which of PyTorch's builds was weighed, as far as its version tells."""
    versions = {str(s.value.get("version", "")) for s in results.store.of("install") if s.rival == "PyTorch"}
    if not any(versions):
        return ""
    version = max(versions)
    build = "the build for CPUs" if version.endswith("+cpu") else "the usual build, which on Linux brings CUDA along"
    return f"PyTorch is {version}, {build}."


def sweeps(results: Results) -> str:
    """Batch sizes and widths."""
    parts = []
    for job in ("batch", "width"):
        sizes = sorted({s.case[job] for s in results.store.of(job)})
        names = [n for n in NAMES if n in {s.rival for s in results.store.of(job)}]
        rows = [[results.title(n), *(_swept(results, job, size, n) for size in sizes)] for n in names]
        parts += [
            marked((job, *map(str, sizes)), rows), results.watched(job).strip(),
            f"![Times numnet's over {job}](pictures/benchmark-{job}.png)",
        ]  # fmt: skip
    return section(
        "## Other batches, other widths",
        prose("""A network of two equal hidden layers with ReLU on two threads: of 512 units at batches of 1 to 4,096,
            and at a batch of 128 with widths of 64 to 4,096. Beside numnet and its textbook kernels are the two
            frameworks that are the fastest on `intended`, each in its fastest way. Milliseconds a step; in brackets how
            many times numnet's, in bold where numnet is the slower by the whole interval."""),
        *parts,
    )


def _swept(results: Results, job: str, size: int, name: str) -> str:
    samples = results.samples(job, "ms", **{job: size}).get(name)
    if not samples:
        return "-"
    figure, against = median(samples), results.ratios(job, "ms", **{job: size}).get(name)
    shown = f" ({lost(f'{against.median:.2f}', against.high < 1)})" if against else ""
    return mark(figure, number(figure.median) + shown)


def neighbours(results: Results) -> str:
    """With one of the two cores taken."""
    header = ("", "alone, ms a step", "with the neighbour", "times as long")
    found, alone = results.samples("neighbour"), results.medians("neighbour", "alone")
    busy = results.medians("neighbour", "busy")
    slower = {name: inside(samples, "busy", "alone") for name, samples in found.items()}
    rows = [
        [
            results.title(name), least(alone[name], alone.get(NUMNET)), least(figure, busy.get(NUMNET)),
            lost(f"{slower[name].median:.1f} ({slower[name].low:.1f} to {slower[name].high:.1f})",
                 NUMNET in slower and slower[name].high < slower[NUMNET].low),
        ]
        for name, figure in busy.items()
    ]  # fmt: skip
    return section(
        "## With a busy neighbour",
        prose(f"""`intended` on two threads, alone and right after that while another process keeps one of the two cores
            busy without a pause, in {max(map(len, found.values()), default=0)} rounds. In bold what is less than
            numnet's. The probe can't watch: the neighbour would be what it sees.
            {results.told_fallen("neighbour")}"""),
        table(header, [*rows, *results.absent("neighbour", len(header), "intended")]),
    )
