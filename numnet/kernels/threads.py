"""How a kernel's parts are dealt out to the threads.

There is one parallel loop in the program, in `deal`. It calls a kernel by its address for each part of the work, so
that the loop is compiled without it: Numba would otherwise compile the kernel three times more, into the loop's body,
the body's wrapper and the function round them.
"""

import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from numnet.errors import ForkedError
from numnet.kernels.jit import inner, parallel

FEW_NUMBERS = 2**15  # up to so many numbers, looked at once, one thread is done before a second one is awake

# How often a thread of GNU OpenMP looks for work before it sleeps: a few microseconds, the time between two kernels.
# Its own default is a few milliseconds, in which it takes the core from whoever could be working there.
SPINS = 2000

# One caller at a time: kernels share scratch, and Numba's simplest threading layer aborts the process when two threads
# enter parallel code at once.
exclusive = threading.RLock()


def deal(kernel: Callable[..., None], parts: int, *arguments: Any) -> None:
    """Call kernel(part, *arguments) for each part 0 .. parts - 1, on all threads.

    What one part writes no other part reads or writes. A kernel must be given arguments of the same types each time.
    Raises ForkedError in a process that was forked from one whose threads had been at work.
    """
    if parts == 1 or numba.config.DISABLE_JIT:
        for part in range(parts):
            kernel(part, *arguments)
        return
    if _forked:
        raise ForkedError(
            "this process was forked from one that had used its threads, and threads do not come along: "
            'start processes with multiprocessing.get_context("spawn")'
        )
    with exclusive:
        _prepare_threads()
        _deal(parts, _address(kernel, arguments), arguments)
        _mention_slow_threads()


def deal_stretches(kernel: Callable[..., None], *arrays: Any) -> None:
    """Call kernel(part, parts, *arrays), the arrays flat, each part to do its `stretch` of the first one's length."""
    parts = 1 if arrays[0].size <= FEW_NUMBERS else threads()
    deal(kernel, parts, parts, *[array.ravel() for array in arrays])


@inner
def stretch(part: int, parts: int, length: int) -> slice:
    """The part's share of 0 .. length - 1."""
    return slice(length * part // parts, length * (part + 1) // parts)


@parallel
def _deal(parts: int, address: int, arguments: tuple[Any, ...]) -> None:
    for part in prange(parts):
        _call(address, (part, *arguments))


@intrinsic
def _call(context: Any, address: Any, arguments: Any) -> Any:
    """Call the machine code at an address with the items of a tuple."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        items = [builder.extract_value(values[1], i) for i in range(len(signature.args[1].types))]
        kind = ir.FunctionType(ir.VoidType(), [item.type for item in items])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), items)
        return context.get_dummy_value()

    return types.none(types.intp, arguments), lower


_addresses: dict[Callable[..., None], int] = {}


def _address(kernel: Any, arguments: tuple[Any, ...]) -> int:
    """Where a kernel's machine code is, compiled for arguments like these."""
    if kernel not in _addresses:
        kinds = tuple(numba.typeof(argument) for argument in (0, *arguments))
        made = kernel.get_compile_result(types.none(*kinds))
        _addresses[kernel] = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return _addresses[kernel]


@cache
def _prepare_threads() -> None:
    """Once, before threads first work: let idle ones sleep soon, and notice a fork."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_mark_forked)


def _mark_forked() -> None:
    global _forked
    _forked = True


@cache
def _mention_slow_threads() -> None:
    """Once, after threads first worked: a word where Numba had nothing better than its own layer to wake them by."""
    if threading_layer() == "workqueue":
        print("numnet: threads take long to wake here, about 0.1 ms; for faster ones: pip install tbb", file=sys.stderr)


def threading_layer() -> str:
    """What Numba deals work out with: "tbb", "omp" or "workqueue"; "none yet" before threads first worked."""
    try:
        return str(numba.threading_layer())
    except ValueError:
        return "none yet"


def set_threads(count: int) -> None:
    """Deal kernels out to `count` threads from now on, at most `max_threads()`."""
    global _threads
    numba.set_num_threads(count)
    _threads = count


def threads() -> int:
    """How many threads kernels are dealt out to now."""
    return _threads


def max_threads() -> int:
    """How many threads kernels may be dealt out to here."""
    return int(numba.config.NUMBA_NUM_THREADS)


_threads = max_threads()
_forked = False
