"""How numbers, and sums of numbers, are written out."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

TERMS = 3  # of a sum that are written out: what fits on a line of 80 columns
WIDTH = 80


class Spelled(NamedTuple):
    """A number written out by the terms it is made of, and what these come to."""

    text: str
    value: float


def number(value: float) -> str:
    """With four significant digits."""
    return f"{value + 0.0:.4g}"  # -0 is 0


def columns(*values: float) -> str:
    """Numbers below each other, 13 characters each."""
    return "".join(f"{number(value):>13}" for value in values)


def spelled_sum(left: Floats, right: Floats | None = None, start: float | None = None) -> Spelled:
    """start + sum of left * right: the largest terms, and how many others there are and what these add up to.

    left, right : float (n,); without `right` the sum of left alone
    """
    terms = left if right is None else left * right
    order = np.argsort(-abs(terms), kind="stable")
    shown = [int(i) for i in order[:TERMS] if terms[i] != 0]
    parts = [number(start)] if start is not None else []
    parts += [number(left[i]) if right is None else f"{number(left[i])} * {number(right[i])}" for i in shown]
    if others := [int(i) for i in order[TERMS:] if terms[i] != 0]:
        parts.append(f"{number(math.fsum(terms[others]))} ({len(others)} more)")
    zeros = len(terms) - len(shown) - len(others)
    tail = f", and {zeros} {'term is' if zeros == 1 else 'terms are'} 0" if zeros else ""
    total = math.fsum([start or 0.0, *terms])
    return Spelled((_joined(parts) or "0") + tail, total)


def _joined(parts: Sequence[str]) -> str:
    """With a plus between them; a minus stands in brackets."""
    return " + ".join(f"({part})" if part.startswith("-") and i else part for i, part in enumerate(parts))


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
