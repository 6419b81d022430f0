"""Files that nothing can tear: written whole or not at all, the one before kept, and one writer at a time.

A file is written under another name in the same folder, flushed to the disk, and then given its name in one step, which
the file system does wholly or not at all. What had the name before keeps a second one.
Source: Pillai et al. 2014, "All file systems are not created equal", section 4.4, on what must be flushed, and when.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from numnet.errors import CheckpointError

LOCK = ".lock"  # behind the name of the file that it keeps for one writer

fcntl: ModuleType | None
try:
    import fcntl
except ModuleNotFoundError:  # not a Unix
    fcntl = None


def previous_of(path: Path) -> Path:
    """Where the file that `path` was before is kept: m.npz, m.previous.npz; a link's, beside the file that it names."""
    path = _named(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def replace_file(path: Path, content: bytes, *, keep_previous: bool) -> None:
    """Give `path` another content; at any moment, also of a power cut, it has the old one or the new one.

    keep_previous : whether what is there now is worth keeping as `previous_of(path)`

    Raises OSError where the folder can't be written or the disk is full; then nothing has changed.
    """
    path = _named(path)
    part = path.with_name(f"{path.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()  # of a process that was killed
    try:
        with open(part, "xb", opener=_open_new) as file:
            _take_mode(path, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if keep_previous and path.exists():
            _keep(path, previous_of(path))
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # of the name that the caller knows
    finally:
        with suppress(OSError):
            part.unlink()
    _flush_folder(path.parent)


def _named(path: Path) -> Path:
    """The file that a link names, or `path` itself; raises IsADirectoryError for what can only be a folder."""
    if path.name in ("", "..") or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder; expected the name of a file", str(path))
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _open_new(name: str, flags: int) -> int:
    """Open a file that is not there yet; a link that somebody laid in its place is not followed."""
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _take_mode(path: Path, descriptor: int) -> None:
    """Whoever may read the file now may read the one in its place, and nobody else."""
    if hasattr(os, "fchmod"):
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, in place of what had it; `path` itself is never without a file."""
    link = previous.with_name(f"{previous.name}.part")
    with suppress(FileNotFoundError):
        link.unlink()
    try:
        os.link(path, link)
        os.replace(link, previous)
    except OSError:  # a file system without links: then it has only the second name, for as long as a rename takes
        os.replace(path, previous)
    finally:
        with suppress(FileNotFoundError):
            link.unlink()  # where both were one file already, the rename did nothing


def _flush_folder(folder: Path) -> None:
    """The new name, too, must reach the disk; where folders can't be opened, as on Windows, the system sees to it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Inside the block no other process may be in such a block for the same file.

    The lock is the kernel's, on a file beside `path`, so it ends with the process however that ends.
    Raises CheckpointError where another process holds it or the folder can't be written.
    """
    try:
        path = _named(path)
    except OSError as error:
        raise CheckpointError(f"{str(path) or 'an empty name'}: {error.strerror}") from error
    if fcntl is None:
        print(f"numnet: this system has no file locks: let no other run write {path}", file=sys.stderr)
        yield
        return
    lock = path.with_name(f"{path.name}{LOCK}")
    descriptor = _lock(lock, path)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        os.close(descriptor)


def _lock(lock: Path, path: Path) -> int:
    """The descriptor of the locked file; tried again where its last holder removed it in between."""
    assert fcntl is not None
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise CheckpointError(f"{path} can't be written: {error.strerror}; choose another place") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise CheckpointError(f"{path}: another run is writing it; wait for it, or choose another name") from None
        except OSError as error:  # a file system without locks
            print(f"numnet: no lock on {path} ({error.strerror}): let no other run write it", file=sys.stderr)
            return descriptor
        with suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == os.stat(lock).st_ino:
                return descriptor
        os.close(descriptor)
