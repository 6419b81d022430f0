"""IDX, the file format of MNIST, read and written strictly.

A header says what follows; then come the elements, the last axis fastest. Every number is big-endian:

    byte     0  1   2    3       4  5  6  7     8  9 10 11    12 13 14 15     16 ...
            00 00  08   03      00 00 EA 60    00 00 00 1C    00 00 00 1C     00 7B ...
            zeros  type ndim       60000            28             28         the elements
            ╰─ magic 2051 ─╯    ╰──────── one uint32 per dimension ────────╯

A file may be packed by gzip: one gzip stream and nothing after it. What is read here came from somebody else, so a
header is believed only as far as the file's size bears it out, and that is asked before any memory is taken.
"""

import gzip
import hashlib
import io
import math
import os
import secrets
import stat
import string
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from numnet.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}  # there is no 0x0A
CODES = {name: code for code, name in TYPES.items()}
MISTAKES = {(2049, 2051): "a labels file where images belong?", (2051, 2049): "an images file where labels belong?"}

LONGEST_AXIS = 2**32 - 1  # a length is a uint32
GZIP_START = b"\x1f\x8b"  # no IDX file begins so: its first two bytes are zero
GZIP_COUNTS_TO = 2**32  # a gzip stream ends with its unpacked size modulo this, as a little-endian uint32
DEFLATE_AT_MOST = 1032  # the shortest copy takes 2 bits and yields 258 bytes, so no byte can unpack to more
CHUNK = 2**20  # bytes asked for at once, because GzipFile.readinto makes a copy of as many on the way


def read_idx(
    path: str | os.PathLike[str], *, dtype: npt.DTypeLike | None = None, ndim: int | None = None
) -> npt.NDArray[Any]:
    """Return the array in an IDX file, raw or packed: one of the six types in native byte order, 1 to 64 dimensions.

    `dtype` and `ndim` demand a kind of array. Raises DataError unless the file is one whole array of it, to the byte.
    """
    with _naming(path), _open(Path(path)) as file:
        packed = file.peek(2)[:2] == GZIP_START
        with gzip.GzipFile(fileobj=file) if packed else file as stream:
            code, shape = _read_header(stream)
            _check_kind(code, len(shape), dtype, ndim)
            on_disk = np.dtype(">" + TYPES[code])
            check_size = _check_packed_size if packed else _check_size
            check_size(file, 4 + 4 * len(shape) + math.prod(shape) * on_disk.itemsize)
            array = _empty(shape, on_disk)
            _fill(array, stream)
            return _native(array)


def write_idx(path: str | os.PathLike[str], array: npt.NDArray[Any]) -> None:
    """Write uint8, int8, int16, int32, float32 or float64 (any shape but ()) as IDX, packed if `path` ends in .gz.

    A reader finds the old file or the new one, never half of one. Raises DataError for another type, for no dimensions,
    for an axis longer than a uint32 can say, and for a place where nothing can be written.
    """
    with _naming(path):
        header, elements = _header(array), _elements(array)
        packed = Path(path).suffix == ".gz"
        with (
            _replacing(Path(path)) as file,
            # Neither a name nor a time goes into the gzip, so equal arrays make equal bytes.
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) if packed else nullcontext(file) as stream,
        ):
            stream.write(header)
            stream.write(elements)


def idx_bytes_sha256(array: npt.NDArray[Any]) -> str:
    """Return the SHA-256, in hex, of the raw IDX file that `array` makes; DataError if IDX cannot hold it."""
    digest = hashlib.sha256(_header(array))
    digest.update(_elements(array))
    return digest.hexdigest()


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever stops the work within into a DataError that begins with the file's name."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{os.fspath(path)}: damaged gzip ({error}): download it again") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no system takes, such as one with a NUL in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{os.fspath(path)}: {reason}: check the name, the permissions and the disk") from error


# Reading: what read_idx calls, in its order.


def _open(path: Path) -> io.BufferedReader:
    """Open a file that has something in it."""
    _check_regular(path)
    if path.stat().st_size == 0:
        raise DataError("an empty file, expected IDX: download it again")
    return path.open("rb")


def _check_regular(path: Path) -> None:
    """Refuse a folder, a pipe or a device: a pipe may wait for ever, a device may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise DataError(f"{found}, expected a file: give the name of an IDX file, raw or .gz")


def _read_header(stream: io.BufferedIOBase) -> tuple[int, tuple[int, ...]]:
    """Return the type byte and the length of each dimension."""
    start = _read_exactly(stream, 4)
    zeros, code, ndim = struct.unpack(">HBB", start)
    if zeros or code not in TYPES or ndim == 0:
        expected = f"00 00, a type ({bytes(TYPES).hex(' ')}) and at least 1 dimension"
        raise DataError(f"begins with {start.hex(' ')}, expected {expected}: {_guess(start)}")
    return code, struct.unpack(f">{ndim}I", _read_exactly(stream, 4 * ndim))


def _read_exactly(stream: io.BufferedIOBase, count: int) -> bytes:
    """Return the next `count` bytes of the header."""
    found = stream.read(count)
    if len(found) < count:
        raise DataError(f"ends {count - len(found)} bytes too early, inside the header: download it again")
    return found


def _guess(start: bytes) -> str:
    """Say what a file looks like that does not begin as IDX does, and what to do."""
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "this looks like an HTML page, probably a failed download; download it again"
    if set(start) <= set(string.printable.encode()):
        return "this looks like text, perhaps a failed download; download it again"
    return "not an IDX file; give one, raw or .gz"


def _check_kind(code: int, ndim: int, wanted_dtype: npt.DTypeLike | None, wanted_ndim: int | None) -> None:
    """Refuse another element type or number of dimensions than the caller demands."""
    wanted_code = code if wanted_dtype is None else _code(np.dtype(wanted_dtype))
    found, wanted = 256 * code + ndim, 256 * wanted_code + (ndim if wanted_ndim is None else wanted_ndim)
    if found != wanted:
        mistake = MISTAKES.get((found, wanted), "another file than the one you meant?")
        raise DataError(f"magic {_magic(found)}, expected {_magic(wanted)}: {mistake}")


def _magic(magic: int) -> str:
    """Spell a magic out: 2051 is '2051 (uint8, 3 dimensions)'."""
    code, ndim = divmod(magic, 256)
    return f"{magic} ({np.dtype(TYPES[code])}, {ndim} dimension{'s' if ndim > 1 else ''})"


def _check_size(file: io.BufferedReader, declared: int) -> None:
    """Refuse a raw file that is shorter or longer than its header declares."""
    size = os.fstat(file.fileno()).st_size
    if declared != size:
        fault = "cut short" if size < declared else "bytes left over"
        raise DataError(f"the header declares {declared} bytes, the file has {size}, {fault}: download it again")


def _check_packed_size(file: io.BufferedReader, declared: int) -> None:
    """Refuse a header that declares more than gzip can have packed, or another size than gzip noted at its end."""
    most = DEFLATE_AT_MOST * os.fstat(file.fileno()).st_size
    if declared > most:
        raise DataError(f"the header declares {declared} bytes, the gzip unpacks to {most} at most: download it again")
    here = file.tell()
    file.seek(-4, os.SEEK_END)
    noted = int.from_bytes(file.read(4), "little")
    file.seek(here)
    if declared % GZIP_COUNTS_TO != noted:
        fault = "cut short, or bytes left over"
        raise DataError(f"the header declares {declared} bytes, the gzip's end {noted}, {fault}: download it again")


def _empty(shape: tuple[int, ...], on_disk: np.dtype[Any]) -> npt.NDArray[Any]:
    """Take the memory for an honest header, or say that there is none."""
    try:
        return np.empty(shape, on_disk)
    except (MemoryError, ValueError) as error:  # ValueError: over 64 dimensions, or a shape past NumPy's reckoning
        raise DataError(f"{error}: use a smaller file, or a machine with more memory") from error


def _fill(array: npt.NDArray[Any], stream: io.BufferedIOBase) -> None:
    """Read the elements straight into the array, then expect the end, where gzip checks its CRC."""
    room = _as_bytes(array)
    filled = sum(stream.readinto(room[start : start + CHUNK]) for start in range(0, len(room), CHUNK))
    if filled != len(room) or stream.read(1):
        raise DataError(f"expected {len(room)} bytes of elements, found fewer or more: download it again")


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn big-endian elements into this machine's own, in place."""
    if not array.dtype.isnative:
        array.byteswap(inplace=True)
    return array.view(array.dtype.newbyteorder("="))


# Writing: what write_idx calls, in its order.


def _header(array: npt.NDArray[Any]) -> bytes:
    """Return the bytes that come before the elements."""
    if array.ndim == 0 or max(array.shape) > LONGEST_AXIS:
        raise DataError(f"an array of shape {array.shape}, expected 1 dimension or more, each below 2**32: reshape it")
    return struct.pack(f">HBB{array.ndim}I", 0, _code(array.dtype), array.ndim, *array.shape)


def _code(dtype: np.dtype[Any]) -> int:
    """Return the type byte of an element type, in either byte order."""
    if dtype.str[1:] not in CODES:
        names = ", ".join(str(np.dtype(name)) for name in CODES)
        raise DataError(f"elements of type {dtype}, expected one of {names}: convert the array with astype")
    return CODES[dtype.str[1:]]


def _elements(array: npt.NDArray[Any]) -> memoryview:
    """Return the elements' bytes as IDX has them, big-endian and the last axis fastest; a copy only if they are not."""
    return _as_bytes(np.ascontiguousarray(array, array.dtype.newbyteorder(">")))


def _as_bytes(array: npt.NDArray[Any]) -> memoryview:
    """Return the memory of a contiguous array, not a copy, as one row of bytes."""
    return array.reshape(-1).view(np.uint8).data


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Lend a new file in the folder of `path`; whole, it takes that name at one stroke, else it vanishes."""
    if path.exists():
        _check_regular(path)  # renaming over /dev/null would replace the device
    passing = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with passing.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)
