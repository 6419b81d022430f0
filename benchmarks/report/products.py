"""The report on products alone: numnet beside OpenBLAS, a section of docs/benchmark.md."""

from benchmarks.figures import Figure, alike, inside, median
from benchmarks.products import ROWS
from benchmarks.report import markdown
from benchmarks.report.markdown import mark, marked, number, prose, times
from benchmarks.report.rows import Results
from benchmarks.samples import Sample

KINDS = {"forward": "a @ b", "dw": "a.T @ b", "dx": "a @ b.T"}
ENOUGH = 0.9  # of OpenBLAS
LISTED = [(kind, " x ".join(map(str, shape))) for kind, shape in ROWS]
CALL = LISTED[-1]  # a product of two numbers: what calling costs

Key = tuple[str, str]  # kind, shape


def samples_of(results: Results, threads: int) -> dict[Key, list[Sample]]:
    """Of each product, in the order in which they are listed in benchmarks/products.py.

    By one rule for both numbers of threads, which stand in one row: undisturbed rounds where both have enough, or all.
    """
    found: dict[Key, dict[str, list[Sample]]] = {}
    for sample in results.store.of("products"):
        if "kind" in sample.case:
            results.shown.append(sample)
            row = found.setdefault((sample.case["kind"], sample.case["shape"]), {})
            row.setdefault(str(sample.threads), []).append(sample)
    ordered = sorted(found.items(), key=lambda item: _place(item[0]))
    return {key: alike(row)[str(threads)] for key, row in ordered if str(threads) in row}


def share(samples: list[Sample]) -> Figure:
    """numnet's speed as a share of OpenBLAS's, each pair taken one after the other."""
    return inside(samples, "openblas", "numnet")


def section(results: Results) -> str:
    """numnet's products beside OpenBLAS's on equal threads."""
    one, two = (samples_of(results, threads) for threads in (1, 2))
    rows = [
        [name(key), *_cells(one.get(key)), *_cells(two.get(key))] for key in {**one, **two} if key != CALL
    ]  # fmt: skip
    return markdown.section(
        "## The products alone",
        prose(f"""M x K x N: out (M, N) = a (M, K) @ b (K, N), or with a factor transposed, as a layer needs it; dense
            random numbers, and in the last rows real pixels. numnet beside OpenBLAS (through NumPy, into a given
            array) on equal threads, one right after the other, checked against float64 before they are timed; all rows
            in each round, in an order drawn for it. In bold where numnet is the slower by the whole interval.
            {results.watched("products")}"""),
        marked(("", "GFLOP/s, 1 thread", "times OpenBLAS's", "GFLOP/s, 2 threads", "times OpenBLAS's"), rows),
        "[The product ladder](ladder.md) climbs from three naive loops to this kernel, rung by rung.",
    )


def name(key: Key) -> str:
    """Such as "a.T @ b 784 x 128 x 512"."""
    pixels, _, kind = key[0].rpartition(" ")
    return KINDS[kind] + (", pixels, " if pixels else " ") + key[1]


def _cells(samples: list[Sample] | None) -> tuple[str, str]:
    if not samples:
        return "-", "-"
    took = median([s.of("numnet") for s in samples])
    return mark(took, number(samples[0].value["flops"] / took.median / 1e9)), times(share(samples))


def _place(key: Key) -> int:
    return LISTED.index(key) if key in LISTED else len(LISTED)
