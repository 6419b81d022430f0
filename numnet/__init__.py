"""numnet: a neural network written from scratch, to learn from, to train with, and to measure others against.

Shape letters, in every docstring of the package:

    N examples of a data set    B examples of a batch    D inputs of a layer    H outputs of a layer
    C classes                   P parameters             M, K, N in a bare product

Arrays are written `float32 (B, D)`: the type, then the shape. A gradient is its variable with `d` in front and
has its variable's shape: dx, dw, db, dlogits.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from numnet.version import __version__

if TYPE_CHECKING:
    from numnet.data.datasets import Dataset, Split, load_folder, load_mnist
    from numnet.data.image import see
    from numnet.errors import NumnetError
    from numnet.explain.certificate import Certificate
    from numnet.explain.gradcheck import gradcheck
    from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh
    from numnet.nn.network import Network
    from numnet.training.callbacks import BatchLog, Callback, History, ProgressBar, Run, Validation
    from numnet.training.checkpoint import load_model
    from numnet.training.loop import fit
    from numnet.training.metrics import evaluate
    from numnet.training.saving import save_model

# Where each public name lives; loaded when it is first asked for, so that `import numnet` costs next to nothing.
_HOMES = {
    "numnet.data.datasets": ("Dataset", "Split", "load_folder", "load_mnist"),
    "numnet.data.image": ("see",),
    "numnet.errors": ("NumnetError",),
    "numnet.explain.certificate": ("Certificate",),
    "numnet.explain.gradcheck": ("gradcheck",),
    "numnet.nn.layers": ("Dense", "Dropout", "Layer", "ReLU", "Sigmoid", "Tanh"),
    "numnet.nn.network": ("Network",),
    "numnet.training.callbacks": ("BatchLog", "Callback", "History", "ProgressBar", "Run", "Validation"),
    "numnet.training.checkpoint": ("load_model",),
    "numnet.training.loop": ("fit",),
    "numnet.training.metrics": ("evaluate",),
    "numnet.training.saving": ("save_model",),
}

__all__ = [
    "BatchLog",
    "Callback",
    "Certificate",
    "Dataset",
    "Dense",
    "Dropout",
    "History",
    "Layer",
    "Network",
    "NumnetError",
    "ProgressBar",
    "ReLU",
    "Run",
    "Sigmoid",
    "Split",
    "Tanh",
    "Validation",
    "__version__",
    "evaluate",
    "fit",
    "gradcheck",
    "load_folder",
    "load_mnist",
    "load_model",
    "save_model",
    "see",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'numnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
