"""What the machine itself can do, as short measurements to be taken between others: multiply-adds, updates and reads.

A rented core's speed changes from one second to the next, so a kernel is compared with a peak measured next to it.
"""

import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from threadpoolctl import threadpool_limits

from benchmarks.cores import at_once
from benchmarks.problem import FloatArray
from numnet.kernels.vector import LANES, REGISTERS

SUMS = 12 if REGISTERS == 16 else 16  # 8 at least must be under way (two a cycle, 4 cycles each); x and y need room too
FACTOR, TERM = 0.5, 1.0  # sums go to 2: neither too large nor too small a number, which would slow the CPU down
GOAL = TERM / (1 - FACTOR)
CHECKED_STEPS = 1_000  # until nothing of where a sum began is left
SPAN = 0.02  # seconds of passes over an array
TRIAL = 0.002  # seconds; says how many steps the measurement takes
MEGABYTE = 10**6


@intrinsic
def _multiply_add(context: Any, sums: Any, factor: Any, term: Any, steps: Any) -> Any:
    """sum = sum * factor + term in each lane of SUMS vectors, `steps` times; float32 sums (SUMS * LANES,)."""
    vector = ir.VectorType(ir.FloatType(), LANES)

    def lower(context: Any, builder: Any, signature: Any, values: list[Any]) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        start = builder.bitcast(data, vector.as_pointer())
        places = [builder.gep(start, [ir.IntType(32)(i)]) for i in range(SUMS)]
        kept = [cgutils.alloca_once_value(builder, builder.load(place, align=4)) for place in places]
        x, y = (_in_every_lane(builder, value, vector) for value in values[1:3])
        fma = ir.FunctionType(vector, [vector] * 3)
        call = cgutils.get_or_insert_function(builder.module, fma, f"llvm.fma.v{LANES}f32")
        with cgutils.for_range(builder, values[3]):
            for total in kept:
                builder.store(builder.call(call, [builder.load(total), x, y]), total)
        for place, total in zip(places, kept, strict=True):
            builder.store(builder.load(total), place, align=4)
        return context.get_dummy_value()

    return types.none(sums, types.float32, types.float32, types.intp), lower


def _in_every_lane(builder: Any, number: Any, vector: Any) -> Any:
    lane = builder.insert_element(vector(ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(lane, lane, ir.VectorType(ir.IntType(32), LANES)([0] * LANES))


# Factor and term are arguments, and the sums are returned in an array: so the compiler can't know what comes out.
@numba.njit(nogil=True)
def _chains(sums: FloatArray, factor: float, term: float, steps: int) -> None:
    _multiply_add(sums, np.float32(factor), np.float32(term), steps)


def fma_gflops(threads: int, seconds: float = 0.02) -> float:
    """The float32 multiply-adds of so many threads at once, in GFLOP/s; a multiply-add counts as two."""
    _check_chains()
    steps = int(_steps_a_second() * seconds)
    sums = [np.ones(SUMS * LANES, np.float32) for _ in range(threads)]
    took = _together([lambda own=own: _chains(own, FACTOR, TERM, steps) for own in sums])
    return 2 * SUMS * LANES * steps * threads / took / 1e9


@cache
def _check_chains() -> None:
    """Compile, and assert that every lane did what was asked: it begins anywhere and ends at GOAL."""
    sums = np.random.default_rng(0).random(SUMS * LANES, np.float32)
    one = sums * np.float32(FACTOR) + np.float32(TERM)
    _chains(sums, FACTOR, TERM, 1)
    assert np.allclose(sums, one)
    _chains(sums, FACTOR, TERM, CHECKED_STEPS)
    assert (sums == GOAL).all()


@cache
def _steps_a_second() -> float:
    """About as many as one thread does now: how long a measurement takes need not be exact."""
    sums, steps, took = np.ones(SUMS * LANES, np.float32), 1_000, 0.0
    while took < TRIAL:
        steps *= 4
        began = time.thread_time()
        _chains(sums, FACTOR, TERM, steps)
        took = time.thread_time() - began
    return steps / took


def update_gigabytes(megabytes: float, threads: int = 1) -> float:
    """Passes over an array of so many megabytes that change each number in its place; read and written bytes count.

    Each thread has an array of its own. 2 MB are served by the last cache, 256 MB by memory. GB/s.
    """
    return 2 * _gigabytes(lambda array: np.negative(array, out=array), megabytes, threads)


def read_gigabytes(megabytes: float, threads: int = 1) -> float:
    """The same where each number is read only."""
    return _gigabytes(lambda array: np.dot(array, array), megabytes, threads)


def _gigabytes(go_over: Callable[[FloatArray], Any], megabytes: float, threads: int) -> float:
    arrays = [_array(megabytes, thread) for thread in range(threads)]
    go_over(arrays[0])
    began = time.perf_counter()
    go_over(arrays[0])
    times = max(1, int(SPAN / (time.perf_counter() - began)))
    with threadpool_limits(1):
        took = _together([lambda array=array: _repeat(go_over, array, times) for array in arrays])
    return arrays[0].nbytes * times * threads / took / 1e9


def _repeat(go_over: Callable[[FloatArray], Any], array: FloatArray, times: int) -> None:
    for _ in range(times):
        go_over(array)


@cache
def _array(megabytes: float, thread: int) -> FloatArray:
    """In memory that is really there: a page that nobody wrote to is the system's one page of zeros."""
    return np.zeros(int(megabytes * MEGABYTE / 4), np.float32) + thread


def clock(threads: int) -> Callable[[], float]:
    """What to time work by, in seconds.

    One thread by its own time on a core, so that what another program takes of the core is not counted; several by the
    wall clock, since they wait for each other.
    """
    return time.thread_time if threads == 1 else time.perf_counter


def _together(jobs: list[Callable[[], None]]) -> float:
    """Seconds from the start of the first to the end of the last, each job on a core of its own."""
    now = clock(len(jobs))

    def span(job: Callable[[], None]) -> tuple[float, float]:
        began = now()
        job()
        return began, now()

    spans = at_once([partial(span, job) for job in jobs])
    return max(end for _, end in spans) - min(begin for begin, _ in spans)


def main() -> None:
    """Print each peak, the middle of five measurements."""
    for threads in (1, 2):
        print(f"multiply-adds, {threads} threads: {np.median([fma_gflops(threads) for _ in range(5)]):6.1f} GFLOP/s")
        for size in (2, 256):
            for name, rate in (("updates", update_gigabytes), ("reads", read_gigabytes)):
                gigabytes = np.median([rate(size, threads) for _ in range(5)])
                print(f"{name} of {size:3} MB, {threads} threads: {gigabytes:6.1f} GB/s")


if __name__ == "__main__":
    main()
