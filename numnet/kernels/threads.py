"""How a kernel's parts are dealt out to the threads.

Those who share the work know neither the kernel nor its arguments. They get a bundle, as in C a callback gets its data:

    deal(kernel, parts, *arguments)     looks up where the kernel's machine code is
    _deal                               puts that and the arguments into a bundle; compiled for each kind of arguments
    team.share_out                      on all threads: call(part, bundle) for each part
    call                                takes the bundle apart: kernel(part, *arguments)
"""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numnet.errors import ForkedError
from numnet.kernels.jit import inner, serial
from numnet.kernels.team import Team, emit_call, items, share_out
from numnet.kernels.vector import LONG

FEW_NUMBERS = 2**15  # up to so many numbers, looked at once, one thread is done before a helper has begun

# One caller at a time: the board has room for one job, and kernels share scratch.
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
        _deal(_team().board, parts, _address(kernel, arguments), arguments)


def deal_stretches(kernel: Callable[..., None], *arrays: Any) -> None:
    """Call kernel(part, parts, *arrays), the arrays flat, each part to do its `stretch` of the first one's length."""
    parts = 1 if arrays[0].size <= FEW_NUMBERS else threads()
    deal(kernel, parts, parts, *[array.ravel() for array in arrays])


@inner
def stretch(part: int, parts: int, length: int) -> slice:
    """The part's share of 0 .. length - 1."""
    return slice(length * part // parts, length * (part + 1) // parts)


@serial
def _deal(board: int, parts: int, kernel: int, arguments: tuple[Any, ...]) -> None:
    call, bundle = _bundle(kernel, arguments)
    share_out(board, parts, call, bundle)


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
    kernel, arguments = items(builder, builder.load(builder.inttoptr(bundle, kind)))
    emit_call(builder, kernel, [part, *items(builder, arguments)])
    builder.ret_void()
    return function


_addresses: dict[Callable[..., None], int] = {}


def _address(kernel: Any, arguments: tuple[Any, ...]) -> int:
    """Where a kernel's machine code is, compiled for arguments like these."""
    if kernel not in _addresses:
        kinds = tuple(numba.typeof(argument) for argument in (0, *arguments))
        made = kernel.get_compile_result(types.none(*kinds))
        _addresses[kernel] = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return _addresses[kernel]


@cache
def _team() -> Team:
    """Once, before threads first work: start them."""
    return Team(max_threads() - 1)


def _mark_forked() -> None:
    """In a child: if there were helpers, they did not come along, and whoever held the lock did not either."""
    global _forked
    _forked = _forked or _team.cache_info().currsize > 0
    exclusive._at_fork_reinit()  # type: ignore[attr-defined]  # as threading.py does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def set_threads(count: int) -> None:
    """Deal kernels out to `count` threads from now on, at most `max_threads()`."""
    global _threads
    _threads = count


def threads() -> int:
    """How many threads kernels are dealt out to now."""
    return _threads


def max_threads() -> int:
    """How many threads kernels may be dealt out to here."""
    return int(numba.config.NUMBA_NUM_THREADS)


def helpers() -> int:
    """How many helpers there are beside the caller, which for this are started; the system may allow fewer."""
    return 0 if max_threads() == 1 or numba.config.DISABLE_JIT else _team().helpers


_threads = max_threads()
_forked = False
