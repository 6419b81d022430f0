"""Model files: a network, and all that its run needs to go on, in one .npz that plain NumPy opens.

    header       str (), JSON: what Header lists
    parameters   float32 (P,)
    optimizer.m, optimizer.v, …   float32 (P,), the optimizer's vectors
    best         float32 (P,), the parameters of the run's best epoch, where it looks for one

`parameters` are those that the run goes on from. Whoever uses the network, to predict, say, takes `best` where it is
there, else `optimizer.average`, their running mean, where that is there, else `parameters` (outcome.py).

Members are stored, not compressed. The archive's comment, its last 64 bytes, is the hex SHA-256 of every byte before
it. That is checked before anything is parsed, so a flipped bit, a cut or an addition is refused, whatever it would
have done to the network.
"""

import hashlib
import io
import json
import math
import os
import platform
import re
import stat
import zipfile
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from numnet.errors import CheckpointError, DamagedError, NonFiniteError, RecipeError
from numnet.kernels import FloatArray, load_kernels
from numnet.nn.network import Network
from numnet.training.outcome import Best, outcome
from numnet.training.recipes import Recipe
from numnet.training.safe_file import previous_of, replace_file
from numnet.version import __version__

FORMAT = 1  # raised when a reader of the older files could misread the new ones
DIGEST = 64  # hex digits of a SHA-256
MOST_BYTES = 2**34  # of a model file: no network of dense layers that this program trains comes near
MEMBERS = re.compile(r"(header|parameters|best|optimizer\.[a-z]+)\.npy")
PREPROCESSING = {"pixels": "0..1, ink bright on black", "longer_side": 20, "centre_of_mass": 14.0}


@dataclass(frozen=True)
class Header:
    """What a model file says about its network.

    architecture : the arguments of Network.mlp
    recipe, seed : what the run was given; recipe is None for a network that was saved without a run
    step, horizon : how many steps were taken, and of how many in all
    preprocessing : what the network expects of an image
    versions : of Python, NumPy and numnet, and the machine's kind
    kernels : the set that trained it
    data : name and SHA-256 of what it was trained on
    best : step, accuracy and loss of `best`; None where there is none, as in files from before it could be
    """

    format: int
    architecture: dict[str, Any]
    recipe: dict[str, Any] | None
    seed: int
    step: int
    horizon: int
    preprocessing: dict[str, Any]
    versions: dict[str, str]
    kernels: str
    data: dict[str, str]
    best: dict[str, Any] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A network at one moment of a run.

    parameters : float32 (P,)
    vectors : the optimizer's, by name, float32 (P,) each; none where there is nothing to go on with
    best : the best epoch so far, where the run looks for it
    """

    header: Header
    parameters: FloatArray
    vectors: dict[str, FloatArray]
    best: Best | None = None

    def recipe(self) -> Recipe:
        """The recipe of the run; raises CheckpointError where there was none."""
        if self.header.recipe is None:
            raise CheckpointError("the model was saved without a run, so there is none to resume")
        numbers: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.header.recipe.items()
        }
        try:
            recipe = Recipe(**numbers)
            recipe.check()
            if recipe.architecture(self.header.architecture["sizes"]) != self.header.architecture:
                raise RecipeError("it makes another network than the file's")
        except (TypeError, RecipeError) as error:
            raise CheckpointError(f"a recipe that this version doesn't know: {error}") from error
        return recipe

    def so_far(self) -> dict[str, Any]:
        """The keyword arguments of `fit` with which it goes on with the run."""
        return {"taken": self.header.step, "vectors": self.vectors, "best": self.best}

    def network(self, kernels: str = "numba", *, to_train: bool = False) -> Network:
        """The network, computing with either set of kernels; raises CheckpointError where the header fits none.

        to_train : with the parameters that the run goes on from, not those that it is to be used with
        """
        load_kernels(kernels)  # what is wrong with them is not the file's fault
        try:
            network = Network.mlp(**self.header.architecture, seed=self.header.seed, kernels=kernels)
        except RecipeError as error:
            raise CheckpointError(f"an architecture that this version doesn't know: {error}") from error
        network.parameters[:] = self.parameters if to_train else outcome(self.parameters, self.vectors, self.best)
        return network


def snapshot(
    network: Network,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    step: int = 0,
    horizon: int = 0,
    data: dict[str, str] | None = None,
    vectors: dict[str, FloatArray] | None = None,
    best: Best | None = None,
) -> Checkpoint:
    """A network and its run at this moment; arrays are not copied.

    Raises CheckpointError for a network that was not made by Network.mlp or a recipe.
    """
    if network.architecture is None:
        raise CheckpointError("a network with layers of your own: only one made by Network.mlp can be saved")
    header = Header(
        FORMAT,
        network.architecture,
        None if recipe is None else asdict(recipe),
        seed,
        step,
        horizon,
        PREPROCESSING,
        {
            "numnet": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        },
        network.kernels_name,
        data or {},
        {"step": best.step, "accuracy": best.accuracy, "loss": best.loss} if best else None,
    )
    return Checkpoint(header, network.parameters, vectors or {}, best)


def load_model(file: str | Path, kernels: str = "numba") -> Network:
    """The network of a model file, "numba" or "textbook"; raises CheckpointError where the file is damaged or none."""
    return read(Path(file)).network(kernels)


def write(checkpoint: Checkpoint, path: Path, *, keep_previous: bool) -> None:
    """Write a model file, wholly or not at all."""
    replace_file(path, encode(checkpoint), keep_previous=keep_previous)


def read(path: Path) -> Checkpoint:
    """Read a model file.

    Raises CheckpointError where it is missing, damaged, of another version, or not one; the message names the previous
    good one, where there is one.
    """
    try:
        return decode(_bytes_of(path), str(path))
    except CheckpointError as error:
        raise type(error)(f"{error}{_way_out(path)}") from error.__cause__


def _way_out(path: Path) -> str:
    """What a message about a hurt file ends with."""
    try:
        previous = previous_of(path)
        decode(_bytes_of(previous), "")
    except (CheckpointError, OSError):
        return ""
    return f"; the one before is whole: {previous}"


def _bytes_of(path: Path) -> bytes:
    """All of a file; a device or a pipe, which may have no end, is refused, and what is no zip is not read."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise CheckpointError(f"{path}: no ordinary file, or too large; expected a model file")
            return file.read(status.st_size) if file.peek(2)[:2] == b"PK" else b""
    except FileNotFoundError as error:
        raise DamagedError(f"{path}: {error.strerror}; make one with: python -m numnet.train --save FILE") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a name that no system takes
        raise CheckpointError(f"{str(path)!r}: {error}") from error


def encode(checkpoint: Checkpoint) -> bytes:
    """The bytes of a model file: the same for the same checkpoint.

    Raises NonFiniteError where a number is NaN or infinite: such a network is no use, and would replace one that is.
    """
    arrays = {"parameters": checkpoint.parameters}
    arrays |= {f"optimizer.{name}": vector for name, vector in checkpoint.vectors.items()}
    arrays |= {"best": checkpoint.best.parameters} if checkpoint.best else {}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise NonFiniteError(
                f"{name} holds NaN or infinity after step {checkpoint.header.step}, so it is not saved"
            )
    header = np.array(json.dumps(asdict(checkpoint.header)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"header": header, **arrays}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, _little_endian(array), allow_pickle=False)
        archive.comment = b"0" * DIGEST  # so that the length field before it is right
    with buffer.getbuffer() as content:  # in place: a copy would be the run's peak of memory
        content[-DIGEST:] = hashlib.sha256(content[:-DIGEST]).hexdigest().encode()
    return buffer.getvalue()


def _little_endian(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def decode(content: bytes, name: str) -> Checkpoint:
    """The checkpoint in the bytes of a model file; `name` is what messages call it.

    Raises CheckpointError unless every byte is as it was written and everything in it is as it must be.
    """
    body, digest = content[:-DIGEST], content[-DIGEST:]
    if body[:2] != b"PK":
        raise DamagedError(f"{name}: not a model file; expected one that numnet.train --save wrote")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise DamagedError(f"{name}: damaged, or not a numnet model: its bytes don't match the checksum at its end")
    try:
        return _checked(_members(content))
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error
    except Exception as error:  # whatever zipfile and NumPy raise over a file that somebody else made
        raise CheckpointError(f"{name}: not as a model file is built ({error!s:.80})") from error


def _members(content: bytes) -> dict[str, Any]:
    """The arrays in a file; none is read before it is known that together they are no larger than the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise CheckpointError("compressed members; expected stored ones")
    names = [member.filename for member in members]
    if len(set(names)) != len(names) or not all(MEMBERS.fullmatch(name) for name in names):
        raise CheckpointError(f"members {names!s:.80}; expected header, parameters, best and the optimizer's vectors")
    if sum(member.file_size for member in members) > len(content):
        raise CheckpointError("members that lie over one another")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _checked(arrays: dict[str, Any]) -> Checkpoint:
    """A checkpoint of the members of a file; raises CheckpointError for one too many, too few, or of another kind."""
    if not {"header", "parameters"} <= set(arrays):
        raise CheckpointError("no model file: header and parameters are not both there")
    header = _header(str(arrays.pop("header")))
    parameters = arrays["parameters"]
    for name, array in arrays.items():
        if array.dtype != np.dtype("<f4") or array.shape != parameters.shape or array.ndim != 1:
            raise CheckpointError(f"{name} is {array.dtype} {array.shape}; expected float32 (P,), all of one length")
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name} holds NaN or infinity")
    sizes = header.architecture["sizes"]
    if (expected := sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))) != len(parameters):
        raise CheckpointError(f"{len(parameters):,} parameters for a network of {expected:,}")
    found = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    vectors = {name.removeprefix("optimizer."): found[name] for name in found if name.startswith("optimizer.")}
    if (header.best is None) != ("best" not in found):
        raise CheckpointError("best is in the header or among the members, and not in both")
    best = Best(parameters=found["best"], **header.best) if header.best else None
    return Checkpoint(header, found["parameters"], vectors, best)


def _header(text: str) -> Header:
    """The header, each field there and of its kind."""
    values = json.loads(text)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else values
        raise CheckpointError(f"format {found!r:.40}; expected {FORMAT}: made by another version of numnet")
    values.setdefault("best", None)  # younger than the format, as some of a recipe's numbers are
    if set(values) != {field.name for field in fields(Header)}:
        expected = ", ".join(field.name for field in fields(Header))
        raise CheckpointError(f"a header of {list(values)!s:.80}; expected {expected}")
    header = Header(**values)
    numbers = (header.seed, header.step, header.horizon)
    if any(type(number) is not int or not 0 <= number < 2**64 for number in numbers) or header.step > header.horizon:
        raise CheckpointError(f"seed, step and horizon {numbers!r:.80}; expected whole numbers, step at most horizon")
    checked = {"kernels": header.kernels, "data": header.data, "versions": header.versions}
    check_kinds(checked, {"kernels": str, "data": dict, "versions": dict})
    check_kinds(header.architecture, ARCHITECTURE_KINDS)
    if header.best is not None:
        check_kinds(header.best, BEST_KINDS)
    return replace(header, recipe=_recipe(header.recipe))


def _recipe(values: Any) -> dict[str, Any] | None:
    """A recipe's numbers, each there and of its kind; those that are younger than the file are as they were then."""
    if values is None:
        return None
    if isinstance(values, dict):
        values = {**{field.name: field.default for field in fields(Recipe) if field.name in YOUNGER}, **values}
    check_kinds(values, RECIPE_KINDS)
    return dict(values)


def check_kinds(values: Any, kinds: dict[str, Any]) -> None:
    """Raises CheckpointError unless a dict has the keys of `kinds` and each value is of the kind there.

    A kind is a type, a tuple of types, or [type] for a list of such; a float may be whole, and is finite.
    """
    if not isinstance(values, dict) or set(values) != set(kinds):
        raise CheckpointError(f"{values!r:.80}; expected {', '.join(kinds)}")
    for name, kind in kinds.items():
        found = values[name] if isinstance(kind, list) else [values[name]]
        wanted = kind[0] if isinstance(kind, list) else kind
        if not isinstance(found, list) or not all(_is_a(item, wanted) for item in found):
            raise CheckpointError(f"{name} {values[name]!r:.40} is not of the kind that it must be")


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        return False
    return not isinstance(value, float) or math.isfinite(value)


ARCHITECTURE_KINDS = {"sizes": [int], "activation": str, "dropout": [float], "initializer": str, "bias": float}
BEST_KINDS = {"step": int, "accuracy": float, "loss": float}
YOUNGER = {  # than the format: a file without them is of a run without them
    "distortion": float,
    "warmup": int,
    "weight_decay": float,
    "label_smoothing": float,
    "average": float,
    "clip": float,
    "patience": int,
    "images": str,
}
RECIPE_KINDS = {
    "name": str,
    "about": str,
    "hidden": [int],
    "activation": str,
    "dropout": [float],
    "initializer": str,
    "bias": float,
    "optimizer": str,
    "learning_rate": float,
    "schedule": str,
    "batch_size": int,
    "steps": (int, NoneType),
    "epochs": (int, float, NoneType),
    **YOUNGER,
}
