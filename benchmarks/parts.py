"""What a step of numnet's is made of: `python -m benchmarks.parts --net intended --threads T`.

Prints one JSON object: milliseconds of the step, of each call of a kernel in it, in order, with the floating-point
operations of those that are products, of what is between them, and of that what it takes to gather the batch; beside
them the peaks of the cores' multiply-adds, and the rates of a pass that changes as many bytes as Adam's and of one that
reads as many as there are weights. Times are medians over STEPS steps.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import nets
from benchmarks.peaks import fma_gflops, read_gigabytes, update_gigabytes
from benchmarks.rivals.numnet_numba import Rival

STEPS, WARM_UP = 300, 50
ADAM_VECTORS = 4  # w, dw, m, v


class Clocked:
    """A set of kernels each call of which is timed.

    calls : of each call since `calls` was emptied: the kernel's name, how many operations its product has, milliseconds
    """

    def __init__(self, kernels: Any) -> None:
        self._kernels, self.calls = kernels, list[tuple[str, int, float]]()

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self._kernels, name)

        def timed(*arguments: Any, **named: Any) -> None:
            began = time.perf_counter()
            kernel(*arguments, **named)
            took = time.perf_counter() - began
            self.calls.append((name, _flops(name, *arguments[:2]), 1e3 * took))

        return timed


def _flops(name: str, *factors: Any) -> int:
    """Of dense a @ b, a.T @ b or a @ b.T; 0 where the kernel is no product."""
    if not name.startswith("matmul"):
        return 0
    a, b = factors
    return int(2 * a.size * b.shape[0 if name == "matmul_bt" else 1])


def clock_kernels(rival: Rival) -> Clocked:
    """Have every kernel of a rival's timed."""
    clocked = Clocked(rival.network.kernels)
    for owner in (rival.network, rival.optimizer, rival.stream, *rival.network.layers):
        owner.kernels = clocked  # type: ignore[union-attr]
    return clocked


def clock_gathering(rival: Rival) -> list[float]:
    """Have it timed how long a batch takes to gather, kernels apart; a list that grows by as many milliseconds a step.

    The kernel in it must be timed already.
    """
    clocked: Clocked = rival.stream.kernels  # type: ignore[assignment]
    gather, gathered = rival.stream.batch, list[float]()

    def timed(step: int) -> Any:
        before, began = len(clocked.calls), time.perf_counter()
        batch = gather(step)
        took = 1e3 * (time.perf_counter() - began)
        gathered.append(took - sum(milliseconds for _, _, milliseconds in clocked.calls[before:]))
        return batch

    rival.stream.batch = timed  # type: ignore[method-assign]
    return gathered


def parts(net: str, threads: int, folder: Path) -> dict[str, Any]:
    """The medians."""
    rival = Rival(nets.of_recipe(net, folder), threads)
    clocked = clock_kernels(rival)
    rival.train(0, WARM_UP)
    gathered = clock_gathering(rival)
    megabytes = 4e-6 * rival.network.parameters.size / threads
    whole, calls, peaks, updates, reads = [], [], [], [], []
    for step in range(WARM_UP, WARM_UP + STEPS):
        clocked.calls.clear()
        began = time.perf_counter()
        rival.train(step, 1)
        whole.append(1e3 * (time.perf_counter() - began))
        calls.append([milliseconds for _, _, milliseconds in clocked.calls])
        if step % (STEPS // 10) == 0:
            peaks.append(fma_gflops(threads))
            updates.append(update_gigabytes(ADAM_VECTORS * megabytes, threads))
            reads.append(read_gigabytes(megabytes, threads))
    took = np.median(calls, axis=0)
    return {
        "step": float(np.median(whole)),
        "calls": [[name, flops, float(ms)] for (name, flops, _), ms in zip(clocked.calls, took, strict=True)],
        "between": float(np.median(np.array(whole) - np.sum(calls, axis=1))),
        "peak_gflops": float(np.median(peaks)),
        "gathering": float(np.median(gathered)),
        "update_gigabytes": float(np.median(updates)),
        "read_gigabytes": float(np.median(reads)),
        "parameters": int(rival.network.parameters.size),
    }


def main() -> None:
    """Print the object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=nets.NETS, default="tutorial")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    args = parser.parse_args()
    print(json.dumps(parts(args.net, args.threads, args.folder)))


if __name__ == "__main__":
    main()
