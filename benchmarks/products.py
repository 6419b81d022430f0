"""The three products of a dense layer, numnet's beside OpenBLAS's: `python -m benchmarks.products --threads T`.

Prints a JSON object for each product and round: kind, shape "M x K x N" of out (M, N) = a (M, K) @ b (K, N), threads,
round, flops, the seconds of one product by `peaks.clock`, numnet's and OpenBLAS's one after the other, and beside them
the peak of the cores' multiply-adds in GFLOP/s and what the noise probe took. Both are checked first.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.noise import PAUSE, Probe
from benchmarks.peaks import clock, fma_gflops
from benchmarks.plan import in_turn
from benchmarks.problem import FloatArray, read
from numnet.kernels.matmul import matmul, matmul_at, matmul_bt
from numnet.kernels.threads import set_threads

SIZES, BATCH = (784, 512, 256, 128, 10), 128  # the tutorial's
LAYERS = list(pairwise(SIZES))
STEP = (
    [("forward", (BATCH, d, h)) for d, h in LAYERS]
    + [("dw", (d, BATCH, h)) for d, h in LAYERS]
    + [("dx", (BATCH, h, d)) for d, h in LAYERS[1:]]  # nobody asks for the gradient of the pixels
)
ODD = [(kind, shape) for shape in [(33, 129, 65), (127, 255, 63)] for kind in ("forward", "dw", "dx")]
FEW = [("forward", (1, 784, 512)), ("dx", (1, 784, 512)), ("forward", (100, 1000, 10)), ("forward", (128, 784, 1000))]
SQUARES = [("forward", (size, size, size)) for size in (64, 128, 256, 512, 1024, 2048)]
TURNED = [(kind, (size, size, size)) for size in (512, 2048) for kind in ("dw", "dx")]
PIXELS = [("pixels forward", (BATCH, 784, 512)), ("pixels dw", (784, BATCH, 512))]
NOTHING = [("forward", (1, 1, 1))]  # what a call costs before it does anything
ROWS = STEP + ODD + FEW + SQUARES + TURNED + PIXELS + NOTHING

EPS = float(np.finfo(np.float32).eps)
LONG_ENOUGH = 0.001  # seconds of a sample: many ticks of the clock, and too few for a neighbour to come and go
WARM = 0.005  # of the same product before its sample: cores and threads that slept take some 2 ms to be at work again

Shape = tuple[int, int, int]


class Product(NamedTuple):
    """float32 a (M, K), b (K, N), out (M, N); the factor that a layer uses transposed is a view of what it keeps."""

    kind: str
    a: FloatArray
    b: FloatArray
    out: FloatArray

    @property
    def flops(self) -> int:
        """Multiplications and additions, those with zero included."""
        return 2 * self.a.size * self.b.shape[1]

    @property
    def shape(self) -> str:
        """Such as "128 x 784 x 512"."""
        return " x ".join(map(str, (*self.a.shape, self.b.shape[1])))


def make(kind: str, shape: Shape) -> Product:
    """A product of random numbers; of 128 real images where the kind is of pixels.

    forward : y = x @ w    dw : x.T @ dy    dx : dy @ w.T
    """
    rows, depth, columns = shape
    draw = np.random.default_rng(0).standard_normal
    a = draw((depth, rows), np.float32).T if kind == "dw" else draw((rows, depth), np.float32)
    b = draw((columns, depth), np.float32).T if kind == "dx" else draw((depth, columns), np.float32)
    if kind.startswith("pixels"):
        a = _pixels() if kind == "pixels forward" else _pixels().T
    return Product(kind, a, b, np.empty((rows, columns), np.float32))


@cache
def _pixels() -> FloatArray:
    """The first images of the test set, float32 (BATCH, 784): 0.19 of the pixels are not zero."""
    return np.ascontiguousarray(read("t10k").images[:BATCH])


def numnet(product: Product) -> Callable[[], None]:
    """A call that has numnet fill `out`; a layer's forward product adds the bias, here zeros."""
    a, b, out = product.a, product.b, product.out
    if product.kind.endswith("forward"):
        bias = np.zeros(b.shape[1], np.float32)
        return lambda: matmul(a, b, bias, out)
    if product.kind.endswith("dw"):
        turned = a.T
        return lambda: matmul_at(turned, b, out)
    turned = b.T
    return lambda: matmul_bt(a, turned, out)


def openblas(product: Product) -> Callable[[], Any]:
    """The same by NumPy, which hands views like these to OpenBLAS as they are."""
    return lambda: np.matmul(product.a, product.b, out=product.out)


def verify(product: Product, call: Callable[[], Any], name: str) -> None:
    """Raise ArithmeticError unless the call's sums are as close to float64's as float32 can promise.

    A sum of K products is off by at most K * eps * sum |a * b|, whatever the order; 4 leaves room for where it starts.
    Source: Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1.
    """
    a, b, out = product.a.astype(float), product.b.astype(float), product.out
    out.fill(np.nan)
    call()
    bound = 4 * a.shape[1] * EPS * (abs(a) @ abs(b))
    if not (abs(out - a @ b) <= bound).all():
        raise ArithmeticError(f"{name}: {product.kind} {product.shape} is not the product")


class Pair(NamedTuple):
    """A product, and the calls that fill it."""

    product: Product
    calls: dict[str, Callable[[], Any]]


def pair(kind: str, shape: Shape) -> Pair:
    """Both, checked."""
    product = make(kind, shape)
    calls = {"numnet": numnet(product), "openblas": openblas(product)}
    for name, call in calls.items():
        verify(product, call, name)
    return Pair(product, calls)


def time_all(threads: int, rounds: int) -> Iterator[dict[str, Any]]:
    """A line for each product and round, all products in an order that is drawn for each round."""
    set_threads(threads)
    with threadpool_limits(threads, "blas"):
        pairs = [pair(kind, shape) for kind, shape in ROWS]
        probe = Probe(threads)
        for i in range(rounds):
            for one in in_turn(pairs, i):
                found, seen = probe.watch(_time_pair, one, threads)
                about = {"kind": one.product.kind, "shape": one.product.shape, "flops": one.product.flops}
                yield about | {"threads": threads, "round": i, "probe": seen} | found


def _time_pair(one: Pair, threads: int) -> dict[str, float]:
    """Seconds of each call, who is first being drawn by lot, and the peak before them."""
    peak = fma_gflops(threads)
    found = {"peak_gflops": peak}
    for name in random.sample(sorted(one.calls), len(one.calls)):
        time.sleep(PAUSE if threads > 1 else 0)  # until the other's threads have gone to sleep
        found[name] = sample(one.calls[name], threads)
    return found


def sample(call: Callable[[], Any], threads: int, long_enough: float = LONG_ENOUGH) -> float:
    """Seconds a call takes, once it is warm: called as often as it takes for the time to be long enough."""
    awake = time.perf_counter() + WARM
    while time.perf_counter() < awake:
        call()
    now, times = clock(threads), 1
    while True:
        began = now()
        for _ in range(times):
            call()
        took = now() - began
        if took >= long_enough:
            return took / times
        times = 1 + int(times * min(10, 1.2 * long_enough / max(took, 1e-9)))


def main() -> None:
    """Print a line for each product."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    for line in time_all(args.threads, args.rounds):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
