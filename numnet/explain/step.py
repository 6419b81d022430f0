"""How a trace reads in a terminal of 80 columns."""

from collections.abc import Iterator

from numnet.explain.formulas import Formula
from numnet.explain.numbers import WIDTH, folded, number
from numnet.explain.trace import Quantity, Stage, Trace

LETTERS = (
    "b counts the images, i a layer's inputs, j its outputs. dy is dL/dy: how fast the loss changes with y. "
    "Each gradient is checked: its number is nudged, up and down, and the loss looked at."
)
VERDICTS = {
    "ok": "ok",
    "WRONG": "WRONG",
    "kink": "a ReLU switches, no slope to compare with",
    "small": "too small to be told, agreed",
}


def lines(trace: Trace, layer: int | None = None) -> Iterator[str]:
    """The trace from top to bottom; with `layer` the stages of that layer alone."""
    yield from folded(f"One step of {trace.what}: loss {trace.loss:.4f}.")
    yield from folded(LETTERS)
    said: set[str] = set()
    for stage in trace.stages:
        if layer is None or stage.layer == layer:
            yield ""
            yield f"{stage.title} ".ljust(WIDTH, "-")
            yield from _stage(stage, said)
    yield ""
    yield from _end(trace)


def _stage(stage: Stage, said: set[str]) -> Iterator[str]:
    """Its quantities, a formula where it is not the one above, and why it is so the first time; its note."""
    above: Formula | None = None
    for quantity in stage.quantities:
        if quantity.formula != above:
            yield ""
            yield from _formula(quantity.formula, said)
        yield from _quantity(quantity)
        above = quantity.formula
    if stage.note:
        yield ""
        yield from folded(f"  {stage.note}", "  ")


def _quantity(quantity: Quantity) -> Iterator[str]:
    """Size and range; one number term by term; what the nudge says."""
    of, entry = quantity.stats, quantity.entry
    shape = " x ".join(map(str, of.shape)) or "one number"
    flops = f", {_count(quantity.flops)}" if quantity.flops else ""
    yield f"    {quantity.name}: {shape}{flops}"
    if of.shape:
        span = f"{number(of.least)} to {number(of.largest)}, mean {number(of.mean)}, norm {number(of.norm)}"
        yield f"    {span}, {of.zeros:.0%} zeros"
    if quantity.note:
        yield f"    {quantity.note}"
    yield from folded(f"    {_spelled(quantity)}", "        ")
    if entry.nudge:
        apart = f", {entry.nudge.error:.0e} apart" if entry.nudge.verdict in ("ok", "WRONG") else ""
        yield f"    nudged: {number(entry.nudge.slope)}{apart}: {VERDICTS[entry.nudge.verdict]}"
    if quantity.float32 is not None:
        yield f"    in float32: {quantity.float32:.0e} of the norm apart"


def _spelled(quantity: Quantity) -> str:
    """The entry, what it is made of and what that comes to."""
    entry, value = quantity.entry, number(quantity.entry.value)
    where = f"{quantity.name.split()[-1]}[{','.join(map(str, entry.index))}]" if entry.index else quantity.name
    text = f" = {entry.text}" if entry.text not in ("", value) else ""
    wrong = "" if entry.adds_up else f"  WRONG: that comes to {number(entry.total)}"
    return f"{where}{text} = {value}{wrong}"


def _formula(formula: Formula, said: set[str]) -> Iterator[str]:
    """Both forms, on one line where they fit; and why, unless that is said already."""
    line = f"  {formula.by_index:<44}  {formula.by_matrix}"
    if len(line) <= WIDTH:
        yield line.rstrip()
    else:
        yield f"  {formula.by_index}"
        yield f"  {formula.by_matrix}"
    if formula.why and formula.why not in said:
        said.add(formula.why)
        yield from folded(f"  ({formula.why})", "   ")


def _count(flops: int) -> str:
    return f"{flops / 1e6:.1f} MFLOP" if flops >= 1e5 else f"{flops:,} FLOP"


def _end(trace: Trace) -> Iterator[str]:
    """Verdict of the whole."""
    checked = [q for stage in trace.stages for q in stage.quantities]
    nudges = [q.entry.nudge for q in checked if q.entry.nudge]
    wrong = [q.name for q in checked if q.verdict == "WRONG"]
    if wrong:
        yield from folded(f"WRONG: {', '.join(wrong)}")
    else:
        worst = max((nudge.error for nudge in nudges if nudge.verdict == "ok"), default=0.0)
        yield from folded(
            f"{len(checked)} quantities: every number that is spelled out adds up, and {len(nudges)} gradients agree "
            f"with what the loss does where they are nudged, the worst to {worst:.0e}."
        )
