"""The README's summary of the benchmark: a table of few rows and the plot."""

from benchmarks.figures import median, ratio
from benchmarks.report.markdown import number, plain, prose, section, table
from benchmarks.report.rows import NUMNET, TEXTBOOK, Results
from benchmarks.samples import Sample

FEW = ("tensorflow_tutorial", "tensorflow_loop", "keras_fit", "torch_eager", "jax_scan", TEXTBOOK)


def summary(results: Results) -> str:
    """Steps, whole processes and memory of numnet and of a few others."""
    step = {net: results.samples("step", net=net, threads=2) for net in ("tutorial", "intended")}
    seconds, memory = (results.samples("process", part, cache="warm") for part in ("seconds", "mib"))
    rows = []
    for name in (NUMNET, *FEW):
        cells = [_step(samples, name) for samples in step.values()]
        cells += [number(median(found[name]).median) if name in found else "-" for found in (seconds, memory)]
        rows.append([results.title(name), *cells])
    return section(
        table(("", "`tutorial`, ms a step", "`intended`, ms a step", "whole `tutorial`, s", "MiB at most"), rows),
        "![Milliseconds a step of each rival](docs/pictures/benchmark-step.png)",
        prose(f"""Measured on {_machine(results)}, two threads, medians of interleaved rounds; how many times numnet's
            time a rival's is, within a round. ° marks figures of which fewer than six rounds were undisturbed by others
            on the machine. All of it, one thread, latency, sweeps, losses included:
            [docs/benchmark.md](docs/benchmark.md)."""),
    )


def _step(samples: dict[str, list[Sample]], name: str) -> str:
    """Milliseconds, and how many times numnet's."""
    if name not in samples:
        return "-"
    against = "" if name == NUMNET else f"; {ratio(samples[name], samples[NUMNET]).median:.2f} times"
    return plain(median(samples[name])) + against


def _machine(results: Results) -> str:
    """The cores, without the versions."""
    known = results.store.environments()
    texts = {known.get(s.environment, s.environment) for s in results.shown}
    return "; ".join(sorted(text.partition(", numnet")[0] for text in texts))
