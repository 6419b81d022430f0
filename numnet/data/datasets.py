"""Data sets: the bundled MNIST, verified to the bit, and any folder of files like it.

    four IDX files -> train images and labels   -> validation (the first twelfth) and train (the rest)
                   -> test images and labels    -> test

MNIST's first 5,000 training images are the validation split and the other 55,000 are trained on, as in the loader
that the tutorial used. Pixels stay uint8 until a batch needs floats.
"""

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np

from numnet.data.idx import idx_bytes_sha256, read_idx
from numnet.errors import DataError
from numnet.kernels import ByteArray

MNIST_FOLDER = Path(__file__).parent / "mnist"

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Of the raw IDX bytes, whatever their packing; torchvision's and TFDS's lists agree.
MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)

VALIDATION_SHARE = 12  # one in twelve: 5,000 of MNIST's 60,000


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    images : uint8 (N, …), 0 is no ink and 255 full ink; usually (N, 28, 28)
    labels : uint8 (N,), each below the data set's number of classes; other integers from 0 to 255 are converted

    Raises DataError for arrays of another kind, and where there are not as many labels as images.
    """

    images: ByteArray
    labels: ByteArray

    def __post_init__(self) -> None:
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.dtype != np.uint8 or images.ndim < 2:
            raise DataError(f"images: {images.dtype} {images.shape}; expected uint8 (N, …), 0 no ink and 255 full ink")
        if labels.dtype.kind not in "iu" or labels.ndim != 1 or len(labels) != len(images):
            raise DataError(f"labels: {labels.dtype} {labels.shape}; expected integers ({len(images)},), one an image")
        if labels.size and not (labels.min() >= 0 and labels.max() <= 255):
            raise DataError(f"labels from {labels.min()} to {labels.max()}: expected 0 to 255")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels.astype(np.uint8, copy=False))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> int:
        """D, the numbers in one image."""
        return math.prod(self.images.shape[1:])


@dataclass(frozen=True)
class Dataset:
    """Three splits: one to train on, one to choose by, and one that only a final evaluation looks at."""

    name: str
    classes: int
    train: Split
    validation: Split
    test: Split

    @property
    def inputs(self) -> int:
        """D, the numbers in one image."""
        return self.train.inputs

    @cached_property
    def training_sha256(self) -> str:
        """SHA-256, in hex, of what a run trains on: the bytes of the training images, then of their labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.train.images).data)
        digest.update(np.ascontiguousarray(self.train.labels).data)
        return digest.hexdigest()

    @cached_property
    def sha256(self) -> str:
        """SHA-256, in hex, of all of it: of the shape and the bytes of each split's images, then of its labels.

        Of a data set as it was loaded; with the validation split trained on as well it is another one.
        """
        digest = hashlib.sha256()
        for split in (self.validation, self.train, self.test):
            for array in (split.images, split.labels):
                digest.update(str(array.shape).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def with_all_training_images(self) -> "Dataset":
        """The same data set with the validation split trained on as well: all rows in the files' own order."""
        images = np.concatenate((self.validation.images, self.train.images))
        labels = np.concatenate((self.validation.labels, self.train.labels))
        return replace(self, train=Split(images, labels))


def load_dataset(folder: str | os.PathLike[str] | None) -> Dataset:
    """What a command's --data names: `load_folder` of a folder, `load_mnist` where none was named."""
    return load_mnist() if folder is None else load_folder(folder)


def load_mnist() -> Dataset:
    """The MNIST that comes with numnet: 55,000 + 5,000 + 10,000 images of 28 x 28, 10 classes.

    Raises DataError where a file is missing or a bit of it is not as published.
    """
    paths = [MNIST_FOLDER / f"{name}.gz" for name in FILES]
    with ThreadPoolExecutor() as pool:  # unpacking and hashing leave Python's lock, so the files overlap
        arrays = list(pool.map(_read_verified, paths, MNIST_SHA256))
    return _split("mnist", paths, arrays)


def load_folder(folder: str | os.PathLike[str]) -> Dataset:
    """Any data set in MNIST's form: four IDX files in one folder, raw or .gz, images of any size, up to 256 classes.

    folder : holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte,
        each with or without .gz; idx4 and a fourth dimension for colour

    Raises DataError where one is missing, damaged, of the wrong kind, or where they don't go together.
    """
    paths = [_find(Path(folder), name) for name in FILES]
    return _split(Path(folder).resolve().name, paths, [_read(path) for path in paths])


def _find(folder: Path, name: str) -> Path:
    """The file in `folder` that is called `name`, give or take what people's copies differ in."""
    try:
        there = sorted(entry.name for entry in folder.iterdir())
    except (OSError, ValueError) as error:  # ValueError: a name that no system takes
        reason = error.strerror if isinstance(error, OSError) else error
        wanted = ", ".join(FILES)
        raise DataError(f"{folder}: {reason}; expected a folder that holds {wanted} (or with .gz)") from error
    stem = name[: name.rindex("-idx")]
    for joint, digit, end in product("-.", "134", ("", ".gz")):
        if (entry := f"{stem}{joint}idx{digit}-ubyte{end}") in there:
            return folder / entry
    raise DataError(f"{folder}: no {name} (or with .gz) there; found {', '.join(there[:8]) or 'nothing'}")


def _read(path: Path) -> ByteArray:
    return read_idx(path, dtype=np.uint8, ndim=1) if "labels" in path.name else _read_images(path)


def _read_images(path: Path) -> ByteArray:
    array = read_idx(path, dtype=np.uint8)
    if array.ndim not in (3, 4):
        raise DataError(
            f"{path}: {array.ndim} dimensions; expected 3 (grey images) or 4 (colour): is it a labels file?"
        )
    return array


def _read_verified(path: Path, sha256: str) -> ByteArray:
    array = _read(path)
    if (found := idx_bytes_sha256(array)) != sha256:
        raise DataError(f"{path}: SHA-256 {found}, expected {sha256}: the file is damaged, install numnet again")
    return array


def _split(name: str, paths: list[Path], arrays: list[ByteArray]) -> Dataset:
    """The three splits of four arrays, after seeing that they go together."""
    images, labels, test_images, test_labels = arrays
    for i in (0, 2):
        _check_counts(paths[i], arrays[i], paths[i + 1], arrays[i + 1])
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{paths[2]}: images of {test_images.shape[1:]}; expected {images.shape[1:]} as in {paths[0].name}"
        )
    classes = int(labels.max()) + 1
    if classes < 2:
        raise DataError(f"{paths[1]}: every label is 0; expected at least two classes")
    if test_labels.max() >= classes:
        raise DataError(
            f"{paths[3]}: label {test_labels.max()} out of range; the training labels are 0 to {classes - 1}"
        )
    if len(labels) < VALIDATION_SHARE:
        raise DataError(
            f"{paths[0]}: {len(labels)} images; expected {VALIDATION_SHARE} or more, to hold one in twelve out"
        )
    held_out = len(labels) // VALIDATION_SHARE
    return Dataset(
        name,
        classes,
        train=Split(images[held_out:], labels[held_out:]),
        validation=Split(images[:held_out], labels[:held_out]),
        test=Split(test_images, test_labels),
    )


def _check_counts(images_path: Path, images: ByteArray, labels_path: Path, labels: ByteArray) -> None:
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: {len(labels):,} labels for {len(images):,} images in {images_path.name}")
    if not images.size:
        raise DataError(f"{images_path}: shape {images.shape}; expected at least one image with pixels")
