"""How a kernel is compiled, and where the machine code is kept.

A kernel is compiled at its first call. The code is kept on disk in a private folder named by a digest of everything
that it depends on, so an edited kernel is never served from an old file: Numba's own check looks at one file only,
and our kernels call each other across files. Folders of other digests are never removed: whoever wants the space back
removes `numnet` from the cache folder while no run is on.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """The same, called in a place or two: compiled as lines of its callers only, not by itself before."""
    return _compiled(function, inline="always")


def _compiled(function: F, **options: bool | str) -> F:
    kernel = numba.njit(nogil=True, error_model=ERROR_MODEL, **options)(function)
    if not numba.config.DISABLE_JIT and (folder := cache_folder()) is not None:
        with _numba_cache_in(folder):
            _keep(kernel, folder)
    return cast(F, kernel)


def _keep(kernel: Any, folder: Path) -> None:
    """Have Numba keep a kernel's code in the folder, as long as the disk lets it: a disk does not stop a run."""
    try:
        kernel.enable_caching()
        kept = kernel._cache
        if folder not in Path(kept.cache_path).parents:  # Numba has looked for another, which knows no digest
            kept.disable()
            raise OSError(f"no files can be made in {folder}")
    except (OSError, RuntimeError) as error:
        _say_not_kept(error)
        return
    load, save = kept.load_overload, kept.save_overload

    def load_or_forget(*key: Any) -> Any:
        """The kept code; where it can't be read, None, and it is forgotten, so that it can be kept anew."""
        try:
            return load(*key)
        except Exception as error:  # what a power cut has cut short may raise anything when it is unpickled
            _say_not_kept(error)
            with suppress(OSError):
                kept.flush()
            return None

    def save_or_not(*code: Any) -> None:
        try:
            save(*code)
        except OSError as error:
            _say_not_kept(error)

    kept.load_overload, kept.save_overload = load_or_forget, save_or_not


@contextmanager
def _numba_cache_in(folder: Path) -> Iterator[None]:
    """Numba's cache folder is `folder` inside the block, and the host program's own setting again after it."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@cache
def cache_folder() -> Path | None:
    """The folder for compiled kernels, made if need be; None, after one word on stderr, where there can be none.

    `NUMNET_CACHE` names another place than the user's cache folder. Numba unpickles what it finds there, so
    the folder must be the user's own and closed to others (mode 0700); any other is not used.
    """
    try:
        folder = _cache_home() / "numnet" / f"kernels-{_digest()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(folder)
    except (OSError, RuntimeError) as error:
        _say_not_kept(error)
        return None
    return folder


def _say_not_kept(error: Exception) -> None:
    """One word a process, however many kernels it is about."""
    global _said
    if not _said:
        what = "not kept" if isinstance(error, OSError | RuntimeError) else "what was kept is damaged"
        reason = " ".join((str(error) or repr(error)).split())
        print(f"numnet: kernels are compiled anew in this run, {what}: {reason}", file=sys.stderr)
    _said = True


_said = False


def _cache_home() -> Path:
    """Raises OSError where NUMNET_CACHE is relative, RuntimeError for a user who has no home."""
    if named := os.environ.get("NUMNET_CACHE"):
        if not Path(named).is_absolute():
            raise OSError(f"NUMNET_CACHE is {named}: expected an absolute path")
        return Path(named)
    users = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # "All paths set in these environment variables must be absolute", else ignored: XDG Base Directory Specification.
    return users if users.is_absolute() else Path.home() / ".cache"


def _refuse_shared(folder: Path) -> None:
    """Raises OSError unless the folder is the user's own, closed to others, and can be written."""
    status = folder.lstat()
    owned = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not (stat.S_ISDIR(status.st_mode) and owned and (os.name != "posix" or not status.st_mode & 0o077)):
        raise PermissionError(f"{folder} is not a folder of yours alone (mode 0700)")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} can't be written")


def _digest() -> str:
    """What compiled code depends on: every file of kernels/, the compilers' versions and options, the CPU.

    Whatever else kernels have as a constant and a machine or its settings decide belongs into this tuple.
    """
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    cpu = (llvmlite.binding.get_host_cpu_name(), str(llvmlite.binding.get_host_cpu_features()))
    digest = hashlib.sha256(repr((versions, cpu, _options())).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _options() -> list[tuple[str, Any]]:
    """Numba's settings, from the environment or a file, but for those of threads and of caches: they change no code.

    Many of the others change none either; but which do, only Numba knows, and a folder too many does no harm.
    """
    settings = vars(numba.config).items()
    return sorted((name, repr(value)) for name, value in settings
                  if name.isupper() and "THREAD" not in name and "CACHE" not in name)  # fmt: skip
