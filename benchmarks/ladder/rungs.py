"""The rungs from the ground up, each with the reason to take it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.ladder import loops, tiles
from benchmarks.products import Product, numnet, openblas
from numnet.kernels import matmul

SLICE = (8, 64, 64)  # of M, K, N; what plain Python can do in some milliseconds
PATIENCE = 1e9  # operations, which loops without tiles may take a second for

Maker = Callable[[Product], Callable[[], Any]]


class Rung(NamedTuple):
    """A way to compute a product.

    make : gives the call that fills the product's `out`
    function : the compiled function whose hot loop is looked at; None where there is none
    mark : an instruction that the loop has
    threads : the counts it is timed at
    kinds : the kinds of product that it is timed on, in words that theirs begin with
    slice : the part (M, K, N) that is timed in place of the whole, whose time is taken to grow as its work does
    most : the operations of the largest product that it is timed on
    """

    name: str
    title: str
    reason: str
    make: Maker
    function: Any = None
    mark: str = ""
    threads: tuple[int, ...] = (1,)
    kinds: tuple[str, ...] = ("forward", "dw", "dx")
    slice: tuple[int, int, int] | None = None
    most: float = math.inf


def _calling(function: Any) -> Maker:
    return lambda product: lambda: function(product.a, product.b, product.out)


RUNGS = [
    Rung(
        "python", "three loops in Python",
        "It is the definition, and the interpreter spends its time on finding out what to do.",
        _calling(loops.by_elements), slice=SLICE, most=PATIENCE,
    ),
    Rung(
        "compiled", "the same loops compiled",
        "Types are known, so that a multiplication and an addition are an instruction each; but each addition waits"
        " for the one before it, and where b is not turned each step down a column of it fetches a line of the cache"
        " for one number.",
        _calling(loops.by_elements_compiled), loops.by_elements_compiled, most=PATIENCE,
    ),
    Rung(
        "rows", "the inner loop along rows",
        "Neighbours in memory are used one after the other, and no sum waits for another, so that the compiler makes"
        " vectors of them.",
        _calling(loops.by_rows), loops.by_rows, most=PATIENCE,
    ),
    Rung(
        "block", "two rows of out and four of b at a time",
        "Eight multiply-adds then share six loads and two stores, where before each had two loads and a store of its"
        " own, and b comes from the outer caches half as often.",
        _calling(loops.by_two_rows), loops.by_two_rows, most=PATIENCE,
    ),
    Rung(
        "tile", "a tile of sums that stays in registers",
        "Sums that are neither loaded nor stored while k runs leave the loads to a and b: eight for twelve"
        " multiply-adds, and the twelve are enough to hide how long each of them takes.",
        _calling(tiles.in_registers), tiles.in_registers,
    ),
    Rung(
        "panels", "b copied into panels",
        "In place, one k of a tile is a whole row of b away from the next, and rows of a power of two fall into the"
        " same few places of the cache; side by side they stay there.",
        _calling(tiles.in_panels), tiles.in_panels,
    ),
    Rung(
        "blocks", "blocks of k and of rows",
        "A panel then fits the first cache and a block of a the second, however large the matrices are; whether"
        " that pays is a matter of the machine.",
        _calling(tiles.in_blocks), tiles.in_blocks,
    ),
    Rung(
        "numnet", "numnet's own",
        "The same ideas for any shape; on two threads each fills a rectangle of out of its own, and waits for nothing"
        " but the end.",
        numnet, matmul._multiply, threads=(1, 2),
    ),
    Rung(
        "zeros", "zeros skipped, on real images",
        "Four pixels in five are zero and add nothing to any sum; the operations that they save are counted as done.",
        numnet, matmul._multiply, mark="movslq", threads=(1, 2), kinds=("pixels",),
    ),
    Rung(
        "openblas", "OpenBLAS, by NumPy",
        "It is the reference: blocks of its own, in hand-written assembly.",
        openblas, threads=(1, 2), kinds=("forward", "dw", "dx", "pixels"),
    ),
]  # fmt: skip
