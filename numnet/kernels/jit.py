"""How a kernel is compiled, how its parts are dealt out to the threads, and where the machine code is kept.

A kernel is compiled at its first call. The code is kept on disk in a private folder named by a digest of everything
that it depends on, so an edited kernel is never served from an old file: Numba's own check looks at one file only,
and our kernels call each other across files.

There is one parallel loop in the program, in `deal`. It calls a kernel by its address for each part of the work, so
that the loop is compiled without it: Numba would otherwise compile the kernel three times more, into the loop's body,
the body's wrapper and the function round them.
"""

import hashlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# `python` (the default) tests each division for zero, and a loop with a test in it is not vectorised.
ERROR_MODEL = "numpy"


def serial(function: F) -> F:
    """`function`, compiled at its first call; it runs on the calling thread, or as parts by `deal`."""
    return _compiled(function)


def inner(function: F) -> F:
    """A piece of a kernel, for compiled code alone."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compiled(function: F, **options: bool) -> F:
    with _numba_cache_in(cache_folder()) as usable:
        jit = numba.njit(cache=usable, nogil=True, error_model=ERROR_MODEL, **options)
        return cast(F, jit(function))


@contextmanager
def _numba_cache_in(folder: Path | None) -> Iterator[bool]:
    """Numba's cache folder is `folder` inside the block, and the host program's own setting again after it."""
    if folder is None:
        yield False
        return
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield True
    finally:
        numba.config.CACHE_DIR = before


@cache
def cache_folder() -> Path | None:
    """The folder for compiled kernels, made if need be; None, after one word on stderr, where there can be none.

    `NUMNET_CACHE` names another place than the user's cache folder. Numba unpickles what it finds there, so
    the folder must be the user's own and closed to others (mode 0700); any other is not used.
    """
    folder = _cache_home() / "numnet" / f"kernels-{_digest()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(folder)
    except OSError as error:
        print(f"numnet: kernels are compiled anew in this run, not kept: {error}", file=sys.stderr)
        return None
    return folder


def _cache_home() -> Path:
    named = os.environ.get("NUMNET_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path.home() / ".cache"


def _refuse_shared(folder: Path) -> None:
    """Raises OSError unless the folder is the user's own, closed to others, and can be written."""
    status = folder.lstat()
    owned = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not (stat.S_ISDIR(status.st_mode) and owned and (os.name != "posix" or not status.st_mode & 0o077)):
        raise PermissionError(f"{folder} is not a folder of yours alone (mode 0700)")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} can't be written")


def _digest() -> str:
    """What compiled code depends on: every file of kernels/, the compilers' versions, the CPU."""
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    cpu = (llvmlite.binding.get_host_cpu_name(), str(llvmlite.binding.get_host_cpu_features()))
    digest = hashlib.sha256(repr((versions, cpu, os.environ.get("NUMBA_CPU_NAME"))).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


# One caller at a time: kernels share scratch, and Numba's simplest threading layer aborts the process when two threads
# enter parallel code at once.
exclusive = threading.RLock()


def deal(kernel: Callable[..., None], parts: int, *arguments: Any) -> None:
    """Call kernel(part, *arguments) for each part 0 .. parts - 1, on all threads.

    What one part writes no other part reads or writes.
    """
    if parts == 1 or numba.config.DISABLE_JIT:
        for part in range(parts):
            kernel(part, *arguments)
        return
    with exclusive:
        _deal(parts, _address(kernel, arguments), arguments)


FEW = 2**15  # up to so many numbers, looked at once, one thread is done before a second one is awake


def deal_stretches(kernel: Callable[..., None], *vectors: Any) -> None:
    """Call kernel(part, parts, *vectors), each to do its own `stretch` of the first vector's length."""
    parts = 1 if len(vectors[0]) <= FEW else threads()
    deal(kernel, parts, parts, *vectors)


@inner
def stretch(part: int, parts: int, length: int) -> slice:
    """The part's share of 0 .. length - 1."""
    return slice(length * part // parts, length * (part + 1) // parts)


_addresses: dict[Callable[..., None], int] = {}


def _address(kernel: Any, arguments: tuple[Any, ...]) -> int:
    """Where a kernel's machine code is; our kernels are always given arguments of the same types."""
    if kernel not in _addresses:
        kinds = tuple(numba.typeof(argument) for argument in (0, *arguments))
        made = kernel.get_compile_result(types.none(*kinds))
        _addresses[kernel] = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return _addresses[kernel]


@intrinsic
def _call(context: Any, address: Any, arguments: Any) -> Any:
    """Call the machine code at an address with the items of a tuple."""

    def lower(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        items = [builder.extract_value(values[1], i) for i in range(len(signature.args[1].types))]
        kind = ir.FunctionType(ir.VoidType(), [item.type for item in items])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), items)
        return context.get_dummy_value()

    return types.none(types.intp, arguments), lower


with _numba_cache_in(cache_folder()) as _usable:

    @numba.njit(parallel=True, cache=_usable, nogil=True, error_model=ERROR_MODEL)
    def _deal(parts: int, address: int, arguments: tuple[Any, ...]) -> None:
        for part in prange(parts):
            _call(address, (part, *arguments))


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
