"""How a kernel's parts are dealt out to the threads.

There is one parallel loop in the program, `_loop`, and it is compiled once: a parallel loop takes Numba some half a
second, for it compiles the loop's body, the body's wrapper and the function round them. So the loop knows neither the
kernel nor its arguments. They go in a bundle, as a callback and its data do in C:

    deal(kernel, parts, *arguments)     looks up where the kernel's machine code is
    _deal                               puts that and the arguments into a bundle; compiled for each kind of arguments
    _loop                               on all threads: call(part, bundle) for each part
    call                                takes the bundle apart: kernel(part, *arguments)
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
from numba.core import cgutils
from numba.extending import intrinsic

from numnet.errors import ForkedError
from numnet.kernels.jit import inner, parallel, serial
from numnet.kernels.vector import LONG

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
        _deal(parts, _address(_loop, (0, 0)), _address(kernel, arguments), arguments)
        _mention_slow_threads()


def deal_stretches(kernel: Callable[..., None], *arrays: Any) -> None:
    """Call kernel(part, parts, *arrays), the arrays flat, each part to do its `stretch` of the first one's length."""
    parts = 1 if arrays[0].size <= FEW_NUMBERS else threads()
    deal(kernel, parts, parts, *[array.ravel() for array in arrays])


@inner
def stretch(part: int, parts: int, length: int) -> slice:
    """The part's share of 0 .. length - 1."""
    return slice(length * part // parts, length * (part + 1) // parts)


@serial
def _deal(parts: int, loop: int, kernel: int, arguments: tuple[Any, ...]) -> None:
    call, bundle = _bundle(kernel, arguments)
    _call(loop, (parts, call, bundle))


@parallel
def _loop(parts: int, call: int, bundle: int) -> None:
    for part in prange(parts):
        _call(call, (part, bundle))


@intrinsic
def _call(context: Any, address: Any, arguments: Any) -> Any:
    """Call the machine code at an address with the items of a tuple."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        _emit_call(builder, values[0], _items(builder, values[1]))
        return context.get_dummy_value()

    return types.none(types.intp, arguments), lower


@intrinsic
def _bundle(context: Any, kernel: Any, arguments: Any) -> Any:
    """Where two things are: a function, and a bundle with which function(part, bundle) calls kernel(part, *arguments).

    The bundle is a struct on the stack of the function that asks for it, and gone when that returns.
    """

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        bundle = cgutils.alloca_once_value(builder, cgutils.pack_struct(builder, values))
        call = _emit_unbundling(builder.module, bundle.type)
        pair = [builder.ptrtoint(pointer, LONG) for pointer in (call, bundle)]
        return context.make_tuple(builder, signature.return_type, pair)

    return types.UniTuple(types.intp, 2)(types.intp, arguments), lower


def _emit_unbundling(module: ir.Module, kind: ir.Type) -> ir.Function:
    """A function (part, address of a bundle of this kind) that calls the bundle's kernel."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [LONG, LONG]), module.get_unique_name("unbundle"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    part, bundle = function.args
    kernel, arguments = _items(builder, builder.load(builder.inttoptr(bundle, kind)))
    _emit_call(builder, kernel, [part, *_items(builder, arguments)])
    builder.ret_void()
    return function


def _emit_call(builder: ir.IRBuilder, address: ir.Value, values: list[ir.Value]) -> None:
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(builder.inttoptr(address, kind.as_pointer()), values)


def _items(builder: ir.IRBuilder, struct: ir.Value) -> list[ir.Value]:
    return [builder.extract_value(struct, i) for i in range(len(struct.type.elements))]


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
