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

Every sum begins at the bias, runs over k in order with one rounding a step, and rests in out between two blocks of k.
So it has the same bits at any number of threads, and whether or not zeros of `a` were skipped. (Of few rows each step
has two roundings, so an image by itself may differ in its last bits from the same image in a batch.)
Source: Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from numnet.kernels import FloatArray, Scalar
from numnet.kernels.jit import inner, serial
from numnet.kernels.threads import deal, exclusive, threads
from numnet.kernels.vector import LANES, SPARSE_TILE, TILE, at, list_columns, move, sparse_tile, tile, transpose

HEIGHT, WIDTH = TILE[0], TILE[1] * LANES
SPARSE_HEIGHT, SPARSE_WIDTH = SPARSE_TILE[0], SPARSE_TILE[1] * LANES

DEPTH = 384  # a panel of 16 columns is 24 KB of a 32 KB first cache; the rest is for rows of a
ROWS = 120  # times DEPTH, 184 KB of a second cache of 512 KB: panels stream through the rest
COLUMNS = 512  # times DEPTH, 768 KB of panels for each thread, in the last cache
SPARSE_DEPTH = 112  # a panel of 32 columns is 14 KB, so it stays in the first cache while lists jump about in it
SPARSE_ROWS = 256  # times SPARSE_DEPTH, 112 KB of lists

SPARSE_BELOW = 0.3  # share of non-zeros; at about 0.35 lists and full tiles take equally long
SAMPLE, RUNS = 4096, 16  # numbers looked at to tell that share: a microsecond of work, right to a point or two
SMALL = 2**18  # multiplications that one thread has done before a second one is awake, some 6 µs
FEW_ROWS = 3  # rows of a for which packing b, read once, does not pay

SLOT = SPARSE_DEPTH + 1  # a strip's list, and behind it the list's length
PART = DEPTH * (COLUMNS + WIDTH)  # a part's panels, the last one filled up

# rows, columns and depth of a product; from one row of a to the next, from one k to the next; from one row of b to the
# next; 1 if b is turned
Shape = tuple[int, int, int, int, int, int, int]
Plan = npt.NDArray[np.int64]  # int64 (9,): a shape, and how many parts out has downward and across
Lists = npt.NDArray[np.int32]


def matmul(a: FloatArray, b: FloatArray, bias: FloatArray, out: FloatArray) -> None:
    (rows, depth), columns = a.shape, b.shape[1]
    _product(a, b, bias, out, (rows, columns, depth, depth, 1, columns, 0))


def matmul_at(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    (depth, rows), columns = a.shape, b.shape[1]
    _product(a, b, _zeros(columns), out, (rows, columns, depth, 1, rows, columns, 0))


def matmul_bt(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    (rows, depth), columns = a.shape, b.shape[0]
    _product(a, b, _zeros(columns), out, (rows, columns, depth, depth, 1, depth, 1))


def _product(a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray, shape: Shape) -> None:
    """Choose how: few rows, zeros skipped, or all visited; and how many parts for how many threads."""
    rows, *_, turned = shape
    a, b, out = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    parts, plan = _plan(shape, threads())
    with exclusive:  # the scratch is one for all
        if rows <= FEW_ROWS and not turned:
            deal(_few_rows, parts, a, b, start, out, plan)
        elif not turned and _share_of_nonzeros(a) < SPARSE_BELOW:
            deal(_skip_zeros, parts, a, b, start, out, plan, *_scratch(parts))
        else:
            deal(_visit_all, parts, a, b, start, out, plan, *_scratch(parts))


@lru_cache(256)
def _plan(shape: Shape, threads: int) -> tuple[int, Plan]:
    """How many parts out is dealt out in, at most one a thread, and the plan that says so; cut along its longer side.

    Whoever has fewer columns packs less of b; whoever has fewer rows reads less of a.
    """
    rows, columns, depth, *_ = shape
    threads = 1 if rows * columns * depth <= SMALL else threads
    panels = max(1, -(-columns // SPARSE_WIDTH))
    across = min(threads, panels) if columns > rows else 1
    down = threads // across
    return down * across, np.array((*shape, down, across))


@inner
def _rectangle(part: int, plan: Plan) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a part; what lies left of a border between parts is whole panels."""
    rows, columns, down, across = plan[0], plan[1], plan[7], plan[8]
    row, column = part // across, part % across
    panels = -(-columns // SPARSE_WIDTH)
    left, right = column * panels // across * SPARSE_WIDTH, (column + 1) * panels // across * SPARSE_WIDTH
    return row * rows // down, (row + 1) * rows // down, min(columns, left), min(columns, right)


@serial
def _visit_all(
    part: int, a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray,
    plan: Plan, scratch: FloatArray, lists: Lists,
) -> None:  # fmt: skip
    """A part of the product, by full tiles."""
    out_row, depth, a_row, a_step, b_row, turned = plan[1], plan[2], plan[3], plan[4], plan[5], plan[6]
    top, bottom, left, right = _rectangle(part, plan)
    panels = scratch[part]
    blocks = max(1, -(-depth // DEPTH))
    for column in range(left, right, COLUMNS):
        columns = min(COLUMNS, right - column)
        for block in range(blocks):
            k = depth * block // blocks
            count = depth * (block + 1) // blocks - k
            if turned:
                _pack_turned(b, column * b_row + k, b_row, count, columns, panels)
            else:
                _pack(b, k * b_row + column, b_row, count, columns, WIDTH, panels)
            for row in range(top, bottom, ROWS):
                rows = min(ROWS, bottom - row)
                for j in range(0, columns, WIDTH):
                    wide, panel = min(WIDTH, columns - j), at(panels, j * count)
                    strips = -(-rows // HEIGHT)
                    short, taller = rows // strips, rows % strips
                    i = row
                    for s in range(strips):
                        tall = short + (s < taller)
                        source, corner = at(a, i * a_row + k * a_step), at(out, i * out_row + column + j)
                        begin, begin_row = (at(start, column + j), 0) if block == 0 else (corner, out_row)
                        tile(begin, begin_row, source, a_row, a_step, panel, WIDTH, corner, out_row, tall, wide, count)
                        i += tall


@serial
def _skip_zeros(
    part: int, a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray,
    plan: Plan, scratch: FloatArray, lists: Lists,
) -> None:  # fmt: skip
    """The same part, by flat tiles that visit only the k at which one of their rows of a is not zero."""
    out_row, depth, a_row, a_step, b_row = plan[1], plan[2], plan[3], plan[4], plan[5]
    top, bottom, left, right = _rectangle(part, plan)
    panels, places = scratch[part], lists[part]
    blocks = max(1, -(-depth // SPARSE_DEPTH))
    for column in range(left, right, COLUMNS):
        columns = min(COLUMNS, right - column)
        for block in range(blocks):
            k = depth * block // blocks
            count = depth * (block + 1) // blocks - k
            _pack(b, k * b_row + column, b_row, count, columns, SPARSE_WIDTH, panels)
            finite = _all_finite(panels[: -(-columns // SPARSE_WIDTH) * SPARSE_WIDTH * count])
            for row in range(top, bottom, SPARSE_ROWS):
                rows = min(SPARSE_ROWS, bottom - row)
                _list_strips(a, row * a_row + k * a_step, a_row, a_step, rows, count, finite, places)
                for j in range(0, columns, SPARSE_WIDTH):
                    wide, panel = min(SPARSE_WIDTH, columns - j), at(panels, j * count)
                    for i in range(row, row + rows, SPARSE_HEIGHT):
                        tall, slot = min(SPARSE_HEIGHT, row + rows - i), (i - row) // SPARSE_HEIGHT * SLOT
                        source, corner = at(a, i * a_row + k * a_step), at(out, i * out_row + column + j)
                        begin, begin_row = (at(start, column + j), 0) if block == 0 else (corner, out_row)
                        sparse_tile(
                            begin, begin_row, source, a_row, a_step, panel, SPARSE_WIDTH, corner, out_row,
                            tall, wide, places[slot + SPARSE_DEPTH], at(places, slot),
                        )  # fmt: skip


@inner
def _list_strips(
    a: FloatArray, corner: int, a_row: int, a_step: int, rows: int, count: int, finite: bool, places: Lists
) -> None:
    """For each strip of `rows` rows the k to visit: all of them where b holds NaN or infinity, as 0 * NaN is NaN."""
    for i in range(0, rows, SPARSE_HEIGHT):
        slot = i // SPARSE_HEIGHT * SLOT
        if finite:
            below = a_row if i + 1 < rows else 0
            found = list_columns(at(a, corner + i * a_row), below, a_step, count, at(places, slot))
        else:
            for k in range(count):
                places[slot + k] = k
            found = count
        places[slot + SPARSE_DEPTH] = found


@inner
def _pack(b: FloatArray, corner: int, b_row: int, count: int, columns: int, width: int, panels: FloatArray) -> None:
    """Copy a block of b into panels of `width` columns, k after k; the last one is filled up with zeros."""
    for left in range(0, columns, width):
        wide = min(width, columns - left)
        for k in range(count):
            source, target = corner + k * b_row + left, left * count + k * width
            if wide == width:
                for j in range(0, width, LANES):
                    move(at(b, source + j), at(panels, target + j))
            else:
                for j in range(width):
                    panels[target + j] = b[source + j] if j < wide else 0


@inner
def _pack_turned(b: FloatArray, corner: int, b_row: int, count: int, columns: int, panels: FloatArray) -> None:
    """The same for a b that is turned: by squares, transposed on the way, and the ragged rest number by number."""
    for left in range(0, columns, WIDTH):
        wide = min(WIDTH, columns - left)
        square_columns, square_count = wide - wide % LANES, count - count % LANES
        for j in range(0, square_columns, LANES):
            for k in range(0, square_count, LANES):
                source, target = corner + (left + j) * b_row + k, left * count + k * WIDTH + j
                transpose(at(b, source), b_row, at(panels, target), WIDTH)
        for j in range(WIDTH):
            for k in range(square_count if j < square_columns else 0, count):
                panels[left * count + k * WIDTH + j] = b[corner + (left + j) * b_row + k] if j < wide else 0


@inner
def _all_finite(numbers: FloatArray) -> bool:
    finite = True
    for i in range(len(numbers)):
        finite &= abs(numbers[i]) < np.inf
    return finite


@serial
def _few_rows(part: int, a: FloatArray, b: FloatArray, start: FloatArray, out: FloatArray, plan: Plan) -> None:
    """A part of a product of few rows: b is read once, in place, row after row."""
    columns, depth, a_row, a_step = plan[1], plan[2], plan[3], plan[4]
    top, bottom, left, right = _rectangle(part, plan)
    for i in range(top, bottom):
        for j in range(left, right):
            out[i * columns + j] = start[j]
        for k in range(depth):
            row = b[k * columns + left : k * columns + right]
            _add_row(a[i * a_row + k * a_step], row, out[i * columns + left : i * columns + right])


@inner
def _add_row(factor: Scalar, row: FloatArray, total: FloatArray) -> None:
    for j in range(len(total)):
        total[j] += factor * row[j]


@serial
def _share_of_nonzeros(numbers: FloatArray) -> float:
    """The share of numbers other than zero, as SAMPLE of them tell it, in RUNS runs; 1 where there are fewer."""
    if len(numbers) < SAMPLE:
        return 1.0
    found = 0
    for run in range(RUNS):
        begin = run * (len(numbers) - SAMPLE // RUNS) // RUNS
        found += _count_nonzeros(numbers[begin : begin + SAMPLE // RUNS])
    return found / SAMPLE


@inner
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
    """Panels and lists for each part, kept from call to call; panels begin on a cache line."""
    global _kept_scratch
    if len(_kept_scratch[1]) < parts:
        raw, size = np.empty(parts * PART + 16, np.float32), parts * PART
        skip = -raw.ctypes.data // 4 % 16
        lists = np.empty((parts, SPARSE_ROWS // SPARSE_HEIGHT * SLOT), np.int32)
        _kept_scratch = raw[skip : skip + size].reshape(parts, PART), lists
    return _kept_scratch


_kept_zeros: FloatArray = np.zeros(1024, np.float32)
_kept_scratch: tuple[FloatArray, Lists] = (np.empty((0, PART), np.float32), np.empty((0, 0), np.int32))
