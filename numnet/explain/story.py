"""How a weight's ledger reads in a terminal of 80 columns."""

import math
from collections.abc import Iterator

from numnet.explain.ledger import Ledger
from numnet.explain.numbers import columns, folded, number
from numnet.explain.step import nudge_line

MOST_TERMS = 12  # rows of the ledger that are printed


def weight_lines(ledger: Ledger) -> Iterator[str]:
    """From top to bottom."""
    index, layer = ledger.layer
    yield from folded(f"w[{ledger.i},{ledger.j}] of layer {index}, {layer}; {ledger.about}.")
    yield f"weight {number(ledger.weight)}   gradient {number(ledger.gradient)}   loss {ledger.loss:.4f}"
    yield ""
    yield from _terms(ledger)
    yield ""
    yield from _paths(ledger)
    yield ""
    yield from _nudges(ledger)
    yield ""
    yield from _step(ledger)


def _terms(ledger: Ledger) -> Iterator[str]:
    i, j = ledger.i, ledger.j
    yield f"WHERE IT COMES FROM   dw[{i},{j}] = sum_b x[b,{i}] * dy[b,{j}]"
    yield f"  {'image':>5} {'label':>5}{'x':>13}{'dy':>13}{'x * dy':>13}"
    ordered = sorted(ledger.terms, key=lambda term: -abs(term.value))
    for term in ordered[:MOST_TERMS]:
        yield f"  {term.example:>5} {term.label:>5}{columns(term.x, term.dy, term.value)}"
    if rest := ordered[MOST_TERMS:]:
        yield f"  {len(rest):>5} more{'':>27}{columns(math.fsum(term.value for term in rest))}"
    yield f"  {'sum':>37}{columns(ledger.total)}"
    yield f"  the sum is {ledger.total!r}, backward says {ledger.gradient!r}: {_verdict(ledger.adds_up)}"


def _verdict(ok: bool) -> str:
    return "ok" if ok else "WRONG"


def _paths(ledger: Ledger) -> Iterator[str]:
    term = ledger.terms[ledger.example]
    yield f"BY WHICH WAYS   image {term.example}: {number(term.x)} * {number(term.dy)} = {number(term.value)}"
    if not ledger.paths:
        yield "  none is open: the input is 0, or nothing comes back to the weight's output"
        return
    yield "  a way goes from the weight's output through a unit of each layer to a class"
    for path in ledger.paths:
        yield f"{columns(path.value)}  {' -> '.join(map(str, path.units))}"
    if ledger.others:
        rest = ledger.ways - math.fsum(path.value for path in ledger.paths)
        yield f"{columns(rest)}  {ledger.others:,} more that are open"
    yield f"{columns(ledger.ways)}  all of them: {_verdict(ledger.ways_add_up)}"


def _nudges(ledger: Ledger) -> Iterator[str]:
    yield "WHAT IT DOES   the weight is moved, the loss follows"
    yield f"{'by':>13}{'loss changes':>15}{'gradient says':>15}"
    for moved in ledger.moved:
        yield f"{moved.by:>13g}{moved.change:>+15.4g}{moved.promised:>+15.4g}"
    yield f"  {nudge_line(ledger.nudge)}"


def _step(ledger: Ledger) -> Iterator[str]:
    yield "WHERE IT GOES   the optimizer's step"
    yield f"  {ledger.formula.by_index}"
    yield f"  {ledger.formula.by_matrix}"
    yield from folded(f"  ({ledger.formula.why})", "   ")
    for name, (before, after) in ledger.vectors.items():
        yield f"  {name}: {number(before)} -> {number(after)}"
    if ledger.spelled.note:
        yield from folded(f"  {ledger.spelled.note}", "    ")
    yield from folded(f"  step = {ledger.spelled.text} = {number(ledger.step)}", "    ")
    yield f"  w: {ledger.weight:.7f} -> {ledger.weight + ledger.step:.7f}"
