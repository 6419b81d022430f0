"""The loss in eight small steps, and the way back through each: what `softmax_cross_entropy` does at one blow.

    top -> shifted -> exps -> sums -> p -> logp -> picked -> loss

Each is one line anybody can differentiate. Going back through all eight comes to (p - target) / B, which is what the
kernel computes, and what makes softmax and cross-entropy belong together. The kernel forms no log(p), either: where p
is so small that it is stored as 0, its logarithm is lost, and log(sum of exps) - logit is not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numnet.explain.formulas import Formula
from numnet.kernels import FloatArray

# Each step's numbers by name, the logits as "logits"; "onehot" and "target" float (B, C), without smoothing the same
State = dict[str, FloatArray]
Count = Callable[[int, int], int]  # of operations, for B images and C classes


class LossStep(NamedTuple):
    """One step: its name, what it computes from those before it, and the gradient of its own numbers.

    flops, flops_back : a comparison, an exp, a log count as one
    relative : the number is positive and is divided by, so that a nudge must be a small share of it
    """

    name: str
    formula: Formula
    forward: Callable[[State], Any]
    flops: Count
    back: Formula
    backward: Callable[[State, State], Any]
    flops_back: Count
    relative: bool = False


def _column(values: FloatArray) -> FloatArray:
    return values[:, None]


# Forward and backward of a step side by side: `back` is the gradient of what the step computed, by the steps after it.
LOSS_STEPS = (
    LossStep(
        "top", Formula("top[b] = the largest logits[b,j]", "top = logits.max(axis=1)"),
        lambda s: s["logits"].max(axis=1), lambda b, c: b * (c - 1),
        Formula("dtop[b] = -sum_j dshifted[b,j]", "dtop = -dshifted.sum(axis=1)",
                "0, but for rounding: taking one number from all logits changes no probability"),
        lambda s, d: -d["shifted"].sum(axis=1), lambda b, c: b * c,
    ),
    LossStep(
        "shifted", Formula("shifted[b,j] = logits[b,j] - top[b]", "shifted = logits - top",
                           "the largest is 0 now, so that no exp overflows"),
        lambda s: s["logits"] - _column(s["top"]), lambda b, c: b * c,
        Formula("dshifted[b,j] = dexps[b,j] * exps[b,j]", "dshifted = dexps * exps", "exp is its own slope"),
        lambda s, d: d["exps"] * s["exps"], lambda b, c: b * c,
    ),
    LossStep(
        "exps", Formula("exps[b,j] = exp(shifted[b,j])", "exps = exp(shifted)"),
        lambda s: np.exp(s["shifted"]), lambda b, c: b * c,
        Formula("dexps[b,j] = dp[b,j] / sums[b] + dsums[b]", "dexps = dp / sums + dsums",
                "exps goes two ways, into p and into sums, and what comes back adds up"),
        lambda s, d: d["p"] / _column(s["sums"]) + _column(d["sums"]), lambda b, c: 2 * b * c,
        relative=True,
    ),
    LossStep(
        "sums", Formula("sums[b] = sum_j exps[b,j]", "sums = exps.sum(axis=1)"),
        lambda s: s["exps"].sum(axis=1), lambda b, c: b * (c - 1),
        Formula("dsums[b] = -sum_j dp[b,j] * p[b,j] / sums[b]", "dsums = -(dp * p).sum(axis=1) / sums",
                "sums divides in p = exps / sums, and the slope of e/s by s is -e/s², or -p/s"),
        lambda s, d: -(d["p"] * s["p"]).sum(axis=1) / s["sums"], lambda b, c: 2 * b * c + b,
        relative=True,
    ),
    LossStep(
        "p", Formula("p[b,j] = exps[b,j] / sums[b]", "p = exps / sums", "the probabilities: each row adds up to 1"),
        lambda s: s["exps"] / _column(s["sums"]), lambda b, c: b * c,
        Formula("dp[b,j] = dlogp[b,j] / p[b,j]", "dp = dlogp / p", "the slope of log is 1/p"),
        lambda s, d: np.divide(d["logp"], s["p"], out=np.zeros_like(s["p"]), where=d["logp"] != 0),
        lambda b, c: b * c,
        relative=True,
    ),
    LossStep(
        "logp", Formula("logp[b,j] = log(p[b,j])", "logp = log(p)"),
        lambda s: np.log(s["p"]), lambda b, c: b * c,
        Formula("dlogp[b,j] = dpicked[b] where j is the label, else 0", "dlogp = dpicked * onehot",
                "only what was picked counts"),
        lambda s, d: _column(d["picked"]) * s["onehot"], lambda b, c: b * c,
    ),
    LossStep(
        "picked", Formula("picked[b] = logp[b, label of b]", "picked = logp[rows, labels]"),
        lambda s: s["logp"][s["onehot"] == 1], lambda b, c: 0,
        Formula("dpicked[b] = -1/B", "dpicked = -1/B",
                "the mean's 1/B enters here, once: from here on there are only sums"),
        lambda s, d: np.full(len(s["picked"]), -1 / len(s["picked"])), lambda b, c: 1,
    ),
    LossStep(
        "loss", Formula("loss = -1/B * sum_b picked[b]", "loss = -picked.mean()"),
        lambda s: np.array(-s["picked"].mean()), lambda b, c: b + 1,
        Formula("dloss = 1", "dloss = 1", "how fast the loss changes with itself"),
        lambda s, d: np.array(1.0), lambda b, c: 0,
    ),
)  # fmt: skip
PICKED = 6  # the place of "picked" among the steps
SMOOTHED_STEPS = (
    *LOSS_STEPS[: PICKED - 1],
    LOSS_STEPS[PICKED - 1]._replace(
        back=Formula("dlogp[b,j] = dpicked[b] * target[b,j]", "dlogp = dpicked * target",
                     "each class counts by its share of the target"),
        backward=lambda s, d: _column(d["picked"]) * s["target"],
    ),
    LOSS_STEPS[PICKED]._replace(
        formula=Formula("picked[b] = sum_j target[b,j] * logp[b,j]", "picked = (target * logp).sum(axis=1)",
                        "labels are smoothed by s: target[b,j] is s / C, and for the label 1 - s more"),
        forward=lambda s: (s["target"] * s["logp"]).sum(axis=1), flops=lambda b, c: 2 * b * c,
    ),
    *LOSS_STEPS[PICKED + 1 :],
)  # fmt: skip
TO_LOGITS = Formula(
    "dlogits[b,j] = dshifted[b,j], and dtop[b] more for the largest", "dlogits = dshifted; dlogits[rows, top] += dtop",
    "logits goes two ways, into shifted and into top",
)  # fmt: skip


def take_steps(logits: FloatArray, labels: Any, smoothing: float = 0.0) -> State:
    """All eight forward: logits float (B, C), labels int (B,)."""
    onehot = np.eye(logits.shape[1])[labels]
    target = (1 - smoothing) * onehot + smoothing / logits.shape[1]
    return _from({"logits": logits, "onehot": onehot, "target": target}, 0)


def is_smoothed(state: State) -> bool:
    """Whether what is right is more than the label."""
    return not np.array_equal(state["target"], state["onehot"])


def steps_of(state: State) -> tuple[LossStep, ...]:
    """The eight steps: with smoothing, two of them are others."""
    return SMOOTHED_STEPS if is_smoothed(state) else LOSS_STEPS


def _from(state: State, first: int) -> State:
    with np.errstate(divide="ignore"):  # log(0), where a p is stored as 0
        for step in steps_of(state)[first:]:
            state[step.name] = step.forward(state)
    return state


def go_back(state: State) -> State:
    """The gradient of each step's numbers, and of the logits, by name without the d."""
    slopes: State = {}
    for step in reversed(steps_of(state)):
        slopes[step.name] = step.backward(state, slopes)
    largest = state["logits"].argmax(axis=1)
    slopes["logits"] = slopes["shifted"].copy()
    slopes["logits"][np.arange(len(largest)), largest] += slopes["top"]
    return slopes


def loss_with(state: State, name: str, index: tuple[int, ...], nudge: float) -> float:
    """The loss where one number of a step, or of the logits, is moved, and the steps after it are taken again."""
    names = ["logits", *(step.name for step in LOSS_STEPS)]
    moved = dict(state)
    moved[name] = state[name].copy()
    moved[name][index] += nudge
    return float(_from(moved, names.index(name))["loss"])
