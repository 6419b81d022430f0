"""Every rung on every product, checked first, then timed in rounds, each in a drawn order and beside the peak."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from benchmarks.ladder.assembly import hot_loop
from benchmarks.ladder.rungs import RUNGS, Rung
from benchmarks.noise import PAUSE
from benchmarks.peaks import fma_gflops
from benchmarks.plan import in_turn
from benchmarks.products import PIXELS, Product, make, sample, verify
from numnet.kernels.threads import max_threads, set_threads

# the tutorial's second layer, all three ways round, its first one on numbers of which none is zero, and a product whose
# matrices fill the last cache
PRODUCTS = [
    ("forward", (128, 512, 256)),
    ("dw", (512, 128, 256)),
    ("dx", (128, 256, 512)),
    ("forward", (128, 784, 512)),
    ("forward", (1536, 1536, 1536)),
]
SAMPLE = 0.003  # seconds


class Step(NamedTuple):
    """A rung on a product, at a number of threads: what is timed, and what is printed of it in each round."""

    call: Callable[[], Any]
    threads: int
    share: float
    about: dict[str, Any]


def climb(rounds: int) -> Iterator[dict[str, Any]]:
    """A line for each rung, product and round."""
    products = [make(kind, shape) for kind, shape in PRODUCTS + PIXELS]
    steps = [step for product in products for threads in (1, 2) for step in _steps(product, threads)]
    for index in range(rounds):
        for step in in_turn(steps, index):
            peak = fma_gflops(step.threads)
            yield step.about | {"round": index, "peak_gflops": round(peak, 2)} | _time(step)


def _steps(product: Product, threads: int) -> list[Step]:
    """The rungs that this product is timed on at so many threads, each of them checked."""
    if threads > max_threads():
        return []
    able = [rung for rung in RUNGS if threads in rung.threads and product.flops <= rung.most]
    fitting = [rung for rung in able if product.kind.startswith(rung.kinds)]
    with _threads(threads):
        return [_step(rung, product, threads) for rung in fitting]


def _step(rung: Rung, product: Product, threads: int) -> Step:
    part = _slice(product, rung.slice) if rung.slice else product
    call = rung.make(part)
    began = time.thread_time()
    call()
    first = time.thread_time() - began
    verify(part, call, rung.title)
    about = {
        "rung": RUNGS.index(rung) + 1, "name": rung.name, "title": rung.title, "reason": rung.reason,
        "kind": product.kind, "shape": [*product.a.shape, product.b.shape[1]], "flops": product.flops,
        "function": getattr(rung.function, "__name__", None), "threads": threads, "slice": rung.slice,
        "compile_seconds": round(first, 3) if rung.function else None,
        "assembly": hot_loop(rung.function, rung.mark) if rung.function else None,
    }  # fmt: skip
    return Step(call, threads, part.flops / product.flops, about)


def _slice(product: Product, shape: tuple[int, int, int]) -> Product:
    """The upper left corner of a product, M x K x N."""
    rows, depth, columns = shape
    return Product(product.kind, product.a[:rows, :depth], product.b[:depth, :columns], product.out[:rows, :columns])


def _time(step: Step) -> dict[str, float]:
    """Seconds and GFLOP/s of a step now; a rung that fills a part of the product is scaled up to the whole."""
    with _threads(step.threads):
        seconds = sample(step.call, step.threads, SAMPLE) / step.share
    if step.threads > 1:
        time.sleep(PAUSE)
    return {"seconds": seconds, "gflops": step.about["flops"] / seconds / 1e9}


def _threads(count: int) -> AbstractContextManager[Any]:
    """So many threads for numnet from now on, and for OpenBLAS inside the block."""
    set_threads(count)
    return threadpool_limits(count, "blas")
