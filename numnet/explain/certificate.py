"""What came of a gradient check, and how it reads: a `Check` for each tensor, a `Certificate` for the network."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from numnet.explain.numbers import folded
from numnet.explain.oracle import Slope

CLOSE = 1e-6  # relative error of an entry in float64: differences reach 1e-8 or so, the mildest bug is off by 1e-2
CLOSE_FLOAT32 = 1e-5  # of a tensor's norm: some sums of a thousand terms, each rounded to 6e-8
LOOSE = 1e-2  # a bound on which proves nothing: so far off is the mildest bug

FORMAT = 1  # of the line that --json prints


@dataclass
class Check:
    """What came of a tensor's entries, or of directions through all parameters.

    checked : those compared, none of them zero
    wrong : how many of these were off by more than CLOSE
    worst : the largest relative error, and where: (error, index in the tensor, gradient, slope)
    zeros : entries that are zero by both; that says nothing, and counts as nothing
    kinks : entries whose nudge switches a ReLU
    small : entries too small for a difference to tell their digits; they agree as far as it can
    """

    name: str
    shape: tuple[int, ...]
    checked: int = 0
    wrong: int = 0
    worst: tuple[float, tuple[int, ...], float, float] = (0.0, (), 0.0, 0.0)
    zeros: int = 0
    kinks: int = 0
    small: int = 0

    @property
    def verdict(self) -> str:
        """Ok, so many WRONG, or that nothing could be compared."""
        if self.wrong:
            return f"{self.wrong:,} WRONG"
        return "ok" if self.checked else "untold"

    def add(self, index: tuple[int, ...], gradient: float, slope: Slope, noise: float) -> None:
        """Count an entry: its gradient by backward, its slope by the oracle, and what of a slope may be noise."""
        if slope.kinked:
            self.kinks += 1
        elif gradient == slope.value == 0:
            self.zeros += 1
        elif max(abs(gradient), abs(slope.value)) < noise / CLOSE and agree(gradient, slope.value, noise):
            self.small += 1
        else:
            error = relative_error(gradient, slope.value)
            self.checked += 1
            self.wrong += error > CLOSE
            if error > self.worst[0]:
                self.worst = (error, index, gradient, slope.value)


@dataclass(frozen=True)
class Comparison:
    """A tensor's gradient by kernels in float32 beside the one in float64.

    error : the norm of their difference, as a share of the norm of the latter; NaN where both are 0
    bound : what the error may be: CLOSE_FLOAT32, or more where float32 can't even store what goes into it
    """

    name: str
    error: float
    bound: float

    @property
    def verdict(self) -> str:
        """Ok, WRONG, or that there is nothing to tell right from wrong by."""
        if self.bound > LOOSE:  # a gradient of zeros, or of little but rounding
            return "untold"
        return "ok" if self.error <= self.bound else "WRONG"


@dataclass
class Certificate:
    """A network's gradients, judged; `print` shows it.

    sampled : whether entries were drawn, or every one was looked at
    loss : of the minibatch, in nats    examples : B
    checks : one for each tensor
    directions : the slope along random directions through all parameters at once
    kernels : whose float32 was compared; empty where the network is in float64
    float32 : one for each tensor
    left_out : images that this was without: a ReLU's input is so near 0 that float32 switches it
    """

    sampled: bool
    loss: float
    examples: int
    directions: Check
    checks: list[Check] = field(default_factory=list)
    kernels: str = ""
    float32: list[Comparison] = field(default_factory=list)
    left_out: int = 0

    @property
    def passed(self) -> bool:
        """Whether both links hold for each tensor: something was compared, and nothing was wrong."""
        exact = all(check.verdict == "ok" for check in (*self.checks, self.directions))
        return exact and all(each.verdict == "ok" for each in self.float32)

    @property
    def worst(self) -> float:
        """The largest relative error in float64, of an entry or a direction."""
        return max(check.worst[0] for check in (*self.checks, self.directions))

    def verdict(self) -> str:
        """One sentence: PASSED, FAILED where something is wrong, UNTOLD where nothing is but not all was compared."""
        if wrong := self._named("WRONG"):
            return f"FAILED: {wrong}"
        if untold := self._named("untold"):
            return f"UNTOLD: nothing to compare in {untold}; other images may tell"
        checked = sum(check.checked for check in self.checks)
        if self.sampled:
            return f"PASSED: {checked:,} sampled entries agree to {self.worst:.1e}"
        looked_at = checked + sum(check.zeros + check.kinks + check.small for check in self.checks)
        return f"PASSED: {checked:,} of all {looked_at:,} entries could be told; they agree to {self.worst:.1e}"

    def as_json(self) -> dict[str, Any]:
        """All of it, for --json; what is not a finite number is null."""
        return {
            "format": FORMAT, "passed": self.passed, "verdict": self.verdict().partition(":")[0],
            "sampled": self.sampled, "loss": self.loss, "examples": self.examples,
            "worst": _or_null(self.worst),
            "tensors": [_check_as_json(check) for check in self.checks],
            "directions": _check_as_json(self.directions),
            "kernels": self.kernels,
            "float32": [
                {"name": c.name, "verdict": c.verdict, "error": _or_null(c.error), "bound": _or_null(c.bound)}
                for c in self.float32
            ],
            "left_out": self.left_out,
        }  # fmt: skip

    def __str__(self) -> str:
        """The certificate as a table of 80 columns."""
        return "\n".join([*_first_link(self), *_second_link(self), "", *folded(self.verdict(), "    ")])

    def _named(self, verdict: str) -> str:
        """The parts with a verdict, by name."""
        in_float32 = [f"{each.name} in float32" for each in self.float32 if each.verdict == verdict]
        in_float64 = [each.name for each in (*self.checks, self.directions) if each.verdict.endswith(verdict)]
        return ", ".join([*in_float64, *in_float32])


def agree(gradient: float, slope: float, noise: float) -> bool:
    """Whether the two are one number: to a millionth of it, or as far as a difference can tell."""
    return abs(gradient - slope) <= max(noise, CLOSE * max(abs(gradient), abs(slope)))


def relative_error(found: float, wanted: float) -> float:
    """Their difference over the larger of the two; 0 where both are 0, infinite where one is no finite number."""
    if not math.isfinite(found) or not math.isfinite(wanted):
        return math.inf
    return 0.0 if found == wanted else abs(found - wanted) / max(abs(found), abs(wanted))


def _first_link(found: Certificate) -> Iterator[str]:
    images = f"{found.examples} image{'s' * (found.examples > 1)}"
    yield f"1  float64 backward against differences of the loss: {images}, loss {found.loss:.4f}"
    yield ""
    yield f"{'':<12} {'':<10} {'compared':>8} {'zeros':>8} {'kinks':>6} {'small':>7} {'worst':>8}"
    for check in (*found.checks, found.directions):
        shape = " x ".join(map(str, check.shape))
        counts = f"{check.checked:>8,} {check.zeros:>8,} {check.kinks:>6,} {check.small:>7,}"
        worst = f"{check.worst[0]:.1e}" if check.checked else "-"
        yield f"{check.name:<12} {shape:<10} {counts} {worst:>8}  {check.verdict}"
        if check.wrong:
            yield from _accusation(check)
    yield ""
    yield "compared: gradient and difference, neither of them 0; worst: relative error"
    yield "zeros: 0 by both, which says nothing        kinks: the nudge switches a ReLU"
    yield "small: too small for a difference to tell their digits; agree as far as it can"


def _accusation(check: Check) -> Iterator[str]:
    """The worst of a tensor's entries; a ratio that is the same everywhere is a factor too much or too little."""
    _, place, gradient, slope = check.worst
    where = ", ".join(map(str, place))
    ratio = f", ratio {gradient / slope:.5g}" if slope and math.isfinite(gradient) else ""
    yield f"    [{where}]: backward {gradient:.4e}, difference {slope:.4e}{ratio}"


def _second_link(found: Certificate) -> Iterator[str]:
    if not found.float32:
        return
    yield ""
    yield f"2  float32 {found.kernels} kernels against float64 backward: of each tensor's norm"
    yield ""
    for each in found.float32:
        shown = "-" if math.isnan(each.error) else f"{each.error:.1e}"
        limit = (
            f", at most {each.bound:.0e}: float32 holds no more digits here"
            if CLOSE_FLOAT32 < each.bound <= LOOSE
            else ""
        )
        yield f"{each.name:<12} {shown:>8}  {each.verdict}{limit}"
    if found.left_out:
        yield f"without {found.left_out} of the images: a ReLU's input so near 0 that float32 switches it"


def _check_as_json(check: Check) -> dict[str, Any]:
    error, place, gradient, slope = check.worst
    at = {"index": place, "gradient": _or_null(gradient), "slope": _or_null(slope)} if place else None
    counts = {name: getattr(check, name) for name in ("checked", "wrong", "zeros", "kinks", "small")}
    return {"name": check.name, "shape": check.shape, "verdict": check.verdict.rpartition(" ")[2], **counts,
            "worst": _or_null(error), "worst_at": at}  # fmt: skip


def _or_null(number: float) -> float | None:
    return number if math.isfinite(number) else None
