"""The README's table of the recipes, from the record's lines."""

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.figures import errors
from benchmarks.accuracy.lines import Record
from benchmarks.accuracy.sections import Row, runs_of
from benchmarks.accuracy.table import Setting
from benchmarks.report.markdown import prose, section, table
from numnet.training.recipes import find_recipe
from numnet.training.standings import spread


def summary(record: Record) -> str:
    """A row for each recipe that numnet has, and on what machine they were measured."""
    settings = asked.known(asked.SETTINGS)
    machines = sorted({run.environment for setting in settings for run in runs_of(record, setting)})
    return section(
        table(
            ("recipe", "test accuracy, mean of its seeds (least to most)", "seconds"),
            [_row(record, one) for one in settings],
        ),
        prose(f"""Measured on {"; ".join(machines) or "no machine yet"}. Seconds are a whole process's, from its start
            to its end, the mean of all timed runs. Seed by seed, and with what else was tried:
            [docs/accuracy.md](docs/accuracy.md)."""),
    )


def _row(record: Record, setting: Setting) -> Row:
    runs, is_other = runs_of(record, setting), setting.data != asked.MNIST
    found = errors(runs)
    about = "the same numbers on other data" if is_other else find_recipe(setting.recipe).about
    name = f"`{setting.recipe}`{cells.on(setting.data)}: {about}"
    if found is None:
        return (name, "not run", "-")
    seconds = spread(record.seconds(setting))
    ends = f"{cells.percent(found.most)} to {cells.percent(found.least)}"
    return (name, f"{cells.percent(found.mean)} ({ends})", cells.seconds(seconds and seconds.mean))
