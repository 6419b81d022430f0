"""What samples show of a goal that was not met. Where they show nothing, that is what is said."""

import statistics
from typing import Any

from benchmarks.jobs.predictions import TESTED
from benchmarks.jobs.processes import TOLD, TRAIN
from benchmarks.problem import TRAINING
from benchmarks.report import products
from benchmarks.report.markdown import in_threads, number
from benchmarks.report.rows import Results
from benchmarks.rival import NUMNET
from benchmarks.samples import failure

UNKNOWN = "not known"
UNDECIDED = "undecided: the interval of their rounds has the goal within it"
PROFILE = "a profiled step (one profile, which nobody watched)"
LARGE = 50e6  # operations of a product: far above what a call costs
ADAM_BYTES = 28  # a parameter: w, dw, m and v are read, w, m and v written, 4 bytes each
ONCE = "clocked once, which nobody watched"
MOST = 5  # functions that are named

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
    """Large products by the peak and their copying, small ones by a call's cost."""
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
            f"{theirs:.0%}; {_packing(results)}what else numnet's lack is not known"
        )
    if products.CALL in found:
        ours, theirs = (
            1e6 * statistics.median(s.value[w] for s in found[products.CALL]) for w in ("numnet", "openblas")
        )
        told.append(
            f"a call that multiplies two numbers takes {number(ours)} µs, NumPy's {number(theirs)}, which is that much "
            f"of what small products lack; the rest is not known"
        )
    return "; ".join(told) or UNKNOWN


def _clock(results: Results, question: str) -> dict[str, Any]:
    """What benchmarks/clocks.py found; empty where it was not asked."""
    found = [s.value for s in results.store.of("clock", of=question) if not failure(s)]
    return found[-1] if found else {}


def _packing(results: Results) -> str:
    """The least and the largest share of a large product that copying takes."""
    shares = [one["packing"] / one["seconds"] for one in _clock(results, "pack").get("products", ())]
    if not shares:
        return ""
    return (
        f"copying into panels and strips, by itself and on one thread, takes {min(shares):.1%} to {max(shares):.1%} of "
        f"a large product ({ONCE}); "
    )


def of_process(results: Results) -> str:
    """What `numnet.train` tells of its seconds, and the clock; else the stages of numnet's row."""
    if told := _told(results, "warm"):
        parts = ", ".join(f"{name.removesuffix('_seconds')} {number(told[name])}" for name in TOLD)
        return f"of its seconds `python -m numnet.train` tells: {parts}{_stages(results)}"
    runs = results.values("process", cache="warm").get(NUMNET, [])
    return _ends([run["stages"] for run in runs if run.get("stages")])


def _stages(results: Results) -> str:
    """Where each stage of such a run ends, and what its steps take beside those that the suite times."""
    found = _clock(results, "train")
    if not found:
        return "; the rest is the start, the test and the end"
    ends = ", ".join(f"{name} {number(seconds)}" for name, seconds in found["stages"].items())
    first, later, between, after = (number(found[name]) for name in ("first", "later", "between", "after"))
    return (
        f"; {ONCE}, the seconds from the start to the end of each stage are: {ends}; a step takes {later} ms there, "
        f"one of the first hundred {first}, and between two of them pass {between}, where steps as the tables have "
        f"them took {after} right after"
    )


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
    return f"compiling takes {empty} s of it, where the cache has everything {warm}; {_functions(results)}"


def _functions(results: Results) -> str:
    """What compiling was spent on, function by function."""
    found = _clock(results, "compile")
    if not found:
        return "how that is spent is not measured"
    own = [(f"`{name}`", seconds) for name, _, seconds in found["functions"]]
    named = ", ".join(f"{name} {number(seconds)}" for name, seconds in own[:MOST])
    others, all_of_them = sum(seconds for _, seconds in own[MOST:]), sum(seconds for _, seconds in own)
    return (
        f"{ONCE}, it took {number(found['seconds'])} s: {named}, {len(own) - MOST} other functions {number(others)}, "
        f"and what is no function's own, as importing and writing files, {number(found['seconds'] - all_of_them)}"
    )


def of_memory(results: Results) -> str:
    """What Numba has before anything is done."""
    found = [s.value["mib"] for s in results.store.of("memory")]
    if not found:
        return UNKNOWN
    images = TRAINING * 28 * 28 / 2**20
    return (
        f"a Python that imports Numba and does nothing has {number(found[-1])} MiB at most; the training images as "
        f"bytes weigh {number(images)}; in numnet's row the suite makes floats of the test images, as in every "
        f"rival's, which weigh {number(4 * TESTED * 28 * 28 / 2**20)}; the rest is not known"
    )


def of_one_image(results: Results) -> str:
    """Its calls by the clock; else what it takes to read the weights once, and to call the products."""
    if found := _clock(results, "predict"):
        return _answer(found)
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


def _answer(found: dict[str, Any]) -> str:
    """What an answer's products, its other kernels and the rest take, with either set of kernels."""
    told = []
    for name, one in found.items():
        done, other = (sum(us for _, flops, us in one["calls"] if bool(flops) == is_one) for is_one in (True, False))
        told.append(
            f"kernels {name}: products {number(done)}, activations {number(other)}, between them, with the clocks "
            f"themselves, {number(one['between'])}, and {number(one['answer'])} in all without clocks"
        )
    return f"{ONCE}, an answer takes so many µs: {'; '.join(told)}"


def of_start(results: Results) -> str:
    """Python's own share."""
    found = results.medians("start").get("python")
    return f"a Python that does nothing takes {number(found.median)} s" if found else UNKNOWN
