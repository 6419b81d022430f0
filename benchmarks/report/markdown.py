"""The few shapes of Markdown that the report is made of, and how its numbers are written."""

import math
from collections.abc import Iterable, Sequence

from benchmarks.figures import Figure


def prose(text: str) -> str:
    """A paragraph, however its lines were broken in the source."""
    return " ".join(text.split())


DISTURBED = "°"  # behind a figure of all rounds, where some were disturbed
NO_FIGURE = ("-", "1")  # nothing to show, and numnet as many times as itself
WHY = "fewer than six of its own rounds, or of what it stands beside, were undisturbed"
CALMEST = "counts the calmest three quarters of its rounds by the probe, six at least,"
ALL_DISTURBED = f"Every figure of this table {CALMEST} since for each {WHY}."
SOME_DISTURBED = f"{DISTURBED} marks a figure that {CALMEST} since {WHY}."


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first hold numbers, and are set to the right."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def marked(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    absent: Sequence[Sequence[str]] = (),
    bounds: Sequence[Sequence[str]] = (),
) -> str:
    """A table, and above it what its signs mean; where every figure has one a sentence in place of them all.

    absent : rows of those who have no figures, which come last
    bounds : rows of what nobody can be faster than, which come first and are never disturbed
    """
    figures = [cell for row in rows for cell in row[1:] if cell not in NO_FIGURE]
    disturbed = [cell.endswith(DISTURBED) for cell in figures]
    if not any(disturbed):
        return table(header, [*bounds, *rows, *absent])
    if not all(disturbed):
        return section(SOME_DISTURBED, table(header, [*bounds, *rows, *absent]))
    plain = [[cell.replace(DISTURBED, "") for cell in row] for row in rows]
    return section(ALL_DISTURBED, table(header, [*bounds, *plain, *absent]))


def mark(figure: Figure, text: str) -> str:
    """The text, with a sign behind it where the machine was disturbed."""
    return text if figure.quiet else text + DISTURBED


def plain(figure: Figure) -> str:
    """Such as "2.85"."""
    return mark(figure, number(figure.median))


def times(figure: Figure) -> str:
    """Such as "1.31 (1.28 to 1.35)"; bold where the whole interval is below 1, and numnet the slower."""
    if figure.rounds == 0:
        return "-"
    text = f"{figure.median:.2f} ({figure.low:.2f} to {figure.high:.2f})"
    return mark(figure, lost(text, figure.high < 1))


def lost(text: str, is_lost: bool) -> str:
    """In bold where numnet loses."""
    return f"**{text}**" if is_lost else text


def verdict(found: Figure, limit: float, at_most: bool) -> str:
    """Whether a figure reaches a limit: undecided where its interval has values on both sides of it."""
    if found.rounds == 0 or math.isnan(found.median):
        return "not measured"
    met = [value <= limit if at_most else value >= limit for value in found[:3]]
    return {3: "met", 0: "**missed**"}.get(sum(met), "undecided")


def number(value: float) -> str:
    """Three digits that count, thousands set apart; ∞ for what never ended."""
    if math.isinf(value):
        return "∞"
    if value >= 100:
        return f"{round(value):,}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def in_threads(count: int) -> str:
    """Such as "1 thread" and "2 threads"."""
    return f"{count} thread{'s' * (count != 1)}"


def section(*parts: str) -> str:
    """Heading, paragraphs, tables, with a blank line between."""
    return "\n\n".join(part for part in parts if part)
