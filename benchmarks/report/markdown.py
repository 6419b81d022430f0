"""The few shapes of Markdown that the report is made of, and how its numbers are written."""

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figure

DISTURBED = "°"  # behind a figure of which fewer than six rounds were undisturbed


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first hold numbers, and are set to the right."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


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
    return mark(figure, f"**{text}**" if figure.high < 1 else text)


def number(value: float) -> str:
    """Three digits that count, thousands set apart."""
    if value >= 100:
        return f"{round(value):,}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def prose(text: str) -> str:
    """A paragraph, however its lines were broken in the source."""
    return " ".join(text.split())


def section(*parts: str) -> str:
    """Heading, paragraphs, tables, with a blank line between."""
    return "\n\n".join(part for part in parts if part)
