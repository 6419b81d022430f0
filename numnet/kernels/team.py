"""A team of threads that shares out the parts of a job: the caller and, beside it, a helper for each other core.

The job is on a board in memory, and whoever is free takes its next part, the caller like the helpers. So a helper that
the system has not let begin, because others want the cores too, is not waited for: the caller does its part as well.
(A loop of OpenMP's ends when each of its threads has been there, and so waits until a busy neighbour's turn is over.)

A board is a number of words, each on a cache line of its own, read and written atomically and in one order for all:

    ticket           which job it is, how many parts it has, and which is the next: one word, so that it is read whole
    done             how many parts are done
    call, bundle     what to do with a part: call(part, bundle)
    helpers          how many there are
    wake, rest       functions that let go of a lock, and that leave the core to others
    where, allowed, allow    functions that tell a thread's core and its allowed cores, and that set those; else 0
    core, cores      the caller's; those that helpers are to be on
    for each helper  1 while it sleeps; the lock that it sleeps on; the system's number for it; the core it is kept off

A helper looks for work for about as long as a step does anything on one thread, since a virtual machine takes its time
to give a core back to whom it wakes; and then sleeps. A system may wake it on the caller's own core, where the
two only take turns: so it is woken on any core but that.
"""

import ctypes
import os
import sys
import threading
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from numnet.kernels.jit import inner, serial
from numnet.kernels.vector import LONG

LINE = 64  # bytes of a cache line
TICKET, DONE, CALL, BUNDLE, HELPERS, WAKE, REST, WHERE, ALLOWED, ALLOW, CORE, CORES = (i * LINE for i in range(12))
SET = 2 * LINE  # bytes of a set of cores: 1,024 of them, as many as the system's own type has
ASLEEP = CORES + SET
LOCK, THREAD, KEPT_OFF = LINE, LINE + 8, LINE + 16  # from where a helper says that it sleeps; only the caller uses them
HELPER = 2 * LINE  # from one helper to the next
NOWHERE = -1

FIELD = 16  # bits of a ticket for the next part, and as many for how many there are
MOST_PARTS = 2**FIELD - 1
LOOKS = 6_000  # at the board, until a helper sleeps or the caller lets others have its core

ORDER = "seq_cst"  # who says that it sleeps and then looks must not miss who puts up a job and then looks who sleeps


class Team:
    """Helpers for as long as the process lives.

    helpers : how many are wanted, and then how many there are: where the system starts no more threads, those do,
        after one word on stderr
    board : the address of the board
    """

    def __init__(self, helpers: int) -> None:
        words = np.zeros((ASLEEP + helpers * HELPER + LINE) // 8, np.int64)
        _keep_for_ever(words)
        first = -words.ctypes.data % LINE // 8
        self.board, self.helpers = words.ctypes.data + 8 * first, 0
        functions = {WAKE: _address_of(_python.PyThread_release_lock), REST: _rest()} | _functions_of_cores()
        for place, address in functions.items():
            words[first + place // 8] = address
        # here, so that no thread is in the compiler when the process ends
        _help.compile((types.intp,) * 3)  # type: ignore[attr-defined]
        for number in range(helpers):
            place = ASLEEP + number * HELPER
            words[first + (place + LOCK) // 8] = _new_lock()
            arguments = self.board, self.board + place, _address_of(_python.PyThread_acquire_lock)
            thread = threading.Thread(target=_help, args=arguments, name=f"numnet-{number + 1}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system's limit
                print(f"numnet: the system starts no more threads: {number + 1} of {helpers + 1} work", file=sys.stderr)
                break
            words[first + (place + THREAD) // 8] = thread.native_id or NOWHERE
            words[first + (place + KEPT_OFF) // 8] = NOWHERE
            self.helpers = words[first + HELPERS // 8] = number + 1


_python = ctypes.pythonapi


def _keep_for_ever(words: Any) -> None:
    """Let nobody free what helpers still look at while the interpreter takes itself apart."""
    _python.Py_IncRef(ctypes.py_object(words))


def _new_lock() -> int:
    """One of Python's own locks, which need no Python to be used; taken, so that who wants it sleeps."""
    allocate = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThread_allocate_lock", _python))
    lock: int = allocate()
    _python.PyThread_acquire_lock(ctypes.c_void_p(lock), 1)
    return lock


def _rest() -> int:
    """Where the system's function is that lets another thread have the core."""
    system: Any = ctypes.CDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)
    return _address_of(system.SwitchToThread if os.name == "nt" else system.sched_yield)


def _functions_of_cores() -> dict[int, int]:
    """Where Linux has what it takes to keep a thread off a core; nothing elsewhere."""
    names = {WHERE: "getcpu", ALLOWED: "sched_getaffinity", ALLOW: "sched_setaffinity"}
    system: Any = None if os.name == "nt" else ctypes.CDLL(None)
    if not all(hasattr(system, name) for name in names.values()):
        return {}
    return {place: _address_of(getattr(system, name)) for place, name in names.items()}


def _address_of(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


@inner
def share_out(board: int, parts: int, call: int, bundle: int) -> None:
    """Put a job on the board, wake who sleeps, work too, and return when every part is done.

    parts : at most MOST_PARTS; one caller at a time
    """
    write(board + CALL, call)
    write(board + BUNDLE, bundle)
    write(board + DONE, 0)
    job = (read(board + TICKET) >> 2 * FIELD) + 1
    write(board + TICKET, job << 2 * FIELD | parts << FIELD)
    for number in range(min(read(board + HELPERS), parts - 1)):
        helper = board + ASLEEP + number * HELPER
        if swap(helper, 1, 0):
            _keep_off_own_core(board, helper)
            invoke(read(board + WAKE), (read(helper + LOCK),))
    while _take_part(board):
        pass
    looks = 0
    while read(board + DONE) < parts:
        looks += 1
        if looks < LOOKS:
            pause()
        else:
            invoke(read(board + REST), ())


@inner
def _keep_off_own_core(board: int, helper: int) -> None:
    """Let a helper that sleeps wake on any core that its caller may use, but for the one that the caller is on."""
    if read(board + WHERE) == 0:
        return
    invoke(read(board + WHERE), (board + CORE, 0))
    core = read(board + CORE)
    if core == read(helper + KEPT_OFF) or core >= 8 * SET:
        return
    write(helper + KEPT_OFF, core)
    invoke(read(board + ALLOWED), (0, SET, board + CORES))
    word = board + CORES + core // 64 * 8
    write(word, read(word) & ~(1 << core % 64))
    invoke(read(board + ALLOW), (read(helper + THREAD), SET, board + CORES))  # refused where there is no other core


@inner
def _take_part(board: int) -> bool:
    """Do the next part of the job on the board, unless somebody is quicker; False where none is left."""
    ticket = read(board + TICKET)
    part, parts = ticket & MOST_PARTS, ticket >> FIELD & MOST_PARTS
    if part >= parts:
        return False
    call, bundle = read(board + CALL), read(board + BUNDLE)
    # If the ticket is still the same, then so is the job, and call and bundle were its own.
    if swap(board + TICKET, ticket, ticket + 1):
        invoke(call, (part, bundle))
        add(board + DONE, 1)
    return True


@serial
def _help(board: int, asleep: int, acquire: int) -> None:
    """A helper's life."""
    looks = 0
    while True:
        looks += 1
        if _take_part(board):
            looks = 0
        elif looks < LOOKS:
            pause()
        else:
            write(asleep, 1)
            # A job may have come before that, and nobody wakes us for it. Who has waked us has let go of the lock.
            if not (_take_part(board) and swap(asleep, 1, 0)):
                invoke(acquire, (read(asleep + LOCK), 1))
            looks = 0


# --- words of the board, and machine code at an address -----------------------------------------------------------


@intrinsic
def read(context: Any, address: Any) -> Any:
    """The word at an address."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        return builder.load_atomic(_word(builder, values[0]), ORDER, 8)

    return types.intp(types.intp), lower


@intrinsic
def write(context: Any, address: Any, value: Any) -> Any:
    """Set the word at an address."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        builder.store_atomic(values[1], _word(builder, values[0]), ORDER, 8)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp), lower


@intrinsic
def add(context: Any, address: Any, value: Any) -> Any:
    """Add to the word at an address."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        builder.atomic_rmw("add", _word(builder, values[0]), values[1], ORDER)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp), lower


@intrinsic
def swap(context: Any, address: Any, expected: Any, value: Any) -> Any:
    """Set the word at an address if it is as expected; whether it was."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        found = builder.cmpxchg(_word(builder, values[0]), values[1], values[2], ORDER, ORDER)
        return builder.extract_value(found, 1)

    return types.boolean(types.intp, types.intp, types.intp), lower


@intrinsic
def pause(context: Any) -> Any:
    """Leave what a look does not need of the core to the thread on its other half."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        if binding.get_default_triple().startswith("x86_64"):
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", fnty=nothing), [])
        return context.get_dummy_value()

    return types.none(), lower


@intrinsic
def invoke(context: Any, address: Any, arguments: Any) -> Any:
    """Call the machine code at an address with the items of a tuple."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        emit_call(builder, values[0], items(builder, values[1]))
        return context.get_dummy_value()

    return types.none(types.intp, arguments), lower


def emit_call(builder: ir.IRBuilder, address: ir.Value, values: list[ir.Value]) -> None:
    """A call of a function without a result."""
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(address, kind.as_pointer()), values)


def items(builder: ir.IRBuilder, struct: ir.Value) -> list[ir.Value]:
    """The members of a struct, which is what a tuple is."""
    return [builder.extract_value(struct, i) for i in range(len(struct.type.elements))]


def _word(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.inttoptr(address, LONG.as_pointer())
