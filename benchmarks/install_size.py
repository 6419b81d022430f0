"""What an install weighs: a package with everything that it requires, by the sizes that each one's metadata lists."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from benchmarks.samples import ROOT

PACKAGES = {
    "numnet": "numnet",
    "TensorFlow": "tensorflow-cpu",
    "PyTorch": "torch",
    "JAX": "jax",
    "scikit-learn": "scikit-learn",
}


def of(package: str) -> dict[str, Any]:
    """Megabytes and number of packages, which of them is the largest, and its own version."""
    closure = _closure(package)
    sizes = {name: _megabytes(found) for name, found in closure.items()}
    return {
        "megabytes": sum(sizes.values()), "packages": len(sizes), "largest": max(sizes, key=sizes.__getitem__),
        "version": closure[package].version,
    }  # fmt: skip


def _closure(package: str) -> dict[str, Distribution]:
    """A package and all that it requires without extras, as far as installed here."""
    found: dict[str, Distribution] = {}
    waiting = [package]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another system, or another Python
        required = [line for line in found[name].requires or [] if "extra ==" not in line]
        waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required]
    return found


def _megabytes(found: Distribution) -> float:
    """Of all files that an installed package lists; numnet, installed in place, lists none: its folder counts."""
    listed = (Path(str(found.locate_file(file))) for file in found.files or [])
    files = (ROOT / "numnet").rglob("*") if found.name == "numnet" else listed
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 1e6
