"""Digits that people drew or photographed themselves: how many of them the record's networks read.

They are measured on a folder of whoever runs this, and are no part of the project.
"""

from collections.abc import Sequence
from statistics import fmean

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.lines import OwnLine, Record
from benchmarks.accuracy.sections import Row, runs_of, setting_of
from benchmarks.report.markdown import prose, section, table
from numnet.training.standings import spread

KINDS = ("all", "not 28x28", "photos")


def own_digits(record: Record) -> str:
    """A row for each recipe's networks one by one, and one for all of its seeds together."""
    rows = [row for recipe in asked.OWN for row in _rows(record, recipe)]
    pictures = next((line.pictures for recipe in asked.OWN for line in _alone(record, recipe)), None)
    counted = "; ".join(f"{kind}: {pictures[kind]:,}" for kind in KINDS) if pictures else "none"
    asked_for = ", ".join(f"{100 * least:.0f} % of {kind}" for kind, least in asked.OWN_GOALS.items())
    return section(
        "## Digits of people's own",
        prose(f"""Drawings and photos that `python benchmarks/own_digits.py FOLDER MODEL.npz` reads as `numnet.predict`
            does; a picture that is refused counts as wrong. Pictures: {counted}. “Hands” is the mean over the people
            who wrote them. Of several networks one by one: the mean, with the least and the most. The goal was
            {asked_for}, for `{asked.OWN_GOAL_OF}`, one by one."""),
        table(("", *KINDS, "hands", "goal"), rows),
    )


def _alone(record: Record, recipe: str) -> list[OwnLine]:
    found = (record.own([run.sha256]) for run in runs_of(record, setting_of(recipe)))
    return [line for line in found if line]


def _rows(record: Record, recipe: str) -> list[Row]:
    alone = _alone(record, recipe)
    if not alone:
        return [(f"`{recipe}`", *["not run"] * len(KINDS), "-", "-")]
    rows = [(f"{len(alone)} of `{recipe}`, one by one", *_figures(alone), _verdict(recipe, alone))]
    members = [run.sha256 for run in runs_of(record, setting_of(recipe))]
    if len(members) > 1 and (together := record.own(members)):
        rows.append((f"{len(members)} of `{recipe}`, together", *_figures([together]), "-"))
    return rows


def _figures(lines: Sequence[OwnLine]) -> list[str]:
    values = [[line.accuracy[kind] for line in lines] for kind in KINDS]
    values.append([line.mean_over_hands for line in lines])
    return [_percent(each) for each in values]


def _percent(values: Sequence[float]) -> str:
    found = spread(values)
    assert found
    ends = f" ({100 * found.least:.1f} to {100 * found.most:.1f})" * (len(values) > 1)
    return f"{100 * found.mean:.1f} %{ends}"


def _verdict(recipe: str, lines: Sequence[OwnLine]) -> str:
    """Whether the mean of each kind is what was asked for."""
    if recipe != asked.OWN_GOAL_OF:
        return "-"
    missed = [kind for kind, least in asked.OWN_GOALS.items() if fmean(one.accuracy[kind] for one in lines) < least]
    return f"{cells.bold('missed')}: {', '.join(missed)}" if missed else "met"
