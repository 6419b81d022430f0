"""The loss in a trace: its eight steps, and the way back through each, beside what the kernel does at one blow."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numnet.explain.formulas import Formula
from numnet.explain.loss_steps import TO_LOGITS, State, go_back, is_smoothed, loss_with, steps_of
from numnet.explain.numbers import Spelled, inner, listed, number
from numnet.explain.oracle import EPSILON, H, Slope
from numnet.explain.trace import Entry, Nudge, Quantity, Stage, judged, stats
from numnet.kernels import FloatArray

AT_ONE_BLOW = Formula(
    "dlogits[b,j] = (p[b,j] - onehot[b,j]) / B", "dlogits = (p - onehot) / B",
    "all of the above at one blow, as the kernel does it: what was said, less what was right",
)  # fmt: skip
SMOOTHED_AT_ONE_BLOW = AT_ONE_BLOW._replace(
    by_index="dlogits[b,j] = (p[b,j] - target[b,j]) / B", by_matrix="dlogits = (p - target) / B"
)
ROUNDED = 16 * EPSILON  # beside 1: what eight roundings of numbers up to 1, added up over a row, may come to
LOST = (
    "is stored as 0 here, and log(0) is no number: in small steps this loss is lost. The kernel takes log(sum of exps) "
    "- logit instead, and loses nothing"
)


def is_lost(state: State) -> bool:
    """Whether the loss can't be had in small steps: a probability that counts in it is stored as 0."""
    return not bool(np.isfinite(state["loss"]))


def lost(state: State) -> str:
    """Why: without smoothing the label's probability is all that counts, with it that of every class does."""
    if is_smoothed(state):
        return f"some class's p, and with smoothed labels each class counts, {LOST}"
    return f"the label's p {LOST}"


def loss_stage(state: State) -> Stage:
    """Forward. Of each step the number is spelled out that belongs to the example with the largest loss."""
    b, j = _worst(state)
    found = []
    for step in steps_of(state)[:5] if is_lost(state) else steps_of(state):
        values = state[step.name]
        index = (b, j)[: values.ndim]
        entry = Entry(index, float(values[index]), *_spelled(step.name, state, b, j))
        found.append(Quantity(step.name, step.formula, stats(values), step.flops(*state["logits"].shape), entry))
    note = lost(state) if is_lost(state) else f"spelled out: image {b}, whose loss is the largest; its label is {j}"
    return Stage("the loss, in eight steps", found, note)


def loss_back_stage(state: State, dlogits: FloatArray, nudged: Callable[[tuple[int, ...]], Nudge]) -> Stage:
    """Backward through the same steps, and the kernel's dlogits, float64 (B, C), beside what they come to.

    nudged : what a nudge of one logit says of the kernel's gradient there
    """
    last = _at_one_blow(state, dlogits, nudged)
    if is_lost(state):
        return Stage("backward, through the loss", [last], lost(state))
    slopes, (b, j), shape = go_back(state), _worst(state), dlogits.shape
    found = []
    for step in reversed(steps_of(state)):
        values = slopes[step.name]
        index = (b, j)[: values.ndim]
        nudge = _nudged(state, step.name, index, float(values[index]), relative=step.relative)
        entry = Entry(index, float(values[index]), *_spelled_back(step.name, state, slopes, b, j), nudge=nudge)
        found.append(Quantity(f"d{step.name}", step.back, stats(values), step.flops_back(*shape), entry))
    found.append(_to_logits(state, slopes))
    return Stage("backward, through the loss", [*found, last], **_compared(slopes["logits"], dlogits))


def _compared(in_steps: FloatArray, at_once: FloatArray) -> dict[str, Any]:
    """A word on both ways to dlogits, and whether they differ by more than rounding."""
    apart, sums = float(abs(in_steps - at_once).max()), float(abs(at_once.sum(axis=1)).max())
    note = (
        f"eight steps and one blow are at most {apart:.0e} apart; each row of dlogits adds up to 0, within {sums:.0e}"
    )
    return {"note": note, "wrong": not max(apart, sums) <= ROUNDED}


def _to_logits(state: State, slopes: State) -> Quantity:
    """Where the eight steps end."""
    (b, j), values = _worst(state), slopes["logits"]
    is_top = int(state["logits"][b].argmax()) == j
    dshifted, dtop = float(slopes["shifted"][b, j]), float(slopes["top"][b])
    text = f"{number(dshifted)} + {inner(dtop)}" if is_top else f"{number(dshifted)}, as it is not the largest"
    nudge = _nudged(state, "logits", (b, j), float(values[b, j]))
    entry = Entry((b, j), float(values[b, j]), text, dshifted + dtop * is_top, nudge=nudge)
    return Quantity("dlogits", TO_LOGITS, stats(values), len(values), entry)


def _at_one_blow(state: State, dlogits: FloatArray, nudged: Callable[[tuple[int, ...]], Nudge]) -> Quantity:
    """What the eight steps come to, by the kernel."""
    b, j = _worst(state)
    p, target, examples = float(state["p"][b, j]), float(state["target"][b, j]), len(dlogits)
    text, total = f"({number(p)} - {number(target)}) / {examples}", (p - target) / examples
    formula = SMOOTHED_AT_ONE_BLOW if is_smoothed(state) else AT_ONE_BLOW
    entry = Entry((b, j), float(dlogits[b, j]), text, total, nudge=nudged((b, j)))
    return Quantity("dlogits", formula, stats(dlogits), 2 * dlogits.size, entry)


def _nudged(state: State, name: str, index: tuple[int, ...], gradient: float, relative: bool = False) -> Nudge:
    """What a nudge of one number of a step says; of a number that is divided by, one of a small share of it.

    The loss in small steps is rounded to the last bit of log(p), or of the loss itself.
    """
    h = H * (float(state[name][index]) if relative else 1.0)
    up, down = (loss_with(state, name, index, nudge) for nudge in (h, -h))
    return judged(gradient, Slope((up - down) / (2 * h), False), 4 * EPSILON * max(1.0, float(state["loss"])) / h)


def _worst(state: State) -> tuple[int, int]:
    """The example with the largest loss, and its label."""
    b = int(state["picked"].argmin())
    return b, int(state["onehot"][b].argmax())


def _at(state: State, b: int, j: int) -> dict[str, float]:
    return {name: float(values[(b, j)[: values.ndim]]) for name, values in state.items()}


def _spelled(name: str, state: State, b: int, j: int) -> Spelled:
    """A step's number for example b and class j, from the numbers before it."""
    of = _at(state, b, j)
    logits, exps, picked = (state[key].tolist() for key in ("logits", "exps", "picked"))
    shares = (state["target"][b] * state["logp"][b]).tolist() if is_smoothed(state) else []
    spelled: dict[str, Callable[[], Spelled]] = {
        "top": lambda: Spelled(f"the largest of {', '.join(map(number, logits[b]))}", max(logits[b])),
        "shifted": lambda: Spelled(f"{number(of['logits'])} - {inner(of['top'])}", of["logits"] - of["top"]),
        "exps": lambda: Spelled(f"exp({number(of['shifted'])})", math.exp(of["shifted"])),
        "sums": lambda: Spelled(listed(exps[b]), math.fsum(exps[b])),
        "p": lambda: Spelled(f"{number(of['exps'])} / {number(of['sums'])}", of["exps"] / of["sums"]),
        "logp": lambda: Spelled(f"log({number(of['p'])})", math.log(of["p"])),
        "picked": lambda: (
            Spelled(listed(shares), math.fsum(shares)) if shares else Spelled(f"logp[{b},{j}]", of["logp"])
        ),
        "loss": lambda: Spelled(f"-({listed(picked)}) / {len(picked)}", -math.fsum(picked) / len(picked)),
    }
    return spelled[name]()


def _spelled_back(name: str, state: State, slopes: State, b: int, j: int) -> Spelled:
    """The gradient of a step's number, from the gradients after it; of dp's row only a target's numbers are not 0."""
    of, d, examples = _at(state, b, j), _at(slopes, b, j), len(state["picked"])
    smoothed, shares = is_smoothed(state), (slopes["p"][b] * state["p"][b]).tolist()
    row = slopes["shifted"][b].tolist()
    spelled: dict[str, Callable[[], Spelled]] = {
        "loss": lambda: Spelled("1", 1.0),
        "picked": lambda: Spelled(f"-1 / {examples}", -1 / examples),
        "logp": lambda: (
            Spelled(f"{number(d['picked'])} * {number(of['target'])}", d["picked"] * of["target"])
            if smoothed
            else Spelled(f"dpicked[{b}], as {j} is the label", d["picked"])
        ),
        "p": lambda: Spelled(f"{number(d['logp'])} / {number(of['p'])}", d["logp"] / of["p"]),
        "sums": lambda: (
            Spelled(f"-({listed(shares)}) / {number(of['sums'])}", -math.fsum(shares) / of["sums"])
            if smoothed
            else Spelled(
                f"-({number(d['p'])} * {number(of['p'])}) / {number(of['sums'])}", -d["p"] * of["p"] / of["sums"]
            )
        ),
        "exps": lambda: Spelled(
            f"{number(d['p'])} / {number(of['sums'])} + {inner(d['sums'])}", d["p"] / of["sums"] + d["sums"]
        ),
        "shifted": lambda: Spelled(f"{number(d['exps'])} * {number(of['exps'])}", d["exps"] * of["exps"]),
        "top": lambda: Spelled(f"-({listed(row)})", -math.fsum(row)),
    }
    return spelled[name]()
