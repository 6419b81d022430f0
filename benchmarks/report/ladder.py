"""docs/ladder.md: the same products from three loops in Python to numnet's kernel, a rung at a time."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import figure
from benchmarks.ladder.climb import PRODUCTS
from benchmarks.products import PIXELS
from benchmarks.report import roofline
from benchmarks.report.markdown import number, prose, section, table
from benchmarks.report.products import KINDS
from benchmarks.report.rows import Results
from benchmarks.samples import THREADS

Line = dict[str, Any]
Key = tuple[str, str, int]  # kind, shape, threads
LISTED = [(kind, " x ".join(map(str, shape))) for kind, shape in PRODUCTS + PIXELS]


def page(results: Results) -> str:
    """The text of the page; empty where the ladder was not climbed."""
    climbs = results.store.of("ladder")
    if not climbs:
        return ""
    lines: list[Line] = max(climbs, key=lambda climb: climb.case["rounds"]).value
    return section(
        "# The product ladder",
        prose("""The three products of a dense layer, written again and again, each time with one more idea, until they
            are numnet's own. Every rung is checked against float64 before it is timed, and on the same cores in turn
            with the others. This page is written by `make bench`; the code of the rungs is in
            [benchmarks/ladder](../benchmarks/ladder), and [kernels.md](kernels.md) explains the last one."""),
        "## The rungs, and why each is taken",
        _rungs(lines),
        "## How fast, on one thread",
        prose("""Medians over all rounds. “Of the peak” is a share of the highest rate of fused multiply-adds that the
            run measured, as in [benchmark.md](benchmark.md#a-step-of-training): a disturbed core falls short of its
            peak, and none exceeds it. “Times OpenBLAS's” compares the speed with that of NumPy's own product in the
            same round: the median over rounds, and the interval that holds it with at least 95 %. The noise probe did
            not watch."""),
        *_tables(results, lines, 1),
        "## On two threads",
        *_tables(results, lines, THREADS),
    ) + "\n"  # fmt: skip


def _tables(results: Results, lines: list[Line], threads: int) -> Iterator[str]:
    """A heading and a table for each product on so many threads."""
    found = [line for line in lines if line["threads"] == threads]
    for key, rungs in _grouped(found).items():
        yield _heading(key)
        yield _table(rungs, _peak(results, found, threads))


def _grouped(lines: list[Line]) -> dict[Key, dict[str, list[Line]]]:
    """The rounds of each rung, by kind, shape and threads, in the ladder's own order of products."""
    found: dict[Key, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        found[line["kind"], " x ".join(map(str, line["shape"])), line["threads"]][line["name"]].append(line)
    return dict(sorted(found.items(), key=lambda item: _place(*item[0])))


def _place(kind: str, shape: str, threads: int) -> tuple[int, int]:
    """As the ladder lists its products; each on one thread first."""
    return LISTED.index((kind, shape)) if (kind, shape) in LISTED else len(LISTED), threads


def _heading(key: Key) -> str:
    kind, shape, _ = key
    pixels, _, kind = kind.rpartition(" ")
    return f"### {KINDS[kind]}, {shape}{', real pixels' if pixels else ''}"


def _rungs(lines: list[Line]) -> str:
    """A numbered list: title, reason, what compiling took, what the assembly shows."""
    first: dict[str, Line] = {}
    compiled: dict[str, float] = defaultdict(float)
    for line in lines:
        first.setdefault(line["name"], line)
        compiled[line["name"]] = max(compiled[line["name"]], line["compile_seconds"] or 0)
    home: dict[str, str] = {}  # of each function, the first rung that calls it
    for name, line in _ordered(first):
        home.setdefault(line["function"] or name, name)
    places = {name: i for i, (name, _) in enumerate(_ordered(first), 1)}
    rungs = []
    for name, line in _ordered(first):
        before = home[line["function"] or name]
        rungs.append(f"{places[name]}. {_rung(line, compiled[name], places[before] if before != name else 0)}")
    return "\n".join(rungs)


def _ordered(first: dict[str, Line]) -> list[tuple[str, Line]]:
    return sorted(first.items(), key=lambda item: item[1]["rung"])


def _rung(line: Line, compiled: float, before: int) -> str:
    """before : the rung that compiled the same function, 0 where none did."""
    parts = [f"**{line['title'][0].upper()}{line['title'][1:]}.** {line['reason']}"]
    if line["slice"]:
        rows, depth, columns = line["slice"]
        parts.append(f"(Timed on {rows} x {depth} x {columns} of it; its time grows as the work does.)")
    if loop := line["assembly"]:
        parts.append(_assembly(loop))
    if before:
        parts.append(f"Compiled with rung {before}.")
    elif compiled:
        parts.append(f"Compiling took {number(compiled)} s.")
    return " ".join(parts)


def _assembly(loop: dict[str, int]) -> str:
    """What the innermost loop is made of, in words."""
    arithmetic = (
        f"{loop['packed']} operations on vectors of {loop['bits']} bits"
        if loop["packed"]
        else f"{loop['scalar']} operations on single numbers"
    )
    fused = f", {loop['fused']} of them fused multiply-adds" if loop["fused"] else ", none of them fused"
    return (
        f"*In the assembly of its innermost loop: {arithmetic}{fused}; {_count(loop['sums'], 'register')} of sums; "
        f"{_count(loop['loads'], 'load')} and {_count(loop['stores'], 'store')}; "
        f"{_count(loop['instructions'], 'instruction')}.*"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _peak(results: Results, lines: list[Line], threads: int) -> float:
    """GFLOP/s: of the whole run; where that measured no step, of the ladder's own lines."""
    found = roofline.find(results, threads)
    return found.gflops if found else max(line["peak_gflops"] for line in lines)


def _table(rungs: dict[str, list[Line]], peak: float) -> str:
    """peak : GFLOP/s of the cores"""
    reference = {line["round"]: line["gflops"] for line in rungs["openblas"]}
    rows = []
    for _, lines in sorted(rungs.items(), key=lambda item: item[1][0]["rung"]):
        milliseconds = 1e3 * statistics.median(line["seconds"] for line in lines)
        beside = figure([line["gflops"] / reference[line["round"]] for line in lines if line["round"] in reference])
        gflops = statistics.median(line["gflops"] for line in lines)
        rows.append([
            lines[0]["title"], number(milliseconds), number(gflops), f"{gflops / peak:.1%}",
            f"{beside.median:.2f} ({beside.low:.2f} to {beside.high:.2f})",
        ])  # fmt: skip
    return table(("rung", "ms", "GFLOP/s", "of the peak", "times OpenBLAS's"), rows)
