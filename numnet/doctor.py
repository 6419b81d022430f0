"""Look the installation over: `python -m numnet.doctor`. What it prints belongs into a bug report."""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numnet.console import Parser, command

if TYPE_CHECKING:
    import numpy as np

    from numnet.kernels import FloatArray

TEST_SECONDS = 2.0
SIDE = 28  # pixels: in a larger picture places near its end have too few digits behind the point
FEW = 64  # numbers at least in an answer for one image: of fewer the norm may happen to be next to nothing
CLOSE = 1e-5  # of the right result's norm: 600 roundings of a sum, 6e-8 up or down, come to 1.5e-6


def main(argv: Sequence[str] | None) -> int:
    """Print what numnet runs on and whether its kernels compute right; the exit code, 1 if they don't."""
    parser = Parser("numnet doctor", "Versions, CPU, threads, cache folder, and a self-test.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    args = parser.parse_args(argv)
    findings: dict[str, Any] = {}
    for look in (_versions, _machine, _kernels, _self_test):
        found = _found(look)
        findings |= found
        if not args.json:  # at once: the next may take the process down
            print("\n".join(f"{name.replace('_', ' '):<18} {value}" for name, value in found.items()), flush=True)
    if args.json:
        print(json.dumps(findings))
    return 0 if findings.get("self_test") == "passed" else 1


def _found(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a look finds; or that it fails, by whatever error, since that is what the doctor is asked for."""
    try:
        return look()
    except Exception as error:
        return {look.__name__.strip("_"): f"FAILED: {type(error).__name__}: {' '.join(str(error).split())}"}


def _versions() -> dict[str, Any]:
    return {
        "numnet": _version("numnet"),
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        **{name: _version(name) for name in ("numpy", "numba", "llvmlite", "pillow")},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"


def _machine() -> dict[str, Any]:
    return {"system": platform.platform(), "cpu": cpu_name()}


def cpu_name() -> str:
    """What the CPU calls itself, where the system tells; else its kind."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _kernels() -> dict[str, Any]:
    from numnet.kernels import jit, threads, vector

    fused = "fused" if vector.FUSED else "not fused"
    return {
        "vectors": f"{vector.LANES} floats in each of {vector.REGISTERS}, multiply-add {fused}",
        "threads": threads.max_threads(),
        "helpers": threads.helpers(),
        "threading_layer": "numnet's own",
        "kernel_cache": str(jit.cache_folder() or "none: kernels are compiled anew in each run"),
    }


def _self_test() -> dict[str, Any]:
    """Compiled kernels against the textbook in float64, on random numbers, and the speed of the products."""
    import numpy as np

    from numnet.kernels import load_kernels

    rng, kernels, exact = np.random.default_rng(0), load_kernels("numba"), load_kernels("textbook")
    checked, speeds, ends = 0, [0.0], math.inf
    while time.perf_counter() < ends or checked == 0:
        m, k, n = (int(size) for size in rng.integers(1, 600, 3))
        for name, arguments in (*_cases(rng, m, k, n), *_products(rng, 1, k, n + FEW)):
            right = [a.astype(float if a.dtype == np.float32 else a.dtype) for a in map(np.asarray, arguments)]
            getattr(exact, name)(*right)
            before = time.perf_counter()
            getattr(kernels, name)(*arguments)
            if name == "matmul" and arguments[0].all():
                speeds.append(2 * arguments[0].size * arguments[1].shape[1] / (time.perf_counter() - before) / 1e9)
            pairs = zip(arguments, right, strict=True)
            if not all(np.linalg.norm(np.subtract(a, b, dtype=float)) <= CLOSE * np.linalg.norm(b) for a, b in pairs):
                sizes = ", ".join(" x ".join(map(str, a.shape)) for a in right if a.ndim)
                return {"self_test": f"FAILED: {name} is wrong, for arrays of {sizes}"}
        checked += 1
        ends = min(ends, time.perf_counter() + TEST_SECONDS)  # the first round, which compiles, is not in it
    return {"self_test": "passed", "rounds_checked": checked, "gflops_at_best": round(max(speeds), 1)}


def _cases(rng: "np.random.Generator", m: int, k: int, n: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """A call of each kind of kernel: its name and arguments, arrays float32 or bytes."""
    import numpy as np

    x, y, out, bytes_ = _normal(rng, m, k), _normal(rng, m, k), _zeros(m, k), rng.integers(0, 256, (m, k), np.uint8)
    yield from _products(rng, m, k, n)
    yield "sum_rows", (x, _zeros(k))
    for name in ("relu", "tanh", "sigmoid"):
        yield name, (x, out)
        yield f"{name}_backward", (x, y, out)
    yield "scale_by_mask", (x, rng.random((m, k)) < 0.9, 1.1, out)
    yield "softmax_cross_entropy", (x, rng.integers(0, k, m), 1 / m, 0.1, _zeros(m), out)
    yield "sgd", (*(_normal(rng, m * k) for _ in range(3)), 0.1, 0.9)
    yield "adam", (*(_normal(rng, m * k) for _ in range(3)), _normal(rng, m * k) ** 2, 0.001, 0.9, 0.999, 1e-8)
    yield "shrink", (_normal(rng, m * k), 0.999)
    yield "approach", (_normal(rng, m * k), _normal(rng, m * k), 0.001)
    yield "sum_squares", (_normal(rng, m * k), np.zeros(FEW))
    yield "pixels_to_floats", (bytes_, out)
    pictures = rng.integers(0, 256, (m, SIDE, SIDE), np.uint8)
    affine, knots = np.float32(0.1) * _normal(rng, m, 2, 3), _normal(rng, m, 2, 7, 7)
    affine += np.eye(2, 3, dtype=np.float32)
    yield "distort", (pictures, affine, knots, _normal(rng, SIDE, 7), _normal(rng, SIDE, 7), _zeros(m, SIDE**2))


def _products(rng: "np.random.Generator", m: int, k: int, n: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The three products, of dense matrices and of mostly zeros."""
    x = _normal(rng, m, k)
    for a in (x, x * (rng.random((m, k)) < 0.2)):  # of an image's pixels about so many are not 0
        yield "matmul", (a, _normal(rng, k, n), _normal(rng, n), _zeros(m, n))
        yield "matmul_at", (a, _normal(rng, m, n), _zeros(k, n))
        yield "matmul_bt", (a, _normal(rng, n, k), _zeros(m, n))


def _normal(rng: "np.random.Generator", *shape: int) -> "FloatArray":
    import numpy as np

    return rng.standard_normal(shape).astype(np.float32)


def _zeros(*shape: int) -> "FloatArray":
    import numpy as np

    return np.zeros(shape, np.float32)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    command(main)
