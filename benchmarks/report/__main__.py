"""Write docs/benchmark.md, docs/ladder.md and their plots from the samples: `python -m benchmarks.report`.

With `--readme` the README's summary goes to stdout instead; docs/figures.py puts it in its place. With `--of FOLDER`
the page of other samples does.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.report import ladder
from benchmarks.report.page import page
from benchmarks.report.readme import summary
from benchmarks.report.rows import Results
from benchmarks.samples import RESULTS, ROOT, Store


def main() -> int:
    """Write the pages; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true", help="print the README's summary and write nothing")
    parser.add_argument("--of", type=Path, default=RESULTS, help="the folder with the samples")
    args = parser.parse_args()
    results = Results(Store(args.of))
    if args.readme or args.of != RESULTS:
        print(summary(results) if args.readme else page(results))
        return 0
    from benchmarks.report.plots import draw_all

    draw_all(results)
    docs = ROOT / "docs"
    (docs / "benchmark.md").write_text(page(results))
    if results.has("ladder"):
        (docs / "ladder.md").write_text(ladder.page(results))
    print("written: docs/benchmark.md, docs/ladder.md where it was climbed, and their plots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
