"""The loss in a trace: its eight steps, and the way back through each, beside what the kernel does at one blow."""

import math
from typing import Any

import numpy as np

from numnet.explain.formulas import Formula
from numnet.explain.loss_steps import LOSS_STEPS, State, go_back, loss_with
from numnet.explain.numbers import Floats, Spelled, number
from numnet.explain.oracle import H, Slope
from numnet.explain.trace import Entry, Quantity, Stage, judged, stats

MOST_SPELLED = 10  # numbers of a row that are written out one by one


def loss_stage(state: State) -> Stage:
    """Forward. Of each step the number is spelled out that belongs to the example with the largest loss."""
    b, j = _worst(state)
    found = []
    for step in LOSS_STEPS:
        values = state[step.name]
        index = (b, j)[: values.ndim]
        entry = Entry(index, float(values[index]), *_spelled(step.name, state, b, j))
        found.append(Quantity(step.name, step.formula, stats(values), values.size, entry))
    return Stage(
        "the loss, in eight steps", found, f"spelled out: image {b}, whose loss is the largest; its label is {j}"
    )


def loss_back_stage(state: State, dlogits: Floats, noise: float) -> Stage:
    """Backward through the same steps, and the kernel's dlogits, float64 (B, C), beside what they come to.

    noise : what rounding can add to a slope
    """
    slopes, (b, j) = go_back(state), _worst(state)
    found = []
    for step in reversed(LOSS_STEPS):
        values = slopes[step.name]
        index = (b, j)[: values.ndim]
        nudge = judged(float(values[index]), _slope(state, step.name, index, step.relative), noise)
        entry = Entry(index, float(values[index]), *_spelled_back(step.name, state, slopes, b, j), nudge)
        found.append(Quantity(f"d{step.name}", step.back, stats(values), values.size, entry))
    found.append(_at_one_blow(state, dlogits, noise))
    apart = float(abs(slopes["logits"] - dlogits).max())
    sums = float(abs(dlogits.sum(axis=1)).max())
    note = f"eight steps and one blow: dlogits at most {apart:.0e} apart; each row adds up to 0, within {sums:.0e}"
    return Stage("backward, through the loss", found, note)


def _at_one_blow(state: State, dlogits: Floats, noise: float) -> Quantity:
    """What the eight steps come to, by the kernel."""
    b, j = _worst(state)
    p, examples = float(state["p"][b, j]), len(dlogits)
    nudge = judged(float(dlogits[b, j]), _slope(state, "logits", (b, j), False), noise)
    entry = Entry((b, j), float(dlogits[b, j]), f"({number(p)} - 1) / {examples}", (p - 1) / examples, nudge)
    formula = Formula(
        "dlogits[b,j] = (p[b,j] - onehot[b,j]) / B", "dlogits = (p - onehot) / B",
        "all of the above: what was said, less what was right",
    )  # fmt: skip
    return Quantity("dlogits", formula, stats(dlogits), 2 * dlogits.size, entry)


def _slope(state: State, name: str, index: tuple[int, ...], relative: bool) -> Slope:
    """What a nudge of one number of a step says; of a number that is divided by, a nudge of its own size's share."""
    h = H * (float(state[name][index]) if relative else 1.0)
    up, down = (loss_with(state, name, index, nudge) for nudge in (h, -h))
    return Slope((up - down) / (2 * h), False)


def _worst(state: State) -> tuple[int, int]:
    """The example with the largest loss, and its label."""
    b = int(state["picked"].argmin())
    return b, int(state["onehot"][b].argmax())


def _at(state: State, b: int, j: int) -> dict[str, float]:
    return {name: float(values[(b, j)[: values.ndim]]) for name, values in state.items()}


def _spelled(name: str, state: State, b: int, j: int) -> Spelled:
    """A step's number for example b and class j, from the numbers before it."""
    of, row = _at(state, b, j), {name: [float(v) for v in np.atleast_1d(state[name][b])] for name in ("logits", "exps")}
    picked = [float(value) for value in state["picked"]]
    spelled: dict[str, Any] = {
        "top": lambda: Spelled(f"the largest of {_listed(row['logits'], ', ')}", max(row["logits"])),
        "shifted": lambda: Spelled(f"{number(of['logits'])} - {_inner(of['top'])}", of["logits"] - of["top"]),
        "exps": lambda: Spelled(f"exp({number(of['shifted'])})", math.exp(of["shifted"])),
        "sums": lambda: Spelled(_listed(row["exps"], " + "), math.fsum(row["exps"])),
        "p": lambda: Spelled(f"{number(of['exps'])} / {number(of['sums'])}", of["exps"] / of["sums"]),
        "logp": lambda: Spelled(f"log({number(of['p'])})", math.log(of["p"])),
        "picked": lambda: Spelled(f"logp[{b},{j}]", of["logp"]),
        "loss": lambda: Spelled(f"-({_listed(picked, ' + ')}) / {len(picked)}", -math.fsum(picked) / len(picked)),
    }
    found: Spelled = spelled[name]()
    return found


def _spelled_back(name: str, state: State, slopes: State, b: int, j: int) -> Spelled:
    """The gradient of a step's number, from the gradients after it; of dp's row only the label's number is not 0."""
    of, d = _at(state, b, j), _at(slopes, b, j)
    examples = len(state["picked"])
    row = [float(value) for value in slopes["shifted"][b]]
    spelled: dict[str, Any] = {
        "loss": lambda: Spelled("", 1.0),
        "picked": lambda: Spelled(f"-1 / {examples}", -1 / examples),
        "logp": lambda: Spelled(f"dpicked[{b}], as {j} is the label", d["picked"]),
        "p": lambda: Spelled(f"{number(d['logp'])} / {number(of['p'])}", d["logp"] / of["p"]),
        "sums": lambda: Spelled(
            f"-({number(d['p'])} * {number(of['p'])}) / {number(of['sums'])}", -d["p"] * of["p"] / of["sums"]
        ),
        "exps": lambda: Spelled(
            f"{number(d['p'])} / {number(of['sums'])} + {_inner(d['sums'])}", d["p"] / of["sums"] + d["sums"]
        ),
        "shifted": lambda: Spelled(f"{number(d['exps'])} * {number(of['exps'])}", d["exps"] * of["exps"]),
        "top": lambda: Spelled(f"-({_listed(row, ' + ')})", -math.fsum(row)),
    }
    found: Spelled = spelled[name]()
    return found


def _listed(values: list[float], between: str) -> str:
    """All of them, or the first ones and a word on the others."""
    shown = [_inner(value) if between.strip() == "+" and i else number(value) for i, value in enumerate(values)]
    rest = [f"{len(values) - MOST_SPELLED} more"] if len(values) > MOST_SPELLED else []
    return between.join(shown[:MOST_SPELLED] + rest)


def _inner(value: float) -> str:
    """A number behind an operator: a minus stands in brackets."""
    return f"({number(value)})" if value < 0 else number(value)
