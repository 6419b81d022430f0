"""Climb the ladder: `python -m benchmarks.ladder --rounds R` prints a JSON line for each rung, product and round.

name, title, reason     of the rung; numbered as they stand, OpenBLAS being the reference
kind, shape, flops      of the product: out (M, N) = a (M, K) @ b (K, N), shape [M, K, N]
threads, round
seconds, gflops         of one product
peak_gflops             multiply-adds of as many threads, measured next to it
compile_seconds         of the first call, with numnet's cache of compiled kernels empty; next to nothing where a
                        product of the same types came before
assembly                counts of the hot loop, see assembly.py; null where there is none to look into
slice                   the part that was timed, the seconds being scaled up by the work; null for the whole
"""

import argparse
import json
import os
import tempfile


def main() -> None:
    """Give numnet an empty cache, which it looks for when it is imported, and climb."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMNET_CACHE"] = folder
        from benchmarks.ladder.climb import climb

        for line in climb(args.rounds):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
