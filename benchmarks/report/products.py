"""The report on products alone: numnet beside OpenBLAS in docs/benchmark.md, and docs/ladder.md."""

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from benchmarks.figures import Figure, figure
from benchmarks.report import markdown
from benchmarks.report.markdown import number, prose, table, times
from benchmarks.report.rows import Results

KINDS = {"forward": "a @ b", "dw": "a.T @ b", "dx": "a @ b.T"}
ENOUGH = 0.9  # of OpenBLAS

Row = dict[str, Any]


def rows_of(results: Results) -> dict[tuple[str, str], dict[int, Row]]:
    """Kind and shape of each product, and of each number of threads what was measured."""
    found: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
    for sample in results.store.of("products"):
        for row in sample.value:
            found[row["kind"], " x ".join(map(str, row["shape"]))][row["threads"]] = row
    return found


def share(row: Row) -> Figure:
    """numnet's speed as a share of OpenBLAS's: the median over samples taken one after the other."""
    return figure([b / a for a, b in zip(row["numnet"], row["openblas"], strict=True)])


def section(results: Results) -> str:
    """numnet's products beside OpenBLAS's on equal threads."""
    rows = [
        [f"{_name(kind)} {shape}", *(cell for threads in (1, 2) for cell in _cells(found.get(threads)))]
        for (kind, shape), found in rows_of(results).items()
    ]
    return markdown.section(
        "## The products alone",
        prose("""M x K x N: out (M, N) = a (M, K) @ b (K, N), or with a factor transposed, as a layer needs it; dense
            random numbers, and in the last rows real pixels. numnet beside OpenBLAS (through NumPy, into a given
            array) on equal threads, in turn, checked against float64 before they are timed."""),
        table(("", "GFLOP/s, 1 thread", "times OpenBLAS's", "GFLOP/s, 2 threads", "times OpenBLAS's"), rows),
        "[The product ladder](ladder.md) climbs from three naive loops to this kernel, rung by rung.",
    )


def _name(kind: str) -> str:
    pixels, _, kind = kind.rpartition(" ")
    return KINDS[kind] + (", pixels," if pixels else "")


def _cells(row: Row | None) -> Iterable[str]:
    if row is None:
        return "-", "-"
    speed = row["flops"] / statistics.median(row["numnet"]) / 1e9
    return number(speed), times(share(row))
