"""IDX files: what is read and written, to the byte, and what is refused, with which words."""

import contextlib
import errno
import gzip
import hashlib
import os
import re
import signal
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numnet.data import idx
from numnet.data.idx import idx_bytes_sha256, read_idx, write_idx
from numnet.errors import DataError

MNIST = Path(idx.__file__).parent / "mnist"
MNIST_FILES = {  # the raw bytes' SHA-256, as the NOTICE beside the files has it, and the shape
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        (60000, 28, 28),
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        (60000,),
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        (10000, 28, 28),
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        (10000,),
    ),
}

TYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
SHAPES = [(7,), (1,), (2, 3), (3, 1, 2), (2, 3, 4, 5), (0,), (3, 0, 2)]

# A file of 2 x 2 x 2 spelled out by hand: magic 00 00 08 03, three lengths of 2, and 0 1 2 3 4 5 6 255.
TINY = bytes.fromhex("00000803 00000002 00000002 00000002 00010203 040506FF")
TINY_ARRAY = np.array([[[0, 1], [2, 3]], [[4, 5], [6, 255]]], dtype=np.uint8)
LABELS = bytes.fromhex("00000801 00000003 070201")


def some(dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Elements of every bit pattern, so that a swapped or dropped byte shows; no NaN, which would not equal itself."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array = np.random.default_rng(1).integers(0, 256, size, np.uint8).view(dtype).reshape(shape)
    return np.nan_to_num(array) if np.dtype(dtype).kind == "f" else array


def refusal(action: Callable[[], object]) -> str:
    """The message of the DataError that `action` must raise: one line."""
    with pytest.raises(DataError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused(path: Path, content: bytes, *words: str, **demands: Any) -> None:
    """Reading `content` must be refused by a message that names the file and has all the words, the remedy's too."""
    path.write_bytes(content)
    message = refusal(lambda: read_idx(path, **demands))
    assert message.startswith(f"{path}: ")
    for word in words:
        assert word in message


def gzip_noting(raw: bytes, size: int) -> bytes:
    """A gzip stream whose last four bytes, the unpacked size, are forged."""
    return gzip.compress(raw, mtime=0)[:-4] + struct.pack("<I", size % 2**32)


@contextlib.contextmanager
def at_most(extra: int) -> Iterator[None]:
    """What happens within may take at most `extra` bytes of memory at its peak."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < extra
    finally:
        tracemalloc.stop()


# What is read


def test_a_file_spelled_out_by_hand(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_bytes(TINY)
    array = read_idx(tmp_path / "tiny")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, TINY_ARRAY)


@pytest.mark.parametrize(
    ("code", "elements", "dtype", "values"),
    [
        ("08", "00 7F 80 FF", np.uint8, [0, 127, 128, 255]),
        ("09", "00 7F 80 FF", np.int8, [0, 127, -128, -1]),
        ("0B", "0001 0100 8000 FFFE", np.int16, [1, 256, -32768, -2]),
        ("0C", "00000001 01000000 80000000 FFFFFFFE", np.int32, [1, 2**24, -(2**31), -2]),
        ("0D", "00000000 3F800000 C0000000 7F800000", np.float32, [0, 1, -2, np.inf]),
        ("0E", "0000000000000000 3FF0000000000000 C000000000000000 FFF0000000000000", np.float64, [0, 1, -2, -np.inf]),
    ],
)
def test_each_type_spelled_out_by_hand(
    tmp_path: Path, code: str, elements: str, dtype: npt.DTypeLike, values: list[float]
) -> None:
    (tmp_path / "file").write_bytes(bytes.fromhex(f"0000{code}01 00000004 {elements}"))
    array = read_idx(tmp_path / "file")
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert array.flags.writeable
    assert array.tolist() == values


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_what_is_written_is_read_back(
    tmp_path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...], suffix: str
) -> None:
    array, path = some(dtype, shape), tmp_path / f"file{suffix}"
    write_idx(path, array)
    again = read_idx(path, dtype=dtype, ndim=len(shape))
    assert again.dtype == array.dtype
    assert again.dtype.isnative
    np.testing.assert_array_equal(again, array)


def test_the_first_bytes_say_whether_it_is_packed_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "raw.gz").write_bytes(TINY)
    (tmp_path / "packed").write_bytes(gzip.compress(TINY))
    np.testing.assert_array_equal(read_idx(tmp_path / "raw.gz"), TINY_ARRAY)
    np.testing.assert_array_equal(read_idx(str(tmp_path / "packed")), TINY_ARRAY)


def test_a_gzip_with_a_name_a_comment_and_a_time_is_read(tmp_path: Path) -> None:
    plain = gzip.compress(TINY, mtime=0)
    named = plain[:3] + b"\x18" + struct.pack("<I", 10**9) + plain[8:10] + b"a name\0a comment\0" + plain[10:]
    (tmp_path / "named").write_bytes(named)
    np.testing.assert_array_equal(read_idx(tmp_path / "named"), TINY_ARRAY)


def test_64_dimensions_are_read_and_65_refused(tmp_path: Path) -> None:
    (tmp_path / "64").write_bytes(b"\0\0\x08\x40" + struct.pack(">64I", *[1] * 64) + b"\x07")
    assert read_idx(tmp_path / "64").shape == (1,) * 64
    refused(tmp_path / "65", b"\0\0\x08\x41" + struct.pack(">65I", *[1] * 65) + b"\x07", "64", "use a smaller file")


@pytest.mark.parametrize("name", MNIST_FILES)
def test_the_bundled_files_are_mnist(name: str) -> None:
    sha256, shape = MNIST_FILES[name]
    array = read_idx(MNIST / f"{name}.gz", dtype=np.uint8, ndim=len(shape))
    assert array.shape == shape
    assert idx_bytes_sha256(array) == sha256


def test_the_notice_has_the_hash_and_the_size_of_each_file() -> None:
    notice = (MNIST / "NOTICE").read_text(encoding="utf-8")
    for name, (sha256, shape) in MNIST_FILES.items():
        size = 4 + 4 * len(shape) + int(np.prod(shape))
        assert re.search(rf"{name} +{size} +{sha256}\n", notice)


# What is written


@pytest.mark.parametrize(
    ("dtype", "code", "letter"),
    [
        (np.uint8, 8, "B"),
        (np.int8, 9, "b"),
        (np.int16, 11, "h"),
        (np.int32, 12, "i"),
        (np.float32, 13, "f"),
        (np.float64, 14, "d"),
    ],
)
def test_numbers_on_disk_are_big_endian(tmp_path: Path, dtype: npt.DTypeLike, code: int, letter: str) -> None:
    write_idx(tmp_path / "file", np.array([[1, 2, 3], [4, 5, 100]], dtype))
    expected = struct.pack(f">HBBII6{letter}", 0, code, 2, 2, 3, 1, 2, 3, 4, 5, 100)
    assert (tmp_path / "file").read_bytes() == expected


def test_the_tiny_file_is_written_as_spelled(tmp_path: Path) -> None:
    write_idx(tmp_path / "raw", TINY_ARRAY)
    write_idx(tmp_path / "packed.gz", TINY_ARRAY)
    assert (tmp_path / "raw").read_bytes() == TINY
    assert gzip.decompress((tmp_path / "packed.gz").read_bytes()) == TINY


@pytest.mark.parametrize("dtype", TYPES)
def test_order_in_memory_does_not_matter(tmp_path: Path, dtype: npt.DTypeLike) -> None:
    array = some(dtype, (4, 6))
    for other in (np.asfortranarray(array), array.astype(array.dtype.newbyteorder()), np.repeat(array, 2, 1)[:, ::2]):
        write_idx(tmp_path / "file", other)
        np.testing.assert_array_equal(read_idx(tmp_path / "file"), array)
        assert idx_bytes_sha256(other) == idx_bytes_sha256(array)


def test_equal_arrays_make_equal_gzip_bytes_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "one.gz", TINY_ARRAY)
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_idx(tmp_path / "another.gz", TINY_ARRAY)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()
    assert (tmp_path / "one.gz").read_bytes()[3:8] == bytes(5)  # no flags, so no name; no time


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_idx(tmp_path / "file", TINY_ARRAY)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("dtype", TYPES)
def test_the_hash_is_that_of_the_raw_file(tmp_path: Path, dtype: npt.DTypeLike) -> None:
    array = some(dtype, (3, 5))
    write_idx(tmp_path / "file", array)
    assert idx_bytes_sha256(array) == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3, np.int64), ["int64", "expected one of uint8, int8, int16, int32, float32, float64", "astype"]),
        (np.zeros(3, np.bool_), ["bool", "astype"]),
        (np.zeros(3, np.uint16), ["uint16", "astype"]),
        (np.zeros(3, np.float16), ["float16", "astype"]),
        (np.array(["a"]), ["<U1", "astype"]),
        (np.array([None]), ["object", "astype"]),
        (np.zeros(3, "u1,u1"), ["f0", "astype"]),
        (np.array(3, np.uint8), ["shape ()", "1 dimension or more", "reshape"]),
        (np.empty((0, 2**32), np.uint8), ["shape (0, 4294967296)", "below 2**32", "reshape"]),
        (np.broadcast_to(np.uint8(0), (2**32,)), ["shape (4294967296,)", "reshape"]),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_what_idx_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, array: npt.NDArray[Any], words: list[str]
) -> None:
    with at_most(10**6):
        message = refusal(lambda: write_idx(tmp_path / "file", array))
    assert message.startswith(f"{tmp_path / 'file'}: ")
    assert all(word in message for word in words)
    assert list(tmp_path.iterdir()) == []
    assert refusal(lambda: idx_bytes_sha256(array)) in message


# Writing that fails


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_idx(tmp_path / name, TINY_ARRAY)
    before = (tmp_path / name).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(call, fail)
        message = refusal(lambda: write_idx(tmp_path / name, TINY_ARRAY + 1))
    assert message == f"{tmp_path / name}: No space left on device: check the name, the permissions and the disk"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


def test_a_write_that_the_system_cuts_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    write_idx(tmp_path / "file", TINY_ARRAY)
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # bytes: the next file stops there
        message = refusal(lambda: write_idx(tmp_path / "file", np.zeros(10**6, np.uint8)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    np.testing.assert_array_equal(read_idx(tmp_path / "file"), TINY_ARRAY)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    write_idx(tmp_path / "file", TINY_ARRAY)
    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_idx(tmp_path / "file", TINY_ARRAY + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == TINY


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_size))
    write_idx(tmp_path / "file", TINY_ARRAY)
    assert seen == [len(TINY)]


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    places = {"none/file": "No such file or directory: check the name", "folder": "a folder, expected a file"}
    for name, words in places.items():
        message = refusal(lambda name=name: write_idx(tmp_path / name, TINY_ARRAY))  # type: ignore[misc]
        assert message.startswith(f"{tmp_path / name}: {words}")
    assert "embedded null" in refusal(lambda: write_idx("a\0b", TINY_ARRAY))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert not list((tmp_path / "folder").iterdir())


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe or a device" in refusal(lambda: write_idx(tmp_path / "pipe", TINY_ARRAY))
    assert (tmp_path / "pipe").is_fifo()


# What is refused on reading


def test_no_file(tmp_path: Path) -> None:
    message = refusal(lambda: read_idx(tmp_path / "none"))
    assert message == f"{tmp_path / 'none'}: No such file or directory: check the name, the permissions and the disk"
    assert "embedded null" in refusal(lambda: read_idx("a\0b"))


def test_a_folder(tmp_path: Path) -> None:
    message = refusal(lambda: read_idx(tmp_path))
    assert message == f"{tmp_path}: a folder, expected a file: give the name of an IDX file, raw or .gz"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    def give_up(*_: object) -> None:
        raise AssertionError("reading a pipe waits for ever")

    os.mkfifo(tmp_path / "pipe")
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(5)
    try:
        message = refusal(lambda: read_idx(tmp_path / "pipe"))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert message.startswith(f"{tmp_path / 'pipe'}: a pipe or a device, expected a file: give")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device(device: str) -> None:
    assert refusal(lambda: read_idx(device)).startswith(f"{device}: a pipe or a device, expected a file: give")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's answer is made here."""

    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "file").write_bytes(TINY)
    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied: check the name, the permissions" in refusal(lambda: read_idx(tmp_path / "file"))


def test_an_empty_file(tmp_path: Path) -> None:
    refused(tmp_path / "file", b"", "an empty file, expected IDX: download it again")


@pytest.mark.parametrize("length", range(1, 16))
def test_a_header_cut_short(tmp_path: Path, length: int) -> None:
    missing = 4 - length if length < 4 else 16 - length
    words = f"ends {missing} bytes too early, inside the header: download it again"
    if length != 4:
        refused(tmp_path / "file", TINY[:length], words)
    refused(tmp_path / "packed", gzip.compress(TINY[:length]), "inside the header: download it again")


@pytest.mark.parametrize("length", range(16, 24))
def test_data_cut_short(tmp_path: Path, length: int) -> None:
    words = f"the header declares 24 bytes, the file has {length}, cut short: download it again"
    refused(tmp_path / "file", TINY[:length], words)
    words = f"the header declares 24 bytes, the gzip's end {length}, cut short, or bytes left over: download it again"
    refused(tmp_path / "packed", gzip.compress(TINY[:length]), words)


@pytest.mark.parametrize("extra", [b"\0", b"\n", b"more", TINY])
def test_bytes_left_over(tmp_path: Path, extra: bytes) -> None:
    found = 24 + len(extra)
    words = f"the header declares 24 bytes, the file has {found}, bytes left over: download it again"
    refused(tmp_path / "file", TINY + extra, words)
    refused(tmp_path / "packed", gzip.compress(TINY + extra), f"the gzip's end {found}", "download it again")


@pytest.mark.parametrize(
    "extra",
    [b"\0", b"\0\0\0\0", b"\n", b"more", struct.pack("<I", 24), gzip.compress(b""), gzip.compress(TINY)],
    ids=["zero", "zeros", "newline", "text", "its own size", "an empty stream", "itself again"],
)
def test_bytes_left_over_behind_the_gzip_stream(tmp_path: Path, extra: bytes) -> None:
    refused(tmp_path / "file", gzip.compress(TINY) + extra, "download it again")


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("00 00 0a 01", "00 00 0a 01"),  # a type between int8 and int16 that there is not
        ("00 00 00 01", "00 00 00 01"),
        ("00 00 0f 01", "00 00 0f 01"),
        ("00 00 88 01", "00 00 88 01"),
        ("01 00 08 01", "01 00 08 01"),
        ("00 01 08 01", "00 01 08 01"),
        ("03 08 00 00", "03 08 00 00"),  # little-endian
        ("00 00 08 00", "00 00 08 00"),  # no dimensions
        ("89 50 4e 47", "89 50 4e 47"),  # a PNG
    ],
)
def test_a_start_that_is_not_idx(tmp_path: Path, start: str, shown: str) -> None:
    expected = "expected 00 00, a type (08 09 0b 0c 0d 0e) and at least 1 dimension: not an IDX file; give one"
    refused(tmp_path / "file", bytes.fromhex(start) + TINY[4:], f"begins with {shown}, {expected}")
    refused(tmp_path / "packed", gzip.compress(bytes.fromhex(start) + TINY[4:]), f"begins with {shown}, {expected}")


@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE html>\n<html>403</html>", b"<html>", b"\n <HTML>", b"\xef\xbb\xbf<!doctype html>", b"<?xml?><Error/>"],
)
def test_a_web_page(tmp_path: Path, page: bytes) -> None:
    words = "this looks like an HTML page, probably a failed download; download it again"
    refused(tmp_path / "train-images-idx3-ubyte.gz", page, words)
    refused(tmp_path / "train-images-idx3-ubyte.gz", gzip.compress(page), words)


@pytest.mark.parametrize("text", [b"Not Found\n", b"version https://git-lfs.github.com/spec/v1\n", b"5,0,0,0,12,0\n"])
def test_text(tmp_path: Path, text: bytes) -> None:
    refused(tmp_path / "file", text, "this looks like text, perhaps a failed download; download it again")


def test_a_gzip_with_a_flipped_byte(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TINY, compresslevel=0))
    packed[packed.index(TINY) + 20] ^= 1
    refused(tmp_path / "elements", bytes(packed), "damaged gzip (CRC check failed", "download it again")
    packed = bytearray(gzip.compress(TINY))
    packed[-5] ^= 1
    refused(tmp_path / "crc", bytes(packed), "damaged gzip (CRC check failed", "download it again")
    packed[10] = 0xFF
    refused(tmp_path / "deflate", bytes(packed), "damaged gzip (Error -3", "download it again")
    packed[2] = 7
    refused(tmp_path / "method", bytes(packed), "damaged gzip (Unknown compression method", "download it again")


def test_a_cut_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(TINY)
    for length in range(2, len(packed)):
        refused(tmp_path / "file", packed[:length], "download it again")


def test_a_cut_gzip_with_a_forged_end(tmp_path: Path) -> None:
    array = some(np.uint8, (5000,))  # noise, which is longer packed than raw, so that the cut is amid the elements
    packed = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 5000) + array.tobytes())
    refused(tmp_path / "file", packed[:4000] + struct.pack("<I", 5008), "damaged gzip (", "download it again")


# Another kind of file than was demanded


def test_labels_where_images_belong_and_the_reverse(tmp_path: Path) -> None:
    words = "magic 2049 (uint8, 1 dimension), expected 2051 (uint8, 3 dimensions): a labels file where images belong?"
    refused(tmp_path / "train-images", LABELS, words, dtype=np.uint8, ndim=3)
    words = "magic 2051 (uint8, 3 dimensions), expected 2049 (uint8, 1 dimension): an images file where labels belong?"
    refused(tmp_path / "train-labels", TINY, words, dtype=np.uint8, ndim=1)


def test_another_type_or_another_number_of_dimensions(tmp_path: Path) -> None:
    words = "magic 2051 (uint8, 3 dimensions), expected 3331 (float32, 3 dimensions): another file than the one"
    refused(tmp_path / "file", TINY, words, dtype=np.dtype("f4"))
    refused(tmp_path / "file", TINY, "expected 2050 (uint8, 2 dimensions): another file than the one", ndim=2)
    refused(tmp_path / "file", TINY, "elements of type int64, expected one of uint8", dtype=np.int64)


def test_what_was_demanded_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(TINY)
    for demands in ({"dtype": np.uint8}, {"ndim": 3}, {"dtype": np.dtype(">u1"), "ndim": 3}):
        np.testing.assert_array_equal(read_idx(tmp_path / "file", **demands), TINY_ARRAY)


# Memory: a header is a promise, and a promise costs nothing


HUGE = b"\0\0\x08\x02" + struct.pack(">II", 2**16, 2**16) + bytes(100)  # declares 4 GiB
ENDLESS = b"\0\0\x0e\xff" + b"\xff" * 4 * 255  # 255 dimensions of 2**32 - 1, a product of 8160 bits


@pytest.mark.parametrize("raw", [HUGE, ENDLESS], ids=["4 GiB", "past every integer"])
def test_a_header_that_declares_too_much_takes_no_memory(tmp_path: Path, raw: bytes) -> None:
    with at_most(10**6):
        refused(tmp_path / "raw", raw, "cut short: download it again")
        refused(tmp_path / "packed", gzip.compress(raw), "the gzip unpacks to", "at most: download it again")


def test_a_forged_gzip_end_does_not_help(tmp_path: Path) -> None:
    packed = gzip_noting(HUGE, 2**32 + 12)
    most = f"the header declares 4294967308 bytes, the gzip unpacks to {1032 * len(packed)} at most"
    with at_most(10**6):
        refused(tmp_path / "file", packed, most)


def test_a_short_header_before_a_flood_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    flood = gzip.compress(LABELS + bytes(2**25))
    with at_most(10**6):
        refused(tmp_path / "honest", flood, "the header declares 11 bytes, the gzip's end 33554443")
        refused(tmp_path / "forged", flood[:-4] + struct.pack("<I", 11), "found fewer or more: download it again")


def test_dimensions_with_a_zero_among_giants(tmp_path: Path) -> None:
    giants = b"\0\0\x08\x04" + struct.pack(">4I", 0, *[2**32 - 1] * 3)  # no element, yet past NumPy's reckoning
    refused(tmp_path / "file", giants, "array is too big", "use a smaller file")


def test_no_memory_for_an_honest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*_: object) -> None:
        raise MemoryError("Unable to allocate 4.00 GiB")

    (tmp_path / "file").write_bytes(TINY)
    monkeypatch.setattr(np, "empty", empty)
    refused(tmp_path / "file", TINY, "Unable to allocate 4.00 GiB: use a smaller file")


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64])
def test_reading_takes_little_more_than_the_array(tmp_path: Path, dtype: npt.DTypeLike, name: str) -> None:
    zeros = np.zeros(2**24 // np.dtype(dtype).itemsize, dtype)  # zeros are also what DEFLATE packs best
    write_idx(tmp_path / name, zeros)
    with at_most(2**24 + 2**22):
        assert read_idx(tmp_path / name).nbytes == 2**24


def test_the_hash_of_bytes_copies_nothing() -> None:
    array = np.zeros((2**11, 2**11), np.uint8)
    with at_most(10**5):
        idx_bytes_sha256(array)


@pytest.mark.parametrize("content", [TINY[:-1], TINY + b"\0"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(idx, "_check_size", lambda file, declared: None)  # the size was right when it was asked
    refused(tmp_path / "file", content, "expected 8 bytes of elements, found fewer or more: download it again")
