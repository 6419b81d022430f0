"""The roofline: the highest rate that the cores reached in the run, and what a step's products would take at it."""

from functools import cache
from typing import NamedTuple

from benchmarks.figures import Figure
from benchmarks.jobs.steps import ROOFLINE
from benchmarks.problem import STEP_FLOPS
from benchmarks.report.markdown import in_threads, number, prose
from benchmarks.report.products import samples_of
from benchmarks.report.rows import Results

TITLE, WITHOUT_ZEROS = "the dense roofline", "the roofline without zero pixels"
INVALID = "invalid"


class Roofline(NamedTuple):
    """What a run's peaks on some number of threads come to.

    gflops : the highest of them: a core that is disturbed falls short of its peak, and none exceeds it
    peaks, products : how many were measured
    above : how many dense products were faster than that, and show that it is no peak
    ms, ms_without_zeros : of the step's products at the peak: of all, and without what multiplies pixels that are zero
    """

    gflops: float
    peaks: int
    products: int
    above: int
    ms: float
    ms_without_zeros: float

    @property
    def is_valid(self) -> bool:
        """Whether it may be drawn, and anything judged by it."""
        return not self.above


@cache
def find(results: Results, threads: int) -> Roofline | None:
    """Of all that the run measured on so many threads; None where it measured no step beside a peak."""
    floors = [s.value for s in results.store.of("step", threads=threads) if s.rival == ROOFLINE]
    if not floors:
        return None
    products = [(kind, s.value) for (kind, _), each in samples_of(results, threads).items() for s in each]
    parts = [s.value for s in results.store.of("parts", threads=threads)]
    climbed = [line for s in results.store.of("ladder") for line in s.value if line["threads"] == threads]
    peaks = [STEP_FLOPS / floor["ms"] / 1e6 for floor in floors]
    peaks += [value["peak_gflops"] for value in (*(value for _, value in products), *parts, *climbed)]
    timed = [(kind, v["flops"] / v[who] / 1e9) for kind, v in products for who in ("numnet", "openblas")]
    timed += [(line["kind"], line["gflops"]) for line in climbed]
    rates = [rate for kind, rate in timed if "pixels" not in kind]  # else zeros that are skipped count as done
    highest, share = max(peaks), floors[0]["ms_of_ink"] / floors[0]["ms"]
    ms = STEP_FLOPS / highest / 1e6
    return Roofline(highest, len(peaks), len(rates), sum(rate > highest for rate in rates), ms, share * ms)


def row(results: Results, ours: dict[int, Figure | None]) -> list[list[str]]:
    """Its row in the table of steps, if there is one.

    ours : numnet's step on two threads and on one
    """
    found = {threads: find(results, threads) for threads in ours}
    if not any(found.values()):
        return []
    cells = [cell for threads, figure in ours.items() for cell in _cells(found[threads], figure)]
    two = found[2]
    return [[TITLE, *cells, number(two.gflops) if two and two.is_valid else INVALID if two else "-"]]


def _cells(found: Roofline | None, ours: Figure | None) -> tuple[str, str]:
    if not found:
        return "-", "-"
    if not found.is_valid:
        return INVALID, INVALID
    return number(found.ms), f"{found.ms / ours.median:.2f}" if ours else "-"


def explained(results: Results) -> str:
    """What it is, and whether any product exceeded it."""
    found = {threads: there for threads in (1, 2) if (there := find(results, threads))}
    if not found:
        return ""
    told = [
        f"on {in_threads(threads)} {number(one.gflops)} GFLOP/s, the highest of {one.peaks:,}, which "
        f"{one.above:,} of {one.products:,} dense products exceeded"
        for threads, one in found.items()
    ]
    return prose(f"""“{TITLE.capitalize()}” is what the step's {STEP_FLOPS / 1e6:.0f} MFLOP of dense products would take
        at the peak of the cores, with nothing else to do; “{WITHOUT_ZEROS}” leaves out what multiplies pixels that are
        zero. It is no floor on `intended`, where zeros that ReLU and dropout make are skipped too. The peak is the
        highest rate of fused multiply-adds that the run measured anywhere, since a disturbed core falls short of its
        peak and none exceeds it: {"; ".join(told)}. A roofline that a product exceeds is none: it would be called
        {INVALID}, and nothing judged by it.""")
