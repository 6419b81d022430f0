"""What samples show of a goal that was not met. Where they show nothing, that is what is said."""

import statistics
from typing import Any

from benchmarks.jobs.processes import TOLD, TRAIN
from benchmarks.problem import TRAINING
from benchmarks.report import products
from benchmarks.report.markdown import in_threads, number
from benchmarks.report.rows import Results
from benchmarks.rival import NUMNET

UNKNOWN = "not known"
UNDECIDED = "undecided: the interval of their rounds has the goal within it"
PROFILE = "a profiled step (one profile, which nobody watched)"
LARGE = 50e6  # operations of a product: far above what a call costs
ADAM_BYTES = 28  # a parameter: w, dw, m and v are read, w, m and v written, 4 bytes each
SINGLE_ROW = (
    "a single row times a turned matrix has to turn all of that: an image by itself is to get the bits that it gets "
    "in a batch, where sums run over k in order; OpenBLAS adds up in another order there"
)

Parts = dict[str, Any]


def of_step(results: Results, net: str, asked: float | None = None) -> str:
    """What numnet's step is made of, in shares of a profiled step, which is another one than those in the table.

    asked : what a goal comes to, as a share of numnet's step; then what the products alone take beside it
    """
    two = [sample.value for sample in _profiles(results, net, 2)]
    if asked and two:
        alone = sum(ms for _, flops, ms in two[0]["calls"] if flops)
        return (
            f"the goal comes to {asked:.0%} of what numnet's step takes; numnet's products alone are "
            f"{alone / two[0]['step']:.0%} of {PROFILE}"
        )
    told = [_parts(found.value, threads) for threads in (2, 1) for found in _profiles(results, net, threads)]
    return f"of {PROFILE}, {'; '.join(told)}" if told else UNKNOWN


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
    pixels, others, adam, passes, between = (
        f"{ms / parts['step']:.0%}"
        for ms in (sum(ms for _, ms in first), sum(ms for _, ms in other), adam, passes, parts["between"])
    )
    return (
        f"on {in_threads(threads)}: the products with pixels, zeros skipped, {pixels}; the other "
        f"products {others}, at {rate / parts['peak_gflops']:.0%} of the peak beside them; Adam {adam}, "
        f"{number(gigabytes)} GB/s where changing as many bytes again and again reaches "
        f"{number(parts['update_gigabytes'])}; activations, masks, sums and loss {passes}; between kernels {between}, "
        f"of which gathering the batch is {parts['gathering'] / parts['step']:.0%} of a step"
    )


def of_products(results: Results, threads: int) -> str:
    """Large products by the peak, small ones by what a call costs, a single row by the order that its sums keep."""
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
    return "; ".join([*told, SINGLE_ROW])


def of_process(results: Results) -> str:
    """What `numnet.train` tells of its seconds, and the stages of numnet's row, which does a rival's work."""
    if told := _told(results, "warm"):
        parts = ", ".join(f"{name.removesuffix('_seconds')} {number(told[name])}" for name in TOLD)
        return f"of its seconds `python -m numnet.train` tells: {parts}; the rest is the start, the test and the end"
    runs = results.values("process", cache="warm").get(NUMNET, [])
    return _ends([run["stages"] for run in runs if run.get("stages")])


def _told(results: Results, cache: str) -> dict[str, float]:
    """The medians of what `numnet.train` tells of its seconds, where all its runs did."""
    runs = results.values("process", cache=cache).get(TRAIN, [])
    return {
        name: statistics.median(run[name] for run in runs) for name in TOLD if runs and all(name in r for r in runs)
    }


def of_race(results: Results) -> str:
    """The stages of numnet's runs in the race, and their epochs, each with its test."""
    runs = results.values("race").get(NUMNET, [])
    return _ends([
        run.get("stages", {}) | {f"epoch {i}": seconds for i, (seconds, _) in enumerate(run["marks"], 1)}
        for run in runs
    ])  # fmt: skip


def _ends(found: list[dict[str, float]]) -> str:
    """Medians of when each stage ended, of those that all runs have."""
    if not found:
        return UNKNOWN
    shared = set(found[0]).intersection(*found)
    ends = sorted((statistics.median(stages[name] for stages in found), name) for name in shared)
    told = ", ".join(f"{name} {number(seconds)}" for seconds, name in ends)
    return f"in numnet's row the seconds from the start to the end of each stage are: {told}"


def of_compiling(results: Results) -> str:
    """What an empty cache costs."""
    told = [_told(results, cache).get("compile_seconds") for cache in ("warm", "empty")]
    if None in told:
        return UNKNOWN
    warm, empty = map(number, told)
    return f"compiling takes {empty} s of it, where the cache has everything {warm}; how that is spent is not measured"


def of_memory(results: Results) -> str:
    """What Numba has before anything is done."""
    found = [s.value["mib"] for s in results.store.of("memory")]
    if not found:
        return UNKNOWN
    images = TRAINING * 28 * 28 / 2**20
    return (
        f"a Python that imports Numba and does nothing has {number(found[-1])} MiB at most; the training images as "
        f"bytes weigh {number(images)}"
    )


def of_one_image(results: Results) -> str:
    """What it takes to read the weights once, and to call the products."""
    profiles, calls = _profiles(results, "intended", 2), products.samples_of(results, 2).get(products.CALL, [])
    if not profiles or not calls:
        return UNKNOWN
    megabytes, rate = 4e-6 * profiles[0].value["parameters"], profiles[0].value["read_gigabytes"]
    call = 1e6 * statistics.median(s.value["numnet"] for s in calls)
    return (
        f"an answer reads {number(megabytes)} MB of weights, which takes {number(1e3 * megabytes / rate)} µs at the "
        f"{number(rate)} GB/s of a pass that only reads, and each of its products costs {number(call)} µs to call; "
        "the rest is not known"
    )


def of_start(results: Results) -> str:
    """Python's own share."""
    found = results.medians("start").get("python")
    return f"a Python that does nothing takes {number(found.median)} s" if found else UNKNOWN
