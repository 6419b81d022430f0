"""How a kernel is compiled, and where the machine code is kept.

A kernel is compiled at its first call. The code is kept on disk in a private folder named by a digest of everything
that it depends on, so an edited kernel is never served from an old file: Numba's own check looks at one file only,
and our kernels call each other across files.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# `python` (the default) tests each division for zero, and a loop with a test in it is not vectorised.
ERROR_MODEL = "numpy"


def serial(function: F) -> F:
    """`function`, compiled at its first call; it runs on the calling thread, or in parts by `threads.deal`."""
    return _compiled(function)


def inner(function: F) -> F:
    """A piece of a kernel, for compiled code alone."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: F) -> F:
    """The same, called in one place: compiled as lines of its caller only, not by itself before."""
    return _compiled(function, inline="always")


def _compiled(function: F, **options: bool | str) -> F:
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
    digest = hashlib.sha256(
        repr((versions, cpu, os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES"))).encode()
    )
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
