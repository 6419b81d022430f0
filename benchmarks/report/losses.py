"""Where numnet loses: what is in bold in the tables of a page, counted."""

from typing import NamedTuple

from benchmarks.report.markdown import NO_FIGURE, lost


class Lost(NamedTuple):
    """The figures of a table's column that are in bold, of so many."""

    section: str
    column: str
    bold: int
    figures: int


MARK = lost("", is_lost=True)[:2]


def lost_in(text: str) -> list[Lost]:
    """Each column of a page's tables in which anything is in bold, in the page's order.

    text : Markdown; columns of one name in one section are counted together
    """
    found: dict[tuple[str, str], list[int]] = {}
    section, header = "", list[str]()
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if not line.startswith("| "):
            header = []
        elif not header:
            header = _cells(line)
        elif not line.startswith("| --- "):
            for column, cell in zip(header[1:], _cells(line)[1:], strict=True):
                if cell not in NO_FIGURE and not cell.startswith("-,"):  # as of a rival that took no part
                    found.setdefault((section, f"{header[0]} {column}".strip()), []).append(MARK in cell)
    return [Lost(*key, sum(bold), len(bold)) for key, bold in found.items() if any(bold)]


def told(text: str) -> str:
    """Where numnet loses, in a sentence; the page's text as above."""
    sections: dict[str, list[Lost]] = {}
    for one in lost_in(text):
        sections.setdefault(one.section, []).append(one)
    if not sections:
        return "In no figure of the tables does numnet lose."
    count = sum(one.bold for each in sections.values() for one in each)
    parts = [
        f"{name} ({', '.join(f'“{one.column}” {one.bold} of {one.figures}' for one in each)})"
        for name, each in sections.items()
    ]
    return f"numnet loses in {count} figures of the tables: {'; '.join(parts)}."


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line[1:-1].split("|")]
