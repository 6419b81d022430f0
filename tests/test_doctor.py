"""The doctor: what it says of this machine, and that it finds what is wrong."""

import json
import os
import platform
from collections.abc import Callable
from subprocess import CompletedProcess
from types import SimpleNamespace

import numpy as np
import pytest

import numnet.kernels
from numnet import doctor
from numnet.kernels import textbook


@pytest.mark.slow
def test_the_doctor_passes_this_machine_and_says_what_it_is(
    numnet_command: Callable[..., CompletedProcess[str]],
) -> None:
    run = numnet_command("-m", "numnet.doctor", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    findings = json.loads(run.stdout)
    assert findings["self_test"] == "passed"
    assert findings["rounds_checked"] >= 1
    assert findings["threading_layer"] == "numnet's own"
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":
        assert findings["helpers"] == findings["threads"] - 1
    assert findings["python"].startswith(platform.python_version())


KERNELS = [
    "matmul", "matmul_at", "matmul_bt", "sum_rows", "relu", "relu_backward", "tanh", "tanh_backward", "sigmoid",
    "sigmoid_backward", "scale_by_mask", "softmax_cross_entropy", "sgd", "adam", "shrink", "approach",
    "sum_squares", "pixels_to_floats", "distort",
]  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("only_of_zeros", [False, True])
def test_the_doctor_names_the_kernel_that_is_wrong(
    name: str, only_of_zeros: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number of a result is a hundredth off: always, or where most of a product's first operand is 0."""

    def spoiled(*arguments: np.ndarray) -> None:
        getattr(textbook, name)(*arguments)
        if not only_of_zeros or (arguments[0] == 0).mean() > 0.7:
            result = arguments[0] if name in ("adam", "sgd", "shrink", "approach") else arguments[-1]
            result[np.unravel_index(abs(result).argmax(), result.shape)] *= 1.01

    bad = SimpleNamespace(**{**vars(textbook), name: spoiled})
    monkeypatch.setattr(numnet.kernels, "load_kernels", lambda kind: bad if kind == "numba" else textbook)
    monkeypatch.setattr(doctor, "TEST_SECONDS", 0)
    found = doctor._self_test()["self_test"]
    if only_of_zeros and not name.startswith("matmul"):
        assert found == "passed"
    else:
        assert found.startswith(f"FAILED: {name} is wrong, for arrays of ")


def test_the_doctor_says_what_it_found_before_something_broke(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(kind: str) -> None:
        raise ImportError("no such library\nhere")

    monkeypatch.setattr(numnet.kernels, "load_kernels", broken)
    assert doctor.main([]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("numnet ")
    assert said[-1].split(maxsplit=2) == ["self", "test", "FAILED: ImportError: no such library here"]
