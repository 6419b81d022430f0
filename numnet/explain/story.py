"""How a weight's ledger reads in a terminal of 80 columns."""

import math
from collections.abc import Iterator

from numnet.explain.ledger import Ledger
from numnet.explain.numbers import columns, folded, number

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
    yield f"  {'image':>5} {'label':>5}  {'x':>11}  {'dy':>11}  {'x * dy':>11}"
    ordered = sorted(ledger.terms, key=lambda term: -abs(term.value))
    for term in ordered[:MOST_TERMS]:
        yield f"  {term.example:>5} {term.label:>5}{columns(term.x, term.dy, term.value)}"
    if rest := ordered[MOST_TERMS:]:
        yield f"  {len(rest):>5} more {'':>26} {math.fsum(term.value for term in rest):>11.4g}"
    yield f"  {'':>11}  {'':>11}  {'sum':>11}  {ledger.total:>11.4g}"
    yield f"  backward says {ledger.gradient!r}, the sum is {ledger.total!r}"


def _paths(ledger: Ledger) -> Iterator[str]:
    term = ledger.terms[ledger.example]
    yield f"BY WHICH WAYS   image {term.example}: {number(term.x)} * {number(term.dy)} = {number(term.value)}"
    if not ledger.paths:
        yield "  none: no way back from the loss is open"
        return
    yield "  a way goes from the weight's output through a unit of each layer to a class"
    for path in ledger.paths:
        yield f"  {path.value:>11.4g}  {' -> '.join(map(str, path.units))}"
    yield f"  {ledger.rest:>11.4g}  {ledger.others:,} other ways"


def _nudges(ledger: Ledger) -> Iterator[str]:
    yield "WHAT IT DOES   the weight is moved, the loss follows"
    yield f"  {'by':>8}  {'loss changes':>13}  {'gradient says':>13}"
    for moved in ledger.moved:
        yield f"  {moved.by:>8g}  {moved.change:>+13.4g}  {moved.promised:>+13.4g}"
    verdict = ledger.nudge.verdict
    yield f"  slope by a nudge of 1e-05 {number(ledger.nudge.slope)}: {ledger.nudge.error:.0e} apart, {verdict}"


def _step(ledger: Ledger) -> Iterator[str]:
    yield "WHERE IT GOES   the optimizer's step"
    for line in ledger.rule:
        yield f"  {line}"
    for name, (before, after) in ledger.vectors.items():
        yield f"  {name}: {number(before)} -> {number(after)}"
    yield from folded(f"  {ledger.spelled}", "  ")
    yield f"  step {number(ledger.step)}: w {ledger.weight:.7f} -> {ledger.weight + ledger.step:.7f}"
