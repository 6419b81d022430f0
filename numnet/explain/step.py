"""How a trace reads in a terminal of 80 columns."""

from collections.abc import Iterator

from numnet.explain.certificate import CLOSE
from numnet.explain.formulas import Formula
from numnet.explain.numbers import WIDTH, folded, number
from numnet.explain.oracle import H
from numnet.explain.trace import NOTHING, Nudge, Quantity, Stage, Trace

HEAD = (
    "L is the loss. b counts the B images, i a layer's inputs, j its outputs. dy is dL/dy, how fast L changes with y, "
    "and has the shape of y.",
    f"Each gradient is checked: one number p of what it belongs to is nudged by h = {H:g}, up and down, and "
    "(L(p + h) - L(p - h)) / 2h, for which only the forward pass is needed, is held beside it. `apart` is their "
    f"difference over the larger of the two: {CLOSE:g} at most is ok.",
    "norm: the root of the sum of all squares. FLOP: a multiplication, an addition, an exp.",
)
VERDICTS = {
    "ok": "ok",
    "WRONG": "WRONG",
    "kink": "a ReLU switches, so that there is no slope",
    "small": "agreed, as far as rounding lets it be told",
}


def nudge_line(nudge: Nudge) -> str:
    """What a nudge says, and how far the gradient is off."""
    apart = f", {nudge.error:.0e} apart" if nudge.verdict in ("ok", "WRONG") else ""
    return f"nudged: {number(nudge.slope)}{apart}: {VERDICTS[nudge.verdict]}"


def lines(trace: Trace) -> Iterator[str]:
    """The trace from top to bottom."""
    yield from folded(f"One step of {trace.what}: loss {trace.loss:.4f}.")
    for paragraph in HEAD:
        yield from folded(paragraph)
    said: set[str] = set()
    for stage in trace.stages:
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
        yield from folded(f"  {stage.note}{' WRONG' * stage.wrong}", "  ")


def _quantity(quantity: Quantity) -> Iterator[str]:
    """Size and range; one number term by term; what the nudge says."""
    of, entry = quantity.stats, quantity.entry
    shape = " x ".join(map(str, of.shape)) or "one number"
    flops = f", {_count(quantity.flops)}" if quantity.flops else ""
    yield f"    {quantity.name}: {shape}{flops}"
    if of.shape:
        mean = 0.0 if abs(of.mean) < NOTHING * of.norm else of.mean  # else rounding would be shown as data
        span = f"{number(of.least)} to {number(of.largest)}, mean {number(mean)}, norm {number(of.norm)}"
        yield f"    {span}, {of.zeros:.0%} zeros"
    if quantity.note:
        yield f"    {quantity.note}"
    yield from folded(f"    {_spelled(quantity)}", "        ")
    if entry.note:
        yield from folded(f"        {entry.note}", "        ")
    if entry.nudge:
        yield f"    {nudge_line(entry.nudge)}"
    if quantity.float32 is not None:
        yield f"    in float32: {quantity.float32.error:.0e} of the norm apart: {quantity.float32.verdict}"


def _spelled(quantity: Quantity) -> str:
    """The entry, what it is made of and what that comes to."""
    entry, value = quantity.entry, number(quantity.entry.value)
    where = f"{quantity.name}[{','.join(map(str, entry.index))}]" if entry.index else quantity.name
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
    """Verdict of what is shown."""
    shown = [quantity for stage in trace.stages for quantity in stage.quantities]
    nudges = [quantity.entry.nudge for quantity in shown if quantity.entry.nudge]
    spelled = sum(bool(quantity.entry.text) for quantity in shown)
    if not trace.passed:
        wrong = [q.name for q in shown if q.verdict == "WRONG"] + [s.title for s in trace.stages if s.wrong]
        yield from folded(f"WRONG: {', '.join(wrong)}.")
        return
    told = [nudge.error for nudge in nudges if nudge.verdict == "ok"]
    small, kinks = (sum(nudge.verdict == verdict for nudge in nudges) for verdict in ("small", "kink"))
    worst = f", the worst to {max(told):.0e}" if told else ""
    rest = f"; {small} as far as rounding lets it be told" * bool(small) + f"; {kinks} met a ReLU's kink" * bool(kinks)
    yield from folded(
        f"{len(shown)} quantities: {spelled} numbers are spelled out and add up; {len(told)} of {len(nudges)} "
        f"gradients agree with what the loss does{worst}{rest}."
    )
