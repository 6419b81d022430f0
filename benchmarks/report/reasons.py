"""What samples show of a goal that was not met. Where they show nothing, that is what is said."""

import statistics
from typing import Any

from benchmarks.report import products
from benchmarks.report.markdown import number
from benchmarks.report.rows import Results
from benchmarks.rival import NUMNET

UNKNOWN = "what bounds it is not known: no sample tells"
LARGE, SMALL = 50e6, 5e6  # operations of a product: far above what a call costs, and near it
ADAM_BYTES = 28  # a parameter: w, dw, m and v are read, w, m and v written, 4 bytes each

Parts = dict[str, Any]


def of_step(results: Results, net: str, asked: float | None = None) -> str:
    """What numnet's step is made of by its own profile.

    asked : milliseconds that a goal comes to; then what the products alone take beside it
    """
    two = [sample.value for sample in _profiles(results, net, 2)]
    if asked and two:
        alone = sum(ms for _, flops, ms in two[0]["calls"] if flops)
        return (
            f"the goal comes to {number(asked)} ms; numnet's products alone take {number(alone)} of the "
            f"{number(two[0]['step'])} of a profiled step"
        )
    told = [_parts(found.value, threads) for threads in (2, 1) for found in _profiles(results, net, threads)]
    return "; ".join(told) or UNKNOWN


def _profiles(results: Results, net: str, threads: int) -> list[Any]:
    return results.store.of("parts", net=net, threads=threads)[-1:]


def _parts(parts: Parts, threads: int) -> str:
    calls = parts["calls"]
    first = [(flops, ms) for name, flops, ms in calls if flops and flops == max(f for _, f, _ in calls)]
    other = [(flops, ms) for _, flops, ms in calls if 0 < flops < max(f for _, f, _ in calls)]
    rate = sum(flops for flops, _ in other) / sum(ms for _, ms in other) / 1e6
    adam = sum(ms for name, _, ms in calls if name == "adam")
    passes = sum(ms for name, flops, ms in calls if not flops and name != "adam")
    gigabytes = ADAM_BYTES * parts["parameters"] / adam / 1e6
    return (
        f"on {threads} thread{'s' * (threads > 1)} a profiled step takes {number(parts['step'])} ms: "
        f"the products with pixels, zeros skipped, {number(sum(ms for _, ms in first))}; "
        f"the other products {number(sum(ms for _, ms in other))}, at {rate / parts['peak_gflops']:.0%} of the peak; "
        f"Adam {number(adam)}, {number(gigabytes)} GB/s where a copy reaches {number(parts['copy_gigabytes'])}; "
        f"activations, masks, sums and loss {number(passes)}; between kernels {number(parts['between'])}"
    )


def of_products(results: Results, threads: int) -> str:
    """Large products by the peak, small ones by what a call costs; single rows are not explained."""
    found = products.samples_of(results, threads)
    large = [s for k, each in found.items() if "pixels" not in k[0] for s in each if s.value["flops"] >= LARGE]
    told = []
    if large:
        ours, theirs = (
            statistics.median(s.value["flops"] / s.value[who] / 1e9 / s.value["peak_gflops"] for s in large)
            for who in ("numnet", "openblas")
        )
        told.append(
            f"products of {LARGE / 1e6:g} MFLOP and more reach {ours:.0%} of the peak measured beside them, OpenBLAS's "
            f"{theirs:.0%}; what numnet's lack is not known"
        )
    if products.CALL in found:
        ours, theirs = (
            1e6 * statistics.median(s.value[w] for s in found[products.CALL]) for w in ("numnet", "openblas")
        )
        told.append(
            f"a call that multiplies two numbers takes {number(ours)} µs, NumPy's {number(theirs)}, which counts for "
            f"small products"
        )
    return "; ".join([*told, "what bounds single rows is not known"])


def of_process(results: Results) -> str:
    """The stages of numnet's row, which does a rival's work."""
    found = [run["stages"] for run in results.values("process", cache="warm").get(NUMNET, []) if run.get("stages")]
    if not found:
        return UNKNOWN
    stages = {name: statistics.median(stages[name] for stages in found) for name in found[0]}
    ordered = sorted(stages.items(), key=lambda stage: stage[1])
    ends = ", ".join(f"{name} {number(seconds)}" for name, seconds in ordered)
    return f"of numnet's row the seconds from the start to the end of each stage are: {ends}"


def of_compiling(results: Results) -> str:
    """What an empty cache costs."""
    warm, empty = (results.medians("process", "seconds", cache=cache).get("train") for cache in ("warm", "empty"))
    if not warm or not empty:
        return UNKNOWN
    return f"compiling takes {number(empty.median - warm.median)} s of it; how that is spent is not measured"


def of_start(results: Results) -> str:
    """Python's own share."""
    found = results.medians("start").get("python")
    return f"a Python that does nothing takes {number(found.median)} s" if found else UNKNOWN
