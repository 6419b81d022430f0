"""The README's summary of the benchmark: a table of few rows and the plot."""

from benchmarks.figures import Figure
from benchmarks.report.markdown import lost, mark, marked, number, prose, section
from benchmarks.report.page import tables
from benchmarks.report.rows import Results
from benchmarks.report.sections import least
from benchmarks.report.summary import summary as outcome
from benchmarks.rival import NUMNET, TEXTBOOK

FEW = ("tensorflow_tutorial", "tensorflow_loop", "keras_fit", "torch_eager", "jax_scan", TEXTBOOK)
KERAS = ("keras",)  # the fastest of its rows stands there too


def summary(results: Results) -> str:
    """Steps, whole processes and memory of numnet and of a few others."""
    nets = ("tutorial", "intended")
    step = [
        (results.medians("step", "ms", net=n, threads=2), results.ratios("step", "ms", net=n, threads=2)) for n in nets
    ]
    seconds, memory = (results.medians("process", part, cache="warm") for part in ("seconds", "mib"))
    rows = []
    best = results.fastest(KERAS, "step", "ms", net="tutorial", threads=2)
    for name in dict.fromkeys(filter(None, (NUMNET, *FEW[:2], best, *FEW[2:]))):
        cells = [_step(medians, ratios, name) for medians, ratios in step]
        cells += [least(found.get(name), found.get(NUMNET)) for found in (seconds, memory)]
        rows.append([results.title(name), *cells])
    return section(
        outcome(results, tables(results)),
        marked(("", "`tutorial`, ms a step", "`intended`, ms a step", "whole `tutorial`, s", "MiB at most"), rows),
        "![Milliseconds a step of each rival](docs/pictures/benchmark-step.png)",
        prose(f"""Measured on {results.machines(only_cores=True)}, two threads, medians of interleaved rounds; how many
            times numnet's time a rival's is, each turn between two of numnet's; nobody watched whether others disturbed
            the last two columns. In bold is where numnet loses. All of it, one thread, latency, sweeps:
            [docs/benchmark.md](docs/benchmark.md)."""),
    )


def _step(medians: dict[str, Figure], ratios: dict[str, Figure], name: str) -> str:
    """Milliseconds, and how many times numnet's."""
    if name not in medians:
        return "-"
    against = f"; {ratios[name].median:.2f} times" if name in ratios else ""
    is_lost = name in ratios and ratios[name].high < 1
    return mark(medians[name], lost(number(medians[name].median) + against, is_lost))
