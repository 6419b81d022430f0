"""Look the installation over: `python -m numnet.doctor`. What it prints belongs into a bug report."""

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from numnet.console import Parser, command

TEST_SECONDS = 2.0


def main(argv: Sequence[str] | None) -> int:
    """Print what numnet runs on and whether its kernels compute right; the exit code, 1 if they don't."""
    parser = Parser("numnet doctor", "Versions, CPU, threads, cache folder, and a self-test of two seconds.")
    parser.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")
    args = parser.parse_args(argv)
    findings = {**_versions(), **_machine(), **_kernels(), **_self_test()}
    if args.json:
        print(json.dumps(findings))
    else:
        print("\n".join(f"{name.replace('_', ' '):<18} {value}" for name, value in findings.items()))
    return 0 if findings["self_test"] == "passed" else 1


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
        "kernel_cache": str(jit.cache_folder() or "none: kernels are compiled anew in each run"),
    }


def _self_test() -> dict[str, Any]:
    """Products of random matrices, compiled against NumPy in float64, for two seconds; and how fast they were."""
    import numpy as np

    from numnet.kernels import load_kernels

    rng, kernels = np.random.default_rng(0), load_kernels("numba")
    checked, speeds, started = 0, [], time.perf_counter()
    while time.perf_counter() - started < TEST_SECONDS or checked < 2:
        m, k, n = (int(size) for size in rng.integers(1, 600, 3))
        a, b, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((m, k), (k, n), (n,)))
        out = np.empty((m, n), np.float32)
        before = time.perf_counter()
        kernels.matmul(a, b, bias, out)
        speeds.append(2 * m * k * n / (time.perf_counter() - before) / 1e9)
        bound = 4 * (k + 1) * np.finfo(np.float32).eps * (abs(a).astype(float) @ abs(b) + abs(bias))
        if not (abs(out - (a.astype(float) @ b + bias)) <= bound).all():
            return {"self_test": f"FAILED: a product of {m}x{k} and {k}x{n} is wrong"}
        checked += 1
    return {
        "threading_layer": "numnet's own",
        "self_test": "passed",
        "products_checked": checked,
        "gflops_at_best": round(max(speeds), 1),
    }


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    command(main)
