"""Explicit vectors: what the products need and no compiler finds by itself, in LLVM's own instructions.

Each routine stands under its plain Python double, which says what it computes and runs when the JIT is off.
`at(array, i)` is where array[i] lies: an address in compiled code, the view array[i:] for a double. Numbers are
float32; lengths and strides count numbers, not bytes. Nothing is checked: callers stay inside their arrays.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

HAS = llvm.get_host_cpu_features()
LANES = 16 if HAS.get("avx512f") else 8 if HAS.get("avx2") else 4  # numbers in a vector
REGISTERS = 32 if HAS.get("avx512f") or HAS.get("neon") else 16  # vectors that the CPU holds at a time
FUSED = bool(HAS.get("fma") or HAS.get("neon"))  # whether multiply and add are one instruction, with one rounding

# (rows, vectors) of a tile. Its 12 or 16 sums keep the CPU's two multipliers busy (each takes 4 cycles, so 8 at least
# must be under way) and leave registers for a row of b and a number of a. A tile about square uses each number that it
# loads most often. A flat tile is one row, since each row of a has its zeros elsewhere: 8 sums.
TILE = (6, 2) if REGISTERS == 16 else (8, 2)
FLAT_TILE = 8  # vectors
DOT_SUMS = 4  # vectors; of a dot product each multiply-add waits for two loads, so 4 under way keep up with those

FLOAT, INT, LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)
Builder: TypeAlias = Any  # llvmlite has no types
Value: TypeAlias = Any
Sums: TypeAlias = dict[tuple[int, int], Value]  # where each vector of a tile's sums is kept


def _doubled_by(double: Callable[..., Any], result: Any = types.none) -> Callable[[Callable[..., Any]], Any]:
    """Make a routine of the function below: its double where the JIT is off, else the instructions that it emits."""

    def choose(emit: Callable[..., Any]) -> Any:
        def typed(context: Any, *kinds: Any) -> Any:
            def lower(context: Any, builder: Builder, signature: Any, values: list[Value]) -> Value:
                made = emit(builder, *values)
                return context.get_dummy_value() if made is None else made

            return result(*[types.intp] * len(kinds)), lower

        first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        typed.__signature__ = inspect.Signature([first, *inspect.signature(double).parameters.values()])  # type: ignore[attr-defined]
        return double if config.DISABLE_JIT else intrinsic(typed)

    return choose


def _at(context: Any, array: Any, index: Any) -> Any:
    def lower(context: Any, builder: Builder, signature: Any, values: list[Value]) -> Value:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.ptrtoint(builder.gep(data, [values[1]]), LONG)

    return types.intp(array, types.intp), lower


at: Any = (lambda array, index: array.reshape(-1)[index:]) if config.DISABLE_JIT else intrinsic(_at)

# --- the micro-kernel ---------------------------------------------------------------------------------------------


def _tile(
    start: Any, start_row: int, a: Any, a_row: int, a_step: int, b: Any, b_row: int,
    out: Any, out_row: int, rows: int, columns: int, count: int,
) -> None:  # fmt: skip
    for i in range(rows):
        sums = start[i * start_row :][:columns].copy()
        for k in range(count):
            sums = (np.float64(a[i * a_row + k * a_step]) * b[k * b_row :][:columns] + sums).astype(np.float32)
        out[i * out_row :][:columns] = sums + np.float32(0)


@_doubled_by(_tile)
def tile(
    builder: Builder, start: Value, start_row: Value, a: Value, a_row: Value, a_step: Value, b: Value, b_row: Value,
    out: Value, out_row: Value, rows: Value, columns: Value, count: Value,
) -> None:  # fmt: skip
    """out[i, j] = start[i, j] + sum over k of a[i, k] * b[k, j], the sums in registers; TILE is the most of them.

    start_row, a_row, b_row, out_row : from one row to the next; a_step : from one k of a to the next
    """
    most, vectors = TILE
    done = builder.append_basic_block("done")
    switch = builder.switch(rows, done)
    for height in range(1, most + 1):  # a tile of each height, and a jump to the one that is asked for
        block = builder.append_basic_block(f"rows_{height}")
        switch.add_case(LONG(height), block)
        builder.position_at_end(block)
        with _sums(builder, height, vectors, start, start_row, out, out_row, columns) as sums:
            _multiply(builder, sums, height, vectors, a, a_row, a_step, b, b_row, count)
        builder.branch(done)
    builder.position_at_end(done)


def _multiply(
    builder: Builder, sums: Sums, height: int, vectors: int,
    a: Value, a_row: Value, a_step: Value, b: Value, b_row: Value, count: Value,
) -> None:  # fmt: skip
    down = [_settled(builder, builder.mul(a_row, LONG(i))) for i in range(height)]
    left, below = cgutils.alloca_once_value(builder, a), cgutils.alloca_once_value(builder, b)
    with cgutils.for_range(builder, count):
        column, line = builder.load(left), builder.load(below)
        row = [_load(builder, line, LONG(j * LANES)) for j in range(vectors)]
        for i in range(height):
            factor = _splat(builder, _load(builder, column, down[i], FLOAT))
            for j in range(vectors):
                builder.store(_fma(builder, factor, row[j], builder.load(sums[i, j])), sums[i, j])
        builder.store(_further(builder, column, a_step), left)
        builder.store(_further(builder, line, b_row), below)


def _settled(builder: Builder, number: Value) -> Value:
    """The same number, worked out here and kept in a register.

    LLVM sees through a multiplication, and makes of six row offsets a chain of additions in each turn of the loop,
    which takes longer than the turn's multiply-adds; through an empty piece of assembly it does not see.
    """
    return builder.asm(ir.FunctionType(LONG, [LONG]), "", "=r,0", [number], False)


def _flat_tile(start: Any, a: Any, b: Any, b_row: int, out: Any, columns: int, places: Any, count: int) -> None:
    sums = start[:columns].copy()
    for k in places[:count]:
        sums = (np.float64(a[k]) * b[k * b_row :][:columns] + sums).astype(np.float32)
    out[:columns] = sums + np.float32(0)


@_doubled_by(_flat_tile)
def flat_tile(
    builder: Builder, start: Value, a: Value, b: Value, b_row: Value,
    out: Value, columns: Value, places: Value, count: Value,
) -> None:  # fmt: skip
    """The same for one row, visiting only the k in places, int32 (count,)."""
    sums_of_row = _sums(builder, 1, FLAT_TILE, start, LONG(0), out, LONG(0), columns)
    with sums_of_row as sums, cgutils.for_range(builder, count) as loop:
        k = builder.sext(_load(builder, places, loop.index, INT), LONG)
        factor = _splat(builder, _load(builder, a, k, FLOAT))
        line = _further(builder, b, builder.mul(k, b_row))
        for j in range(FLAT_TILE):
            row = _load(builder, line, LONG(j * LANES))
            builder.store(_fma(builder, factor, row, builder.load(sums[0, j])), sums[0, j])


@contextmanager
def _sums(
    builder: Builder, height: int, vectors: int,
    start: Value, start_row: Value, out: Value, out_row: Value, columns: Value,
) -> Iterator[Sums]:  # fmt: skip
    """A tile's sums, read from `start` before the block and written to `out` after it."""
    block = [(i, j) for i in range(height) for j in range(vectors)]
    sums = {place: cgutils.alloca_once(builder, VECTOR) for place in block}  # LLVM makes registers of these
    whole = builder.icmp_signed("==", columns, LONG(vectors * LANES))

    def corner(base: Value, row: Value, i: int, j: int) -> Value:
        return _pointer(builder, base, builder.add(builder.mul(row, LONG(i)), LONG(j * LANES)))

    def read(ragged: bool) -> None:
        for i, j in block:
            builder.store(_load_row(builder, corner(start, start_row, i, j), columns, j, ragged), sums[i, j])

    def write(ragged: bool) -> None:
        for i, j in block:  # -0 + 0 is 0, so that a sum shows no trace of a zero that was skipped or not
            total = builder.fadd(builder.load(sums[i, j]), VECTOR([0.0] * LANES))
            _store_row(builder, total, corner(out, out_row, i, j), columns, j, ragged)

    _if_else(builder, whole, lambda: read(False), lambda: read(True))
    yield sums
    _if_else(builder, whole, lambda: write(False), lambda: write(True))


def _dot(a: Any, b: Any, count: int) -> Any:
    return np.float32(np.dot(a[:count].astype(np.float64), b[:count]))


@_doubled_by(_dot, result=types.float32)
def dot(builder: Builder, a: Value, b: Value, count: Value) -> Value:
    """The sum over k of a[k] * b[k], in some vectors of sums, which are added up at the end."""
    sums = [cgutils.alloca_once_value(builder, VECTOR([0.0] * LANES)) for _ in range(DOT_SUMS)]
    stride = LONG(DOT_SUMS * LANES)
    whole = builder.sub(count, builder.srem(count, stride))

    def add(total: Value, x: Value, y: Value) -> None:
        builder.store(_fma(builder, x, y, builder.load(total)), total)

    with cgutils.for_range_slice(builder, LONG(0), whole, stride, LONG) as (k, _):
        for i, total in enumerate(sums):
            place = builder.add(k, LONG(i * LANES))
            add(total, _load(builder, a, place), _load(builder, b, place))
    with cgutils.for_range_slice(builder, whole, count, LONG(LANES), LONG) as (k, _):
        left = builder.sub(count, k)
        add(sums[0], *(_load_row(builder, _pointer(builder, x, k), left, 0, ragged=True) for x in (a, b)))
    return _sum_of_lanes(builder, _added_up(builder, [builder.load(total) for total in sums]))


def _added_up(builder: Builder, values: list[Value]) -> Value:
    """Their sum, by pairs."""
    while len(values) > 1:
        values = [builder.fadd(one, other) for one, other in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _sum_of_lanes(builder: Builder, vector: Value) -> Value:
    return _added_up(builder, [builder.extract_element(vector, INT(lane)) for lane in range(LANES)])


# --- packing, and lists of what is not zero -------------------------------------------------------------------------


def _move(source: Any, columns: int, out: Any, room: int) -> None:
    kept, room = max(0, min(columns, room, LANES)), min(room, LANES)
    out[:kept], out[kept:room] = source[:kept], 0


@_doubled_by(_move)
def move(builder: Builder, source: Value, columns: Value, out: Value, room: Value) -> None:
    """Copy a vector; zeros from `columns` on, where memory is somebody else's, and nothing from `room` on."""
    numbers = _load_row(builder, _pointer(builder, source, LONG(0)), columns, 0, ragged=True)
    target, roomy = _pointer(builder, out, LONG(0)), builder.icmp_signed(">=", room, LONG(LANES))

    def write(ragged: bool) -> None:
        _store_row(builder, numbers, target, room, 0, ragged)

    _if_else(builder, roomy, lambda: write(False), lambda: write(True))


def _copy(source: Any, out: Any) -> None:
    out[:LANES] = source[:LANES]


@_doubled_by(_copy)
def copy(builder: Builder, source: Value, out: Value) -> None:
    """Copy a whole vector, without a mask."""
    builder.store(_load(builder, source, LONG(0)), _pointer(builder, out, LONG(0)), align=4)


def _transpose(a: Any, a_row: int, out: Any, out_row: int) -> None:
    for i in range(LANES):
        for j in range(LANES):
            out[j * out_row + i] = a[i * a_row + j]


@_doubled_by(_transpose)
def transpose(builder: Builder, a: Value, a_row: Value, out: Value, out_row: Value) -> None:
    """A square of LANES by LANES, turned: swap its off-diagonal quarters, then those of each quarter, and so on.

    Source: Eklundh 1972, "A fast computer method for matrix transposing".
    """
    rows = [_load(builder, a, builder.mul(a_row, LONG(i))) for i in range(LANES)]
    half = LANES // 2
    while half:
        low = [lane + (LANES - half if lane & half else 0) for lane in range(LANES)]
        high = [lane + (LANES if lane & half else half) for lane in range(LANES)]
        for i in (i for i in range(LANES) if not i & half):
            pair = rows[i], rows[i + half]
            rows[i] = builder.shuffle_vector(*pair, ir.VectorType(INT, LANES)(low))
            rows[i + half] = builder.shuffle_vector(*pair, ir.VectorType(INT, LANES)(high))
        half //= 2
    for j, row in enumerate(rows):
        builder.store(row, _pointer(builder, out, builder.mul(out_row, LONG(j))), align=4)


EIGHT, PLACES, BYTES = ir.VectorType(FLOAT, 8), ir.VectorType(INT, 8), ir.VectorType(ir.IntType(8), 8)
# for each byte, which of its bits are set, and zeros behind them
SET_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]
BIT_TABLE = ir.ArrayType(BYTES, 256)([BYTES(bits + [0] * (8 - len(bits))) for bits in SET_BITS])


def _list_nonzeros(a: Any, count: int, places: Any) -> int:
    found = np.flatnonzero(a[:count])
    places[: len(found)] = found
    return len(found)


@_doubled_by(_list_nonzeros, result=types.intp)
def list_nonzeros(builder: Builder, a: Value, count: Value, places: Value) -> Value:
    """Write down where the first `count` numbers of a are not zero; how many they are. NaN is not zero.

    It goes by eights, and without a branch that the CPU could guess wrong: which of eight numbers are not zero is a
    byte, and a table says which bits of it are set. The table's whole line is written, and kept by counting on. So
    `places`, int32, has room for `count` rounded up to eights.
    """
    table = cgutils.global_constant(builder, "set_bits", BIT_TABLE)
    found = cgutils.alloca_once_value(builder, LONG(0))
    with cgutils.for_range_slice(builder, LONG(0), count, LONG(8), LONG) as (k, _):
        left = builder.trunc(builder.sub(count, k), INT)
        kept = builder.icmp_signed("<", PLACES(list(range(8))), _splat(builder, left, 8))
        pointer, zeros = _pointer(builder, a, k, EIGHT), EIGHT([0.0] * 8)
        eight = _call(builder, "llvm.masked.load.v8f32.p0", EIGHT, pointer, INT(4), kept, zeros)
        byte = builder.bitcast(builder.fcmp_unordered("!=", eight, zeros), ir.IntType(8))
        bits = builder.load(builder.gep(table, [INT(0), builder.zext(byte, INT)]))
        listed = builder.add(builder.zext(bits, PLACES), _splat(builder, builder.trunc(k, INT), 8))
        builder.store(listed, _pointer(builder, places, builder.load(found), PLACES), align=4)
        builder.store(builder.add(builder.load(found), builder.zext(builder.ctpop(byte), LONG)), found)
    return builder.load(found)


# --- single instructions --------------------------------------------------------------------------------------------


def _if_else(builder: Builder, condition: Value, one: Callable[[], None], other: Callable[[], None]) -> None:
    with builder.if_else(condition) as (then, otherwise):
        with then:
            one()
        with otherwise:
            other()


def _further(builder: Builder, base: Value, numbers: Value) -> Value:
    """The address so many numbers on."""
    return builder.add(base, builder.shl(numbers, LONG(2)))


def _pointer(builder: Builder, base: Value, offset: Value, kind: Any = VECTOR) -> Value:
    return builder.inttoptr(_further(builder, base, offset), kind.as_pointer())


def _load(builder: Builder, base: Value, offset: Value, kind: Any = VECTOR) -> Value:
    return builder.load(_pointer(builder, base, offset, kind), align=4)


def _load_row(builder: Builder, pointer: Value, columns: Value, j: int, ragged: bool) -> Value:
    """Vector j of a row; where the row is ragged, zeros from `columns` on, where memory is somebody else's."""
    if not ragged:
        return builder.load(pointer, align=4)
    kept, zeros = _lanes_below(builder, columns, j), VECTOR([0.0] * LANES)
    return _call(builder, f"llvm.masked.load.v{LANES}f32.p0", VECTOR, pointer, INT(4), kept, zeros)


def _store_row(builder: Builder, value: Value, pointer: Value, columns: Value, j: int, ragged: bool) -> None:
    if not ragged:
        builder.store(value, pointer, align=4)
        return
    kept = _lanes_below(builder, columns, j)
    _call(builder, f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), value, pointer, INT(4), kept)


def _lanes_below(builder: Builder, columns: Value, j: int) -> Value:
    lanes = ir.VectorType(INT, LANES)([j * LANES + lane for lane in range(LANES)])
    return builder.icmp_signed("<", lanes, _splat(builder, builder.trunc(columns, INT)))


def _splat(builder: Builder, number: Value, lanes: int = LANES) -> Value:
    """A vector with `number` in every lane."""
    lane = builder.insert_element(ir.VectorType(number.type, lanes)(ir.Undefined), number, INT(0))
    return builder.shuffle_vector(lane, lane, ir.VectorType(INT, lanes)([0] * lanes))


def _fma(builder: Builder, x: Value, y: Value, z: Value) -> Value:
    """x * y + z, with one rounding where the CPU can."""
    if FUSED:
        return _call(builder, f"llvm.fma.v{LANES}f32", VECTOR, x, y, z)
    return builder.fadd(builder.fmul(x, y), z)


def _call(builder: Builder, name: str, kind: Any, *values: Value) -> Value:
    function = ir.FunctionType(kind, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)
