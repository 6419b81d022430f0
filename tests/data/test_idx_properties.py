"""IDX files under whatever can be drawn: a file is one array to the last bit, or it is refused with a DataError.

The law that most of these tests rest on: IDX has one spelling for each array. So whatever read_idx accepts, write_idx
must spell in the very bytes that were read; a byte overlooked or made up by either shows.
"""

import gzip
import hashlib
import math
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings

from numnet.data.idx import idx_bytes_sha256, read_idx, write_idx
from numnet.errors import DataError

USUAL = settings(deadline=None)  # a file system has slow moments
MANY = settings(USUAL, max_examples=200)

SIZES = {0x08: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}  # type byte: bytes of an element
TYPES = st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64])
SHAPES = hnp.array_shapes(min_dims=1, max_dims=6, min_side=0, max_side=4)
ARRAYS = TYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))  # NaN, infinities and subnormal numbers among them
LENGTHS = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 3), min_size=1, max_size=6)


def header(code: int, lengths: list[int]) -> bytes:
    """A header with nothing wrong in it but, perhaps, what it promises."""
    return struct.pack(f">HBB{len(lengths)}I", 0, code, len(lengths), *lengths)


HEADERS = st.builds(header, st.sampled_from(sorted(SIZES)), LENGTHS)
GARBAGE = st.binary(max_size=64) | st.builds(bytes.__add__, HEADERS, st.binary(max_size=64))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that all examples share; nothing in it waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield tmp_path_factory.mktemp("idx")


def spelled(array: npt.NDArray[Any], folder: Path) -> bytes:
    """The bytes of the raw file that write_idx makes."""
    write_idx(folder / "spelled", array)
    return (folder / "spelled").read_bytes()


def read_or_none(content: bytes, folder: Path) -> npt.NDArray[Any] | None:
    """The array that these bytes are, or None where they are refused in one line that names the file."""
    (folder / "file").write_bytes(content)
    try:
        return read_idx(folder / "file")
    except DataError as error:
        assert str(error).startswith(f"{folder / 'file'}: ")
        assert "\n" not in str(error)
        return None


@USUAL
@given(ARRAYS, st.sampled_from(["file", "file.gz"]))
def test_an_array_comes_back_to_the_bit(folder: Path, array: npt.NDArray[Any], name: str) -> None:
    write_idx(folder / name, array)
    again = read_idx(folder / name, dtype=array.dtype, ndim=array.ndim)
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())


@USUAL
@given(ARRAYS)
def test_a_raw_file_is_as_long_as_its_header_says_and_hashes_as_promised(folder: Path, array: npt.NDArray[Any]) -> None:
    raw = spelled(array, folder)
    assert len(raw) == 4 + 4 * array.ndim + array.nbytes
    assert hashlib.sha256(raw).hexdigest() == idx_bytes_sha256(array)
    write_idx(folder / "packed.gz", array)
    assert gzip.decompress((folder / "packed.gz").read_bytes()) == raw


@USUAL
@given(ARRAYS, st.booleans(), st.data())
def test_every_file_cut_short_is_refused(
    folder: Path, array: npt.NDArray[Any], packed: bool, data: st.DataObject
) -> None:
    raw = spelled(array, folder)
    content = gzip.compress(raw) if packed else raw
    assert read_or_none(content[: data.draw(st.integers(0, len(content) - 1))], folder) is None


@USUAL
@given(ARRAYS, st.booleans(), st.binary(min_size=1, max_size=40) | st.integers(1, 40).map(bytes))
def test_every_file_with_bytes_left_over_is_refused(
    folder: Path, array: npt.NDArray[Any], packed: bool, extra: bytes
) -> None:
    raw = spelled(array, folder)
    assert read_or_none((gzip.compress(raw) if packed else raw) + extra, folder) is None


@USUAL
@given(ARRAYS, ARRAYS)
def test_two_gzip_streams_in_a_row_are_refused(folder: Path, one: npt.NDArray[Any], two: npt.NDArray[Any]) -> None:
    assert read_or_none(gzip.compress(spelled(one, folder)) + gzip.compress(spelled(two, folder)), folder) is None


@USUAL
@given(ARRAYS, st.integers(1, 255), st.data())
def test_a_changed_byte_in_the_header_is_refused_or_an_array_of_the_same_size(
    folder: Path, array: npt.NDArray[Any], change: int, data: st.DataObject
) -> None:
    raw = bytearray(spelled(array, folder))
    raw[data.draw(st.integers(0, 3 + 4 * array.ndim))] ^= change
    other = read_or_none(bytes(raw), folder)
    if other is not None:  # another type of as many bytes, or other lengths with the same product: 2 x 0 as 3 x 0
        assert (other.dtype, other.shape) != (array.dtype, array.shape)
        assert 4 + 4 * other.ndim + other.nbytes == len(raw)
        assert spelled(other, folder) == raw


@USUAL
@given(ARRAYS, st.integers(1, 255), st.data())
def test_a_changed_byte_in_a_gzip_is_refused_or_changes_nothing(
    folder: Path, array: npt.NDArray[Any], change: int, data: st.DataObject
) -> None:
    raw = spelled(array, folder)
    packed = bytearray(gzip.compress(raw))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= change
    other = read_or_none(bytes(packed), folder)
    if other is not None:  # a byte that carries no data, such as one of the time
        assert spelled(other, folder) == raw


@MANY
@given(GARBAGE)
@example(b"\0\0\x08\x01\0\0\0\0")
@example(b"\0\0\x08\x01\0\0\0\1\7")
def test_garbage_is_refused_or_is_the_only_spelling_of_what_it_reads_as(folder: Path, content: bytes) -> None:
    array = read_or_none(content, folder)
    if array is not None:
        assert spelled(array, folder) == content


@MANY
@given(GARBAGE)
def test_packed_garbage_is_refused_or_is_the_only_spelling(folder: Path, content: bytes) -> None:
    array = read_or_none(gzip.compress(content), folder)
    if array is not None:
        assert spelled(array, folder) == content


@MANY
@given(st.binary(max_size=64), st.integers(0, 255))
def test_garbage_that_begins_as_gzip_is_refused(folder: Path, content: bytes, flags: int) -> None:
    assert read_or_none(b"\x1f\x8b" + content, folder) is None
    assert read_or_none(b"\x1f\x8b\x08" + bytes([flags]) + content, folder) is None


@MANY
@given(st.sampled_from(sorted(SIZES)), LENGTHS, st.booleans(), st.binary(max_size=64))
def test_no_header_takes_memory_that_the_file_does_not_bear_out(
    folder: Path, code: int, lengths: list[int], packed: bool, elements: bytes
) -> None:
    content = header(code, lengths) + elements
    if packed:  # forge what gzip notes at its end, so that only the size of the file is left to speak
        declared = 4 + 4 * len(lengths) + math.prod(lengths) * SIZES[code]
        content = gzip.compress(content)[:-4] + struct.pack("<I", declared % 2**32)
    tracemalloc.start()
    try:
        read_or_none(content, folder)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()
