"""Model files: what is in them is what went in, and nothing that was tampered with is ever read."""

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numnet.errors import CheckpointError, NonFiniteError
from numnet.nn.layers import Dense
from numnet.nn.network import Network
from numnet.training.checkpoint import decode, encode, load_model, read, snapshot
from numnet.training.outcome import Best
from numnet.training.recipes import find_recipe
from numnet.training.safe_file import previous_of, replace_file, sole_writer
from numnet.training.saving import save_model


def network(seed: int = 0) -> Network:
    return Network.mlp((12, 5, 3), dropout=0.25, seed=seed, kernels="textbook")


def content(**changes: Any) -> bytes:
    """A model file's bytes with another header, and a digest that is right."""
    whole = encode(snapshot(network()))
    with np.load(io.BytesIO(whole)) as members:
        header, parameters = json.loads(str(members["header"])), members["parameters"]
    members = {"header": np.array(json.dumps({**header, **changes.pop("header", {})})), "parameters": parameters}
    return packed({**members, **changes})


def packed(members: dict[str, Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of arrays whose comment is the digest of what is before it, made without numnet."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, array in members.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{name}.npy", file.getvalue())
        archive.comment = b"x" * 64
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def test_a_network_comes_back_with_every_bit_and_predicts_the_same(tmp_path: Path) -> None:
    saved = network(seed=3)
    save_model(saved, tmp_path / "m.npz")
    loaded = load_model(tmp_path / "m.npz", kernels="textbook")
    images = np.random.default_rng(0).random((4, 12), np.float32)
    assert loaded.parameters.tobytes() == saved.parameters.tobytes()
    assert loaded.predict(images).tobytes() == saved.predict(images).tobytes()
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in saved.layers]


def test_plain_numpy_opens_a_model_file(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as members:
        header = json.loads(str(members["header"]))
        assert members.files == ["header", "parameters"]
        assert members["parameters"].tobytes() == network().parameters.tobytes()
    assert header["format"] == 1
    assert header["architecture"]["sizes"] == [12, 5, 3]


def test_a_file_from_before_there_were_aids_is_of_a_run_without_them() -> None:
    recipe = find_recipe("strong").changed(hidden=(5,), dropout=(0.25,), weight_decay=0.0, label_smoothing=0.0)
    with np.load(io.BytesIO(encode(snapshot(network(), recipe=recipe, horizon=9)))) as members:
        header, parameters = json.loads(str(members["header"])), members["parameters"]
    younger = ["distortion", "warmup", "weight_decay", "label_smoothing", "average", "clip", "patience", "images"]
    for name in younger:
        del header["recipe"][name]
    del header["best"]
    old = decode(packed({"header": np.array(json.dumps(header)), "parameters": parameters}), "m.npz")
    assert old.recipe() == recipe
    assert old.best is None


def test_the_best_epoch_comes_back_and_is_what_the_network_is_used_with() -> None:
    best = Best(7, 0.5, 1.25, np.arange(83, dtype=np.float32))
    vectors = {"m": np.zeros(83, np.float32), "average": np.ones(83, np.float32)}
    found = decode(encode(snapshot(network(), vectors=vectors, best=best)), "m.npz")
    assert found.best is not None
    assert (found.best.step, found.best.accuracy, found.best.loss) == (7, 0.5, 1.25)
    np.testing.assert_array_equal(found.network("textbook").parameters, best.parameters)
    np.testing.assert_array_equal(found.network("textbook", to_train=True).parameters, network().parameters)
    averaged = decode(encode(snapshot(network(), vectors=vectors)), "m.npz")
    assert (averaged.network("textbook").parameters == 1).all()


def test_the_comment_is_the_digest_of_every_byte_before_it() -> None:
    whole = encode(snapshot(network()))
    assert zipfile.ZipFile(io.BytesIO(whole)).comment == whole[-64:]
    assert hashlib.sha256(whole[:-64]).hexdigest().encode() == whole[-64:]


def test_the_same_network_makes_the_same_bytes() -> None:
    assert encode(snapshot(network())) == encode(snapshot(network()))


def test_any_flipped_bit_is_refused() -> None:
    whole = encode(snapshot(network()))
    rng = random.Random(0)
    for place in rng.sample(range(8 * len(whole)), 2000):
        hurt = bytearray(whole)
        hurt[place // 8] ^= 1 << place % 8
        with pytest.raises(CheckpointError):
            decode(bytes(hurt), "m.npz")


def test_any_cut_and_any_addition_is_refused() -> None:
    whole = encode(snapshot(network()))
    for length in range(0, len(whole), 7):
        with pytest.raises(CheckpointError):
            decode(whole[:length], "m.npz")
    for more in (b"\0", whole, b"PK"):
        with pytest.raises(CheckpointError):
            decode(whole + more, "m.npz")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (b"", "not a model file"),
        (b"\x93NUMPY", "not a model file"),
        (packed({"header": np.array("{}")}), "not both there"),
        (content(header={"format": 2}), "format 2; expected 1"),
        (content(header={"more": 2}), "a header of"),
        (content(header={"step": -1}), "whole numbers"),
        (content(header={"step": 5, "horizon": 3}), "step at most horizon"),
        (content(header={"step": 1.5}), "whole numbers"),
        (content(parameters=np.zeros(3)), "expected float32"),
        (content(parameters=np.full(83, np.nan, np.float32)), "NaN or infinity"),
        (content(vector=np.zeros(83, np.float32)), "expected header, parameters, best and the optimizer"),
        (content(header={"architecture": {"sizes": [12, 6, 3]}}), "expected sizes, activation"),
        (content(header={"best": {"step": 1, "accuracy": 1.0, "loss": 0.5}}), "best is in the header or among"),
        (content(header={"best": {"step": 1}}), "expected step, accuracy, loss"),
        (content(best=np.zeros(83, np.float32)), "best is in the header or among"),
        (content(header={"data": 5}), "data 5 is not of the kind"),
        (content(header={"recipe": []}), "expected name, about"),
        (content(**{"optimizer.m": np.zeros(82, np.float32)}), "all of one length"),
        (
            packed({"header": np.array([{}], dtype=object), "parameters": np.zeros(3, np.float32)}),
            "not as a model file",
        ),
        (packed({"header": np.array("{}"), "parameters": np.zeros(9)}, zipfile.ZIP_DEFLATED), "compressed"),
    ],
)
def test_what_is_no_model_file_is_refused_whatever_its_digest(made: bytes, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        decode(made, "m.npz")


ARCHITECTURE = {"sizes": [12, 5, 3], "activation": "relu", "dropout": [0.25], "initializer": "he", "bias": 0.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": [12, 6, 3]}, "83 parameters for a network of 99"),
        ({"sizes": [12, 2**40, 3]}, "83 parameters for a network of"),  # told before any of it is built
        ({"sizes": [12, "5", 3]}, "sizes .* is not of the kind"),
        ({"sizes": 5}, "sizes 5 is not of the kind"),
        ({"activation": "swish"}, "an architecture that this version doesn't know: unknown activation"),
        ({"initializer": "ones"}, "an architecture that this version doesn't know"),
        ({"dropout": []}, "drop rates"),
        ({"bias": "x"}, "bias 'x' is not of the kind"),
        ({"bias": float("inf")}, "bias inf is not of the kind"),
        ({"dtype": "float64"}, "expected sizes, activation"),
    ],
)
def test_a_header_for_another_network_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    (tmp_path / "m.npz").write_bytes(content(header={"architecture": {**ARCHITECTURE, **change}}))
    with pytest.raises(CheckpointError, match=words):
        load_model(tmp_path / "m.npz", kernels="textbook")


def test_members_that_lie_over_one_another_are_refused_before_they_are_read() -> None:
    """A zip whose directory names the same bytes many times would grow a thousandfold in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("header", "parameters", *(f"optimizer.{letter}" for letter in "abcdefgh")):
            archive.writestr(f"{name}.npy", b"\0" * 500 if name == "parameters" else b"")
        for member in archive.infolist():
            member.header_offset, member.file_size, member.compress_size, member.CRC = 0, 500, 500, 0
        archive.comment = b"x" * 64
    body = buffer.getvalue()[:-64]
    with pytest.raises(CheckpointError, match="lie over one another"):
        decode(body + hashlib.sha256(body).hexdigest().encode(), "m.npz")


def test_a_network_that_is_not_finite_or_not_ours_is_not_saved(tmp_path: Path) -> None:
    broken = network()
    broken.parameters[7] = np.inf
    with pytest.raises(NonFiniteError, match="parameters holds NaN or infinity"):
        save_model(broken, tmp_path / "m.npz")
    with pytest.raises(CheckpointError, match="layers of your own"):
        save_model(Network([Dense(3, 2)], 3, kernels="textbook"), tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_the_file_before_is_kept_and_named_when_the_file_is_hurt(tmp_path: Path) -> None:
    file = tmp_path / "m.npz"
    save_model(network(seed=1), file)
    save_model(network(seed=2), file)
    assert read(previous_of(file)).network("textbook").seed == 0
    assert read(previous_of(file)).parameters.tobytes() == network(seed=1).parameters.tobytes()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"the one before is whole: .*m\.previous\.npz"):
        read(file)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("missing.npz", "No such file"),
        ("folder", "Is a directory"),
        ("a\0b", "null"),
        ("pipe", "no ordinary file"),
        ("/dev/zero", "no ordinary file"),
        ("/", "Is a directory"),
    ],
)
def test_what_is_no_ordinary_file_is_named_and_not_waited_for(tmp_path: Path, wrong: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path / wrong)


@pytest.mark.parametrize("wrong", [".", "", "/", "folder"])
def test_a_folder_is_no_name_to_save_under(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="expected the name of a file"):
        save_model(network(), wrong)
    with pytest.raises(IsADirectoryError):
        replace_file(Path(wrong), b"", keep_previous=False)


def test_a_link_is_followed_and_one_laid_in_the_way_is_not(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "m.npz").symlink_to(tmp_path / "disk" / "real.npz")
    save_model(network(seed=1), tmp_path / "m.npz")
    assert (tmp_path / "m.npz").is_symlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "disk" / "real.npz.part").symlink_to(victim)
    save_model(network(seed=2), tmp_path / "m.npz")
    assert victim.read_text() == "precious"
    assert read(tmp_path / "disk" / "real.previous.npz").parameters.tobytes() == network(seed=1).parameters.tobytes()


def test_what_is_no_whole_model_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a network")
    with pytest.raises(CheckpointError, match="what is no whole model file"):
        save_model(network(), tmp_path / "notes.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_who_may_read_a_file_stays_as_it_was(tmp_path: Path) -> None:
    save_model(network(), tmp_path / "m.npz")
    (tmp_path / "m.npz").chmod(0o600)
    save_model(network(seed=1), tmp_path / "m.npz")
    assert (tmp_path / "m.npz").stat().st_mode & 0o777 == 0o600


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "m.npz"
    program = (
        f"from numnet.training.safe_file import *\nwith sole_writer(Path({str(file)!r})): print(1, flush=True); input()"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdout.readline() == b"1\n"
    with pytest.raises(CheckpointError, match="another run is writing it"), sole_writer(file):
        pass
    other.kill()  # as hard as can be: the lock goes with the process
    other.communicate()
    with sole_writer(file):
        pass
    assert list(tmp_path.iterdir()) == []


KILLS = int(os.environ.get("NUMNET_KILLS", "8"))
WRITER = """
import sys
from pathlib import Path
import numpy as np
from numnet.nn.network import Network
from numnet.training.saving import save_model
network = Network.mlp((400, 400, 10), kernels="textbook")
for count in range(10**6):
    network.parameters[:] = count
    save_model(network, Path(sys.argv[1]))
    print(count, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is for Unix")
def test_killed_while_saving_the_file_is_the_last_one_or_the_one_before(tmp_path: Path) -> None:
    """The writer counts: all numbers of a file are one number, that of the last save that ended or the next."""
    file, rng = tmp_path / "m.npz", random.Random(1)
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(rng.random() * 0.1)
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split()
        finished = int(rest[-1]) if rest else 0
        parameters = read(file).parameters
        assert (parameters == parameters[0]).all()
        assert parameters[0] in (finished, finished + 1)
