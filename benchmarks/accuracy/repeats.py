"""Whether runs that should end with the same bits did: how many were repeated, and at which commits."""

from collections.abc import Sequence

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.lines import Record, Run
from benchmarks.accuracy.sections import Row
from benchmarks.accuracy.table import Setting
from benchmarks.report.markdown import lost, prose, section, table


def repeats(record: Record) -> str:
    """A row for each recipe and data set that was run."""
    rows = [_row(record, setting) for setting in asked.known(asked.SETTINGS) if record.runs(setting)]
    return section(
        "## The same bits again",
        prose("""All runs with the same numbers on the machine of the recipe's row, at whatever commit: of how many
            seeds there is more than one, and how many of these ended with the same SHA-256 every time. Of a seed that
            was run once nothing is shown."""),
        table(("recipe", "runs", "seeds run again", "always the same bits", "commits"), rows) if rows else "Not run.",
    )


def _row(record: Record, setting: Setting) -> Row:
    runs = record.every(setting)
    again = [same for same in _by_seed(runs) if len(same) > 1]
    alike = sum(len({run.sha256 for run in same}) == 1 for same in again)
    said = lost(f"{alike} of {len(again)}", alike < len(again)) if again else "not shown"
    commits = cells.commits(cells.commit(run.commit, run.code, record.code) for run in runs)
    return (f"`{setting.recipe}`{cells.on(setting.data)}", str(len(runs)), str(len(again)), said, commits)


def _by_seed(runs: Sequence[Run]) -> list[list[Run]]:
    return [[run for run in runs if run.seed == seed] for seed in sorted({run.seed for run in runs})]
