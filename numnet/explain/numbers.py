"""How numbers, and sums of numbers, are written out."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from numnet.kernels import FloatArray

TERMS = 3  # of a sum that are written out: what fits on a line of 80 columns
WIDTH = 80


class Spelled(NamedTuple):
    """A number written out by what it is made of, what that comes to, and a word on what was left out."""

    text: str
    value: float
    note: str = ""


def number(value: float) -> str:
    """With four significant digits."""
    return f"{value + 0.0:.4g}"  # -0 is 0


def inner(value: float) -> str:
    """A number behind an operator: a minus stands in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def columns(*values: float) -> str:
    """Numbers beside each other, 13 characters each."""
    return "".join(f"{number(value):>13}" for value in values)


def spelled_sum(
    left: FloatArray, right: FloatArray | None = None, start: float | None = None, over: str = ""
) -> Spelled:
    """start + sum of left * right: the largest terms, what all others add up to, and how many are 0.

    left, right : float (n,); without `right` the sum of left alone    over : the letter that is summed over
    """
    terms = left if right is None else left * right
    order = np.argsort(-abs(terms), kind="stable")
    shown = [int(i) for i in order[:TERMS] if terms[i] != 0]
    others = [int(i) for i in order[TERMS:] if terms[i] != 0]
    parts = [] if start is None else [number(start)]
    for i in shown:
        first = inner(float(left[i])) if parts else number(float(left[i]))
        parts.append(first if right is None else f"{first} * {inner(float(right[i]))}")
    if others:
        parts.append(f"{inner(math.fsum(terms[others]))} ({len(others)} more)")
    places = f"{over} = {', '.join(map(str, shown))}" if over and shown else ""
    zeros = len(terms) - len(shown) - len(others)
    note = "; ".join(
        part for part in (places, f"{zeros} {'term is' if zeros == 1 else 'terms are'} 0" * bool(zeros)) if part
    )
    return Spelled(" + ".join(parts) or "0", math.fsum([start or 0.0, *terms]), note)


def listed(values: Sequence[float], most: int = 10) -> str:
    """A sum of all numbers, or of the first ones and of what the others come to."""
    parts = [inner(value) if i else number(value) for i, value in enumerate(values[:most])]
    if rest := values[most:]:
        parts.append(f"{inner(math.fsum(rest))} ({len(rest)} more)")
    return " + ".join(parts)


def folded(sentence: str, indent: str = "", width: int = WIDTH) -> Iterator[str]:
    """Lines of at most `width` characters, broken at blanks; all but the first begin with `indent`."""
    line, *words = sentence.lstrip().split(" ")
    line = sentence[: len(sentence) - len(sentence.lstrip())] + line
    for word in words:
        if len(line) + 1 + len(word) > width:
            yield line
            line = indent + word
        else:
            line = f"{line} {word}"
    yield line
