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
from numnet.training.metrics import wilson_interval
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
        prose("""The pictures were there while the reading of pictures was developed, to develop it on and to measure it
            as it went: digits of other hands may be read less well. They are not public, so these figures, unlike all
            others here, can't be checked by others; with a folder of their own they can measure the same."""),
        table(("", *KINDS, "hands", "goal", "commit"), rows),
        _by_kind(record),
    )


def _by_kind(record: Record) -> str:
    """A row for each kind and medium: the mean of the networks one by one, and what so few pictures leave open."""
    columns = {recipe: lines for recipe in asked.OWN if (lines := _alone(record, recipe))}
    if not columns:
        return ""
    pictures = next(iter(columns.values()))[0].pictures
    rows = [
        (kind, f"{count:,}", *(cell for lines in columns.values() for cell in _mean_and_ends(lines, kind)))
        for kind, count in pictures.items()
    ]
    heading = [cell for recipe in columns for cell in (f"`{recipe}`", "95 % interval")]
    return section(
        prose("""By kind and by medium, the networks one by one. The interval is Wilson's, of the mean, as if each
            picture were by another hand; as one hand wrote several, it is wider in truth."""),
        table(("", "pictures", *heading), rows),
    )


def _mean_and_ends(lines: Sequence[OwnLine], kind: str) -> tuple[str, str]:
    known = [line for line in lines if kind in line.accuracy]
    if not known:
        return ("-", "-")
    share, count = fmean(line.accuracy[kind] for line in known), known[0].pictures[kind]
    low, high = wilson_interval(round(share * count), count)
    return (f"{100 * share:.1f} %", f"{100 * low:.1f} to {100 * high:.1f}")


def _alone(record: Record, recipe: str) -> list[OwnLine]:
    found = (record.own([run.sha256]) for run in runs_of(record, setting_of(recipe)))
    return [line for line in found if line]


def _rows(record: Record, recipe: str) -> list[Row]:
    alone = _alone(record, recipe)
    if not alone:
        return [(f"`{recipe}`", *["not run"] * len(KINDS), "-", "-", "-")]
    name = f"{len(alone)} of `{recipe}`, one by one"
    rows = [(name, *_figures(alone), _verdict(recipe, alone), _commits(record, alone))]
    members = [run.sha256 for run in runs_of(record, setting_of(recipe))]
    if len(members) > 1 and (together := record.own(members)):
        name = f"{len(members)} of `{recipe}`, together"
        rows.append((name, *_figures([together]), "-", _commits(record, [together])))
    return rows


def _commits(record: Record, lines: Sequence[OwnLine]) -> str:
    return cells.commits(cells.commit(line.commit, line.code, record.own_code) for line in lines)


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
