"""Data sets: what the bundled one holds, which folders are taken, and which are refused, with which words."""

import gzip
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numnet.data import datasets
from numnet.data.datasets import MNIST_FOLDER, Dataset, load_folder, load_mnist
from numnet.data.idx import read_idx, write_idx
from numnet.errors import DataError

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def refusal(load: Callable[[], Dataset]) -> str:
    """The message of the DataError that `load` must raise: one line."""
    with pytest.raises(DataError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused(folder: Path, name: str, *words: str) -> None:
    """Loading the folder must be refused by a message that begins with the file's name and has all the words."""
    message = refusal(lambda: load_folder(folder))
    assert message.startswith(f"{folder / name}: ")
    for word in words:
        assert word in message


# The bundled MNIST


def test_mnist_is_split_as_the_tutorials_loader_split_it(mnist: Dataset) -> None:
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert (mnist.inputs, mnist.classes) == (784, 10)
    assert np.bincount(mnist.validation.labels).tolist() == [479, 563, 488, 493, 535, 434, 501, 550, 462, 495]
    assert np.bincount(mnist.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.shape == (len(split), 28, 28)
        assert split.labels.shape == (len(split),)


def test_pixels_and_labels_stay_bytes(mnist: Dataset) -> None:
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.dtype == split.labels.dtype == np.uint8
        assert (split.images.min(), split.images.max()) == (0, 255)


def test_every_image_is_in_its_place_with_its_label(mnist: Dataset) -> None:
    pixels, labels = (gzip.decompress((MNIST_FOLDER / f"{name}.gz").read_bytes()) for name in NAMES[:2])
    assert mnist.validation.images.tobytes() + mnist.train.images.tobytes() == pixels[16:]
    assert mnist.validation.labels.tobytes() + mnist.train.labels.tobytes() == labels[8:]
    assert mnist.validation.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as every picture of MNIST shows
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@pytest.fixture
def mnist_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the bundled files; each is a link, to be replaced but not written to."""
    for name in NAMES:
        (tmp_path / f"{name}.gz").symlink_to(MNIST_FOLDER / f"{name}.gz")
    monkeypatch.setattr(datasets, "MNIST_FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [TEST_IMAGES, TEST_LABELS])
def test_one_flipped_bit_in_a_well_packed_file_is_refused(mnist_copy: Path, name: str) -> None:
    path = mnist_copy / f"{name}.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[-1000] ^= 1
    path.unlink()
    path.write_bytes(gzip.compress(raw, compresslevel=1))
    message = refusal(load_mnist)
    assert message.startswith(f"{path}: SHA-256 ")
    assert "install numnet again" in message


def test_a_bundled_file_that_is_missing_or_cut_is_refused(mnist_copy: Path) -> None:
    path = mnist_copy / f"{TEST_LABELS}.gz"
    content = path.read_bytes()
    path.unlink()
    assert refusal(load_mnist).startswith(f"{path}: No such file")
    path.write_bytes(content[:1000])
    assert refusal(load_mnist).startswith(f"{path}: ")


def test_two_bundled_files_that_changed_places_are_refused(mnist_copy: Path) -> None:
    for name, other in ((TRAIN_LABELS, TEST_LABELS), (TEST_LABELS, TRAIN_LABELS)):
        (mnist_copy / f"{name}.gz").unlink()
        (mnist_copy / f"{name}.gz").symlink_to(MNIST_FOLDER / f"{other}.gz")
    assert "SHA-256" in refusal(load_mnist)


# A person's own folder


def test_a_folder_is_split_like_mnist(tiny_folder: Path) -> None:
    dataset = load_folder(tiny_folder)
    assert (dataset.name, dataset.inputs, dataset.classes) == ("tiny", 30, 3)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (220, 20, 48)
    images, labels = read_idx(tiny_folder / TRAIN_IMAGES), read_idx(tiny_folder / TRAIN_LABELS)
    np.testing.assert_array_equal(dataset.validation.images, images[:20])
    np.testing.assert_array_equal(dataset.train.images, images[20:])
    np.testing.assert_array_equal(dataset.train.labels, labels[20:])
    np.testing.assert_array_equal(dataset.test.images, read_idx(tiny_folder / TEST_IMAGES))


def test_all_training_images_are_those_of_both_splits(tiny_folder: Path) -> None:
    dataset = load_folder(tiny_folder)
    whole = dataset.with_all_training_images()
    images, labels = read_idx(tiny_folder / TRAIN_IMAGES), read_idx(tiny_folder / TRAIN_LABELS)
    np.testing.assert_array_equal(whole.train.images, images)  # in the files' own order
    np.testing.assert_array_equal(whole.train.labels, labels)
    assert whole.test is dataset.test


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("joint", ["-", "."])
def test_files_may_be_packed_and_have_a_dot_in_their_names(tiny_folder: Path, joint: str, ending: str) -> None:
    expected = load_folder(tiny_folder)
    for name in NAMES:
        array = read_idx(tiny_folder / name)
        (tiny_folder / name).unlink()
        write_idx(tiny_folder / (name.replace("-idx", f"{joint}idx") + ending), array)
    found = load_folder(str(tiny_folder))
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    np.testing.assert_array_equal(found.test.labels, expected.test.labels)


def write_folder(folder: Path, shape: tuple[int, ...], labels: list[int]) -> None:
    """A folder of images of this shape, one for each label, the same for training and test."""
    folder.mkdir()
    images = np.arange(len(labels) * int(np.prod(shape))).astype(np.uint8).reshape(len(labels), *shape)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx{1 + len(shape)}-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.array(labels, np.uint8))


@pytest.mark.parametrize(
    ("shape", "inputs"), [((6, 5, 3), 90), ((1, 1), 1), ((32, 32), 1024), ((28, 28, 1), 784)], ids=str
)
def test_images_of_any_size_grey_or_colour(tmp_path: Path, shape: tuple[int, ...], inputs: int) -> None:
    write_folder(tmp_path / "own", shape, [0, 1] * 12)
    dataset = load_folder(tmp_path / "own")
    assert dataset.inputs == inputs
    assert dataset.train.images.shape == (22, *shape)


@pytest.mark.parametrize("largest", [1, 46, 255])
def test_classes_are_one_more_than_the_largest_training_label(tmp_path: Path, largest: int) -> None:
    write_folder(tmp_path / "own", (2, 2), [0] * 23 + [largest])
    assert load_folder(tmp_path / "own").classes == largest + 1


# What is refused


def test_a_folder_that_is_not_there_or_is_none(tiny_folder: Path) -> None:
    refused(tiny_folder / "none", "", "No such file or directory", "expected a folder that holds", *NAMES, ".gz")
    refused(tiny_folder / TRAIN_IMAGES, "", "Not a directory", "expected a folder")
    refused(tiny_folder / ("x" * 300), "", "File name too long")
    refused(tiny_folder / "a\0b", "", "null")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_and_so_is_what_was_found(tiny_folder: Path, name: str) -> None:
    (tiny_folder / name).unlink()
    refused(tiny_folder, "", f"no {name} (or with .gz) there; found ", *(set(NAMES) - {name}))


def test_an_empty_folder(tmp_path: Path) -> None:
    refused(tmp_path, "", f"no {TRAIN_IMAGES} (or with .gz) there; found nothing")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_short_raw_or_packed(tiny_folder: Path, name: str) -> None:
    content = (tiny_folder / name).read_bytes()
    (tiny_folder / name).write_bytes(content[:-1])
    refused(tiny_folder, name, "cut short", "download it again")
    (tiny_folder / name).write_bytes(gzip.compress(content)[:-9])
    refused(tiny_folder, name, "download it again")


@pytest.mark.parametrize("name", NAMES)
def test_a_web_page_where_a_gzip_should_be(tiny_folder: Path, name: str) -> None:
    (tiny_folder / name).unlink()
    (tiny_folder / f"{name}.gz").write_bytes(b"<!DOCTYPE html><html><body>403 Forbidden</body></html>")
    refused(tiny_folder, f"{name}.gz", "looks like an HTML page", "download it again")


@pytest.mark.parametrize("name", NAMES)
def test_another_magic(tiny_folder: Path, name: str) -> None:
    (tiny_folder / name).write_bytes(b"\x00\x00\x07\x03" + (tiny_folder / name).read_bytes()[4:])
    refused(tiny_folder, name, "begins with 00 00 07 03", "expected 00 00")


@pytest.mark.parametrize("name", NAMES)
def test_another_element_type(tiny_folder: Path, name: str) -> None:
    array = read_idx(tiny_folder / name)
    write_idx(tiny_folder / name, array.astype(np.int32))
    refused(tiny_folder, name, "int32", "expected", "uint8")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_a_files_place(tiny_folder: Path, name: str) -> None:
    (tiny_folder / name).unlink()
    (tiny_folder / name).mkdir()
    refused(tiny_folder, name, "a folder, expected a file")


def test_labels_where_images_belong_and_the_reverse(tiny_folder: Path) -> None:
    images = (tiny_folder / TEST_IMAGES).read_bytes()
    shutil.copy(tiny_folder / TEST_LABELS, tiny_folder / TEST_IMAGES)
    refused(tiny_folder, TEST_IMAGES, "3 (grey images) or 4 (colour)", "a labels file?")
    (tiny_folder / TEST_LABELS).write_bytes(images)
    (tiny_folder / TEST_IMAGES).write_bytes(images)
    refused(tiny_folder, TEST_LABELS, "an images file where labels belong?")


@pytest.mark.parametrize(("images", "labels"), [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)])
def test_more_labels_than_images_or_fewer(tiny_folder: Path, images: str, labels: str) -> None:
    whole = read_idx(tiny_folder / labels)
    for some in (whole[:-1], np.append(whole, whole[:1])):
        write_idx(tiny_folder / labels, some)
        refused(tiny_folder, labels, f"{len(some)} labels for {len(whole)} images in {images}")


def test_a_test_label_that_training_never_saw(tiny_folder: Path) -> None:
    labels = read_idx(tiny_folder / TEST_LABELS)
    labels[7] = 3
    write_idx(tiny_folder / TEST_LABELS, labels)
    refused(tiny_folder, TEST_LABELS, "label 3 out of range", "0 to 2")


def test_training_labels_of_one_class_only(tiny_folder: Path) -> None:
    write_idx(tiny_folder / TRAIN_LABELS, np.zeros(240, np.uint8))
    refused(tiny_folder, TRAIN_LABELS, "every label is 0", "at least two classes")


@pytest.mark.parametrize("shape", [(48, 5, 6), (48, 6, 5, 1), (48, 6, 4)], ids=str)
def test_test_images_of_another_size(tiny_folder: Path, shape: tuple[int, ...]) -> None:
    write_idx(tiny_folder / TEST_IMAGES, np.zeros(shape, np.uint8))
    refused(tiny_folder, TEST_IMAGES, f"images of {shape[1:]}; expected (6, 5) as in {TRAIN_IMAGES}")


@pytest.mark.parametrize(("images", "labels"), [(TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)])
@pytest.mark.parametrize("shape", [(0, 6, 5), (240, 0, 5)], ids=str)
def test_no_images_and_images_without_pixels(
    tiny_folder: Path, images: str, labels: str, shape: tuple[int, ...]
) -> None:
    write_idx(tiny_folder / images, np.zeros(shape, np.uint8))
    write_idx(tiny_folder / labels, np.zeros(shape[0], np.uint8))
    refused(tiny_folder, images, f"shape {shape}", "at least one image with pixels")


def test_too_few_images_to_hold_one_in_twelve_out(tiny_folder: Path) -> None:
    write_idx(tiny_folder / TRAIN_IMAGES, np.zeros((11, 6, 5), np.uint8))
    write_idx(tiny_folder / TRAIN_LABELS, np.arange(11, dtype=np.uint8))
    refused(tiny_folder, TRAIN_IMAGES, "11 images; expected 12 or more")


def test_one_image_is_enough_to_test_on(tiny_folder: Path) -> None:
    write_idx(tiny_folder / TEST_IMAGES, np.zeros((1, 6, 5), np.uint8))
    write_idx(tiny_folder / TEST_LABELS, np.zeros(1, np.uint8))
    assert len(load_folder(tiny_folder).test) == 1


def test_a_header_that_promises_more_than_there_is(tiny_folder: Path) -> None:
    header = b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**16, 2**16)
    (tiny_folder / TRAIN_IMAGES).write_bytes(header + bytes(100))
    refused(tiny_folder, TRAIN_IMAGES, "the header declares", "cut short")
