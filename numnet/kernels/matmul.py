"""The three products of a dense layer, by blocks.

All three are one product, out = start + a @ b: of `a` it matters only how far it is from one row to the next and from
one k to the next, so a.T is `a` with the two exchanged. The loops are Goto's, from the outside in:

    part        a rectangle of out, for one thread                        threads.deal
    columns     as many columns of b as fit into the panels' scratch      COLUMNS
    block of k  of b, packed into panels: one tile wide, k after k        DEPTH
    rows        as many rows of a as stay in the second cache             ROWS
    panel       it stays in the first cache                               WIDTH
    strip       rows of a, one tile high                                  HEIGHT
    tile        sums in registers, one k after the other                  vector.tile

Where many numbers of `a` are zero, or its rows are few, the two innermost are a row of `a` and a flat tile, which
visits the others only. Few rows times a turned b, as backward through one image has it, are plain dot products.

Every sum begins at the bias, runs over k in order with one rounding a step, and rests in out between two blocks of k.
So it has the same bits at any number of threads, whether or not zeros of `a` were skipped, and for an image by itself
or in a batch. A dot product has an order of its own, the same at any number of threads.
Source: Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from numnet.kernels import FloatArray
from numnet.kernels.jit import inlined, inner, serial
from numnet.kernels.threads import deal, exclusive, stretch, threads
from numnet.kernels.vector import FLAT_TILE, LANES, TILE, at, copy, dot, flat_tile, list_nonzeros, move, tile, transpose

HEIGHT, WIDTH = TILE[0], TILE[1] * LANES
FLAT_WIDTH = FLAT_TILE * LANES

# Bytes that a core has to itself, in numbers of 4 bytes. Few CPUs have less. Who has more is not asked: on a CPU with
# twice this second cache, twice the rows gained nothing.
FIRST_CACHE, SECOND_CACHE = 2**15 // 4, 2**18 // 4
# A panel may have all of the first cache, though a strip of `a` stays there, too: it is read in order, so that what was
# pushed out is back before its turn. Half as deep, large products would pass over out twice as often.
DEPTH = FIRST_CACHE // WIDTH
FLAT_DEPTH = FIRST_CACHE // FLAT_WIDTH
ROWS = SECOND_CACHE // 2 // DEPTH // 4 * 3  # of one half, a quarter for the panels that stream through
FLAT_ROWS = SECOND_CACHE // 2 // (2 * FLAT_DEPTH) // 4 * 3  # each brings a list of the same length along
COLUMNS = 512  # times DEPTH, half a megabyte to two of panels for each thread, in the last cache

SPARSE_BELOW = 0.5  # share of non-zeros; at about 0.55 lists and full tiles take equally long
SAMPLE, RUNS = 1024, 32  # numbers looked at to tell that share, and in how many runs: half a microsecond of work
GOLDEN = 0.6180339887  # of its multiples the fractions lie evenly, in step with no row: runs meet blank margins fairly
SMALL = 2**18  # multiplications, zeros too, that one thread has done before a helper that looks for work has begun
FEW_ROWS = 3  # rows of a that leave a tile's registers half empty, and for which a copy of b, used once, does not pay

PANELS = DEPTH * (COLUMNS + FLAT_WIDTH)  # numbers in a part's panels: COLUMNS rounded up to whole ones
PACKED = PANELS + DEPTH * (ROWS + HEIGHT)  # and in its strips of a: ROWS rounded up to whole ones
SLOT = FLAT_DEPTH + 1  # a row's list, and behind it the list's length

# rows, columns and depth of a product; from one row of a to the next, from one k to the next; from one row of b to the
# next; 1 if b is turned
Shape = tuple[int, int, int, int, int, int, int]
Plan = npt.NDArray[np.int64]  # int64 (parts, 12): the shape, 1 to go by rows; top, bottom, left and right of a part
Lists = npt.NDArray[np.int32]


def matmul(a: FloatArray, b: FloatArray, bias: FloatArray, out: FloatArray) -> None:
    (rows, depth), columns = a.shape, b.shape[1]
    _product(a, b, bias, out, (rows, columns, depth, depth, 1, columns, 0))


def matmul_at(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    (depth, rows), columns = a.shape, b.shape[1]
    _product(a, b, _zeros(columns), out, (rows, columns, depth, 1, rows, columns, 0))


def matmul_bt(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    (rows, depth), columns = a.shape, b.shape[0]
    if rows <= FEW_ROWS:  # b would be turned for one use: its rows lie as a dot product wants them
        parts = threads() if rows * columns * depth > SMALL else 1
        deal(_by_dots, parts, parts, a, b, out)
        return
    _product(a, b, _zeros(columns), out, (rows, columns, depth, depth, 1, depth, 1))


def _product(a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray, shape: Shape) -> None:
    """Plan the product, and deal its parts out."""
    few, large = shape[0] <= FEW_ROWS, shape[0] * shape[1] * shape[2] > SMALL
    flat = few or (large and _share_of_nonzeros(a) < SPARSE_BELOW)
    plan = _plan(shape, flat, threads() if large else 1)
    with exclusive:  # the scratch is one for all
        deal(_multiply, len(plan), a, b, start, out, plan, *_scratch(len(plan)))


@lru_cache(256)
def _plan(shape: Shape, flat: bool, threads: int) -> Plan:
    """The rectangles that out is dealt out in, at most one a thread; cut along its longer side.

    Whoever has fewer columns packs less of b; whoever has fewer rows reads less of a. What lies left of a border
    between parts is whole panels.
    """
    rows, columns, *_ = shape
    width = FLAT_WIDTH if flat else WIDTH
    panels = max(1, -(-columns // width))
    across = min(threads, panels) if columns > rows else 1
    down = threads // across
    tops = [rows * row // down for row in range(down + 1)]
    lefts = [min(columns, panels * column // across * width) for column in range(across + 1)]
    return np.array([(*shape, flat, *ys, *xs) for ys in pairwise(tops) for xs in pairwise(lefts)])


class Block(NamedTuple):
    """A block of a matrix: number (i, j) of it is numbers[corner + i * row + j * step]."""

    numbers: FloatArray
    corner: int
    row: int
    step: int


@inner
def _spot(block: Block, i: int, j: int) -> Any:
    """Where its number (i, j) lies."""
    return at(block.numbers, block.corner + i * block.row + j * block.step)


@serial
def _multiply(
    part: int, a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray,
    plan: Plan, scratch: FloatArray, lists: Lists,
) -> None:  # fmt: skip
    """A part of the product, cut down to blocks of `a` that stay in the second cache."""
    a, b, out = a.ravel(), b.ravel(), out.ravel()  # views
    out_row, depth, a_row, a_step = plan[part, 1], plan[part, 2], plan[part, 3], plan[part, 4]
    b_row, turned, flat = plan[part, 5], plan[part, 6], plan[part, 7]
    top, bottom, left, right = plan[part, 8], plan[part, 9], plan[part, 10], plan[part, 11]
    width, deepest, most = (FLAT_WIDTH, FLAT_DEPTH, FLAT_ROWS) if flat else (WIDTH, DEPTH, ROWS)
    few = bottom - top <= FEW_ROWS
    packed_b, packed_a = scratch[part, :PANELS], scratch[part, PANELS:]
    blocks = max(1, -(-depth // deepest))
    for column in range(left, right, COLUMNS):
        columns = min(COLUMNS, right - column)
        for block in range(blocks):
            k = depth * block // blocks
            count = depth * (block + 1) // blocks - k
            panels = Block(packed_b, 0, width, count)
            if turned:
                _pack_turned(Block(b, column * b_row + k, b_row, 1), count, columns, panels)
            elif few and columns % width == 0:  # they use b once, so that a copy would not pay
                panels = Block(b, k * b_row + column, b_row, 1)
            else:
                _pack(Block(b, k * b_row + column, b_row, 1), count, columns, panels)
            skipping = flat and not few and _all_finite(packed_b[: -(-columns // width) * width * count])
            for row in range(top, bottom, most):
                rows = min(most, bottom - row)
                ours = Block(a, row * a_row + k * a_step, a_row, a_step)
                target = Block(out, row * out_row + column, out_row, 1)
                begin = target if block else Block(start, column, 0, 1)
                if flat:
                    _by_rows(begin, ours, panels, target, rows, columns, count, skipping, packed_a, lists[part])
                else:
                    _by_tiles(begin, ours, panels, target, rows, columns, count, packed_a)


@inlined
def _by_tiles(
    begin: Block, a: Block, panels: Block, out: Block, rows: int, columns: int, count: int, strips: FloatArray
) -> None:
    """A block of out by tiles. A turned `a` that more than one panel reads is packed into strips, as b into panels."""
    strip = a.row
    if a.step != 1 and columns > WIDTH:
        _pack(Block(a.numbers, a.corner, a.step, 1), count, rows, Block(strips, 0, HEIGHT, count))
        a, strip = Block(strips, 0, 1, HEIGHT), count
    for j in range(0, columns, WIDTH):
        for i in range(0, rows, HEIGHT):
            tile(
                _spot(begin, i, j), begin.row, at(a.numbers, a.corner + i * strip), a.row, a.step,
                _spot(panels, 0, j), panels.row, _spot(out, i, j), out.row,
                min(HEIGHT, rows - i), min(WIDTH, columns - j), count,
            )  # fmt: skip


@inlined
def _by_rows(
    begin: Block, a: Block, panels: Block, out: Block, rows: int, columns: int, count: int,
    skipping: bool, turned: FloatArray, lists: Lists,
) -> None:  # fmt: skip
    """A block of out by flat tiles. Those that skip visit only the k at which their row of `a` is not zero."""
    if a.step != 1 and count:
        # its rows become panels one row wide, count numbers each: what is a column there is a k here
        ours = Block(turned, 0, count, 1)
        _pack_turned(Block(a.numbers, a.corner, a.step, 1), rows, count, ours)
        a = ours
    for i in range(rows):
        if skipping:
            lists[i, FLAT_DEPTH] = list_nonzeros(_spot(a, i, 0), count, at(lists, i * SLOT))
        else:
            lists[i, FLAT_DEPTH] = count
            for k in range(count):
                lists[i, k] = k
    for j in range(0, columns, FLAT_WIDTH):
        for i in range(rows):
            flat_tile(
                _spot(begin, i, j), _spot(a, i, 0), _spot(panels, 0, j), panels.row, _spot(out, i, j),
                min(FLAT_WIDTH, columns - j), at(lists, i * SLOT), lists[i, FLAT_DEPTH],
            )  # fmt: skip


@serial
def _by_dots(part: int, parts: int, a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """A part of a @ b.T for few rows of a: each number a dot product of two rows."""
    mine, depth = stretch(part, parts, len(b)), b.shape[1]
    for n in range(mine.start, mine.stop):
        for m in range(len(a)):
            out[m, n] = dot(at(a, m * depth), at(b, n * depth), depth)


@inner
def _pack(b: Block, count: int, columns: int, panels: Block) -> None:
    """Copy a block of b into panels, k after k; the last one is filled up with zeros.

    It goes by a few k at a time, so that b is read along its rows and a panel is written in runs. Where a row of a
    panel ends within a vector, what that brings too much is written over by the next k; the last ones bring no
    more than there is room for.
    """
    width = panels.row
    for first in range(0, count, LANES):
        for left in range(0, columns, width):
            whole = left + width <= columns and width % LANES == 0  # then no vector needs a mask
            for k in range(first, min(first + LANES, count)):
                for j in range(0, width, LANES):
                    source, target = _spot(b, k, left + j), at(panels.numbers, left * count + k * width + j)
                    if whole:
                        copy(source, target)
                    else:
                        move(source, columns - left - j, target, (count - k) * width - j)


@inner
def _pack_turned(b: Block, count: int, columns: int, panels: Block) -> None:
    """The same for a b that is turned: by squares, transposed on the way, and the ragged rest number by number."""
    width, numbers = panels.row, panels.numbers
    squares = count - count % LANES
    for left in range(0, columns, width):
        for j in range(left, left + width, LANES):
            whole = squares if j + LANES <= columns else 0
            for k in range(0, whole, LANES):
                transpose(_spot(b, j, k), b.row, at(numbers, left * count + k * width + j - left), width)
            for i in range(j, min(j + LANES, left + width)):
                for k in range(whole, count):
                    number = b.numbers[b.corner + i * b.row + k] if i < columns else 0
                    numbers[left * count + k * width + i - left] = number


@inlined
def _all_finite(numbers: FloatArray) -> bool:
    finite = True
    for i in range(len(numbers)):
        finite &= abs(numbers[i]) < np.inf
    return finite


@serial
def _share_of_nonzeros(numbers: FloatArray) -> float:
    """The share of numbers other than zero, as SAMPLE of them tell it, in RUNS runs; 1 where there are fewer."""
    numbers = numbers.ravel()  # a view
    if len(numbers) < SAMPLE:
        return 1.0
    found = 0
    for run in range(RUNS):
        begin = int((run * GOLDEN) % 1 * (len(numbers) - SAMPLE // RUNS))
        found += _count_nonzeros(numbers[begin : begin + SAMPLE // RUNS])
    return found / SAMPLE


@inlined
def _count_nonzeros(numbers: FloatArray) -> int:
    found = 0
    for i in range(len(numbers)):
        found += numbers[i] != 0
    return found


def _zeros(count: int) -> FloatArray:
    """At least so many zeros: where the sums of a product without a bias start."""
    global _kept_zeros
    kept = _kept_zeros  # another thread may put a shorter one in its place
    if len(kept) < count:
        kept = _kept_zeros = np.zeros(count, np.float32)
    return kept


def _scratch(parts: int) -> tuple[FloatArray, Lists]:
    """Packed blocks and lists for each part, kept from call to call; panels begin on a cache line."""
    global _kept_scratch
    if len(_kept_scratch[1]) < parts:
        raw, size = np.empty(parts * PACKED + 16, np.float32), parts * PACKED
        skip = -raw.ctypes.data // 4 % 16
        _kept_scratch = raw[skip : skip + size].reshape(parts, PACKED), np.empty((parts, FLAT_ROWS, SLOT), np.int32)
    return _kept_scratch


_kept_zeros: FloatArray = np.zeros(1024, np.float32)
_kept_scratch: tuple[FloatArray, Lists] = np.empty((0, PACKED), np.float32), np.empty((0, FLAT_ROWS, SLOT), np.int32)
