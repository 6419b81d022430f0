"""Model files: a network, and all that its run needs to go on, in one .npz that plain NumPy opens.

    header       str (), JSON: what Header lists
    parameters   float32 (P,)
    optimizer.m, optimizer.v, …   float32 (P,), the optimizer's vectors

Members are stored, not compressed. The archive's comment, its last 64 bytes, is the hex SHA-256 of every byte before
it. That is checked before anything is parsed, so a flipped bit, a cut or an addition is refused, whatever it would
have done to the network.
"""

import hashlib
import io
import json
import platform
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from numnet.data.datasets import Dataset
from numnet.errors import CheckpointError, NonFiniteError, RecipeError
from numnet.kernels import FloatArray, load_kernels
from numnet.nn.network import Network
from numnet.training.recipes import Recipe
from numnet.training.safe_file import previous_of, replace_file
from numnet.version import __version__

FORMAT = 1  # raised when a reader of the older files could misread the new ones
DIGEST = 64  # hex digits of a SHA-256
MOST_BYTES = 2**32  # of a model file: no network of dense layers that this program trains comes near
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


@dataclass(frozen=True)
class Checkpoint:
    """A network at one moment of a run.

    parameters : float32 (P,)
    vectors : the optimizer's, by name, float32 (P,) each; none where there is nothing to go on with
    """

    header: Header
    parameters: FloatArray
    vectors: dict[str, FloatArray]

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
        except (TypeError, RecipeError) as error:
            raise CheckpointError(f"a recipe that this version doesn't know: {error}") from error
        return recipe

    def network(self, kernels: str = "numba") -> Network:
        """The network, computing with either set of kernels; raises CheckpointError where the header fits none."""
        load_kernels(kernels)  # what is wrong with them is not the file's fault
        try:
            network = Network.mlp(**self.header.architecture, seed=self.header.seed, kernels=kernels)
        except (TypeError, RecipeError) as error:
            raise CheckpointError(f"an architecture that this version doesn't know: {error}") from error
        if network.parameters.shape != self.parameters.shape:
            raise CheckpointError(f"{len(self.parameters):,} parameters for a network of {len(network.parameters):,}")
        network.parameters[:] = self.parameters
        return network


def data_sha256(dataset: Dataset) -> str:
    """SHA-256, in hex, of what a run trains on: the bytes of the training images, then of their labels."""
    digest = hashlib.sha256(np.ascontiguousarray(dataset.train.images).data)
    digest.update(np.ascontiguousarray(dataset.train.labels).data)
    return digest.hexdigest()


def snapshot(
    network: Network,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    step: int = 0,
    horizon: int = 0,
    data: dict[str, str] | None = None,
    vectors: dict[str, FloatArray] | None = None,
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
    )
    return Checkpoint(header, network.parameters, vectors or {})


def save_model(network: Network, file: str | Path) -> None:
    """Keep a network in a model file; what `file` was before is kept beside it, as m.previous.npz.

    Raises CheckpointError for a network with layers of your own, NonFiniteError where a parameter is NaN or infinite,
    OSError where it can't be written; then `file` is as it was.
    """
    write(snapshot(network), Path(file), keep_previous=True)


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
        raise CheckpointError(f"{error}{_way_out(path)}") from error.__cause__


def _way_out(path: Path) -> str:
    """What a message about a hurt file ends with."""
    try:
        decode(_bytes_of(previous_of(path)), "")
    except CheckpointError:
        return ""
    return f"; the one before is whole: {previous_of(path)}"


def _bytes_of(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise CheckpointError(f"{path}: {path.stat().st_size:,} bytes; expected a model file, which is smaller")
        return path.read_bytes()
    except OSError as error:
        hint = "" if path.exists() else "; make one with: python -m numnet.train --save FILE"
        raise CheckpointError(f"{path}: {error.strerror}{hint}") from error
    except ValueError as error:  # a name that no system takes
        raise CheckpointError(f"{str(path)!r}: {error}") from error


def encode(checkpoint: Checkpoint) -> bytes:
    """The bytes of a model file: the same for the same checkpoint.

    Raises NonFiniteError where a number is NaN or infinite: such a network is no use, and would replace one that is.
    """
    arrays = {"parameters": checkpoint.parameters}
    arrays |= {f"optimizer.{name}": vector for name, vector in checkpoint.vectors.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise NonFiniteError(
                f"{name} holds NaN or infinity after step {checkpoint.header.step}, so it is not saved"
            )
    header = np.array(json.dumps(asdict(checkpoint.header)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"header": header, **arrays}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, _little_endian(array), allow_pickle=False)
        archive.comment = b"0" * DIGEST  # so that the length field before it is right
    body = buffer.getvalue()[:-DIGEST]
    return body + hashlib.sha256(body).hexdigest().encode()


def _little_endian(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def decode(content: bytes, name: str) -> Checkpoint:
    """The checkpoint in the bytes of a model file; `name` is what messages call it.

    Raises CheckpointError unless every byte is as it was written and everything in it is as it must be.
    """
    body, digest = content[:-DIGEST], content[-DIGEST:]
    if body[:2] != b"PK":
        raise CheckpointError(f"{name}: not a model file; expected one that numnet.train --save wrote")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise CheckpointError(f"{name}: damaged, or not a numnet model: its bytes don't match the checksum at its end")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise CheckpointError(f"{name}: compressed members; expected stored ones")
        with np.load(io.BytesIO(content), allow_pickle=False) as members:
            arrays = {member: members[member] for member in members.files}
        return _checked(arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error
    except Exception as error:  # whatever zipfile and NumPy raise over a file that somebody else made
        raise CheckpointError(f"{name}: not as a model file is built ({error})") from error


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
    vectors = {name.removeprefix("optimizer."): array for name, array in arrays.items() if name != "parameters"}
    if any(not name.startswith("optimizer.") for name in arrays if name != "parameters"):
        raise CheckpointError(f"members {', '.join(arrays)}; expected parameters and the optimizer's vectors")
    return Checkpoint(header, parameters.astype(np.float32, copy=False), vectors)


def _header(text: str) -> Header:
    """The header, each field there and of its kind."""
    values = json.loads(text)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else values
        raise CheckpointError(f"format {found}; expected {FORMAT}: made by another version of numnet")
    if set(values) != {field.name for field in fields(Header)}:
        raise CheckpointError(f"a header of {', '.join(values)}; expected {', '.join(f.name for f in fields(Header))}")
    header = Header(**values)
    numbers = (header.seed, header.step, header.horizon)
    if any(type(number) is not int or number < 0 for number in numbers) or header.step > header.horizon:
        raise CheckpointError(f"seed, step and horizon {numbers}; expected whole numbers, step at most horizon")
    return header
