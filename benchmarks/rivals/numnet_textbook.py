"""numnet with its textbook kernels: the very same step in plain NumPy, the products by NumPy's OpenBLAS."""

from benchmarks.rivals import numnet_numba


class Rival(numnet_numba.Rival):
    title = "NumPy (numnet's textbook kernels)"
    about = "plain NumPy, products by OpenBLAS"
    kernels = "textbook"

    def _use_threads(self, threads: int) -> None:
        """OpenBLAS has its threads from the environment."""
