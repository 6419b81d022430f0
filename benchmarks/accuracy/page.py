"""The text of docs/accuracy.md, from the record's lines alone: what it is, the goals, and how to read it."""

from collections.abc import Iterable, Sequence

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.chosen import chosen
from benchmarks.accuracy.distorting import distortions
from benchmarks.accuracy.figures import accuracy_of, errors, interval, reaches, verdict
from benchmarks.accuracy.lines import Record
from benchmarks.accuracy.own import own_digits
from benchmarks.accuracy.repeats import repeats
from benchmarks.accuracy.sections import (
    ablations,
    committee_line,
    committees,
    contests,
    recipes,
    rivals,
    runs_of,
    seeds,
    setting_of,
)
from benchmarks.accuracy.table import Committee, Goal
from benchmarks.report.markdown import prose, section, table

AT = 0.995  # the accuracy that the page's example of an interval is of: what the best recipes come near


def page(record: Record) -> str:
    """All of it; what has not been run is said to be so."""
    parts = (
        head, goals, recipes, seeds, repeats, distortions, ablations, committees, own_digits, rivals, chosen, how
    )  # fmt: skip
    return section(*(part(record) for part in parts)) + "\n"


def head(record: Record) -> str:
    """What this page is, and on what machine it was measured."""
    machines = sorted({machine for machine in _environments(record) if machine})
    return section(
        "# How accurate, and how soon",
        prose("""Written by `make accuracy` from the lines in
            [benchmarks/results/accuracy](../benchmarks/results/accuracy). By hand were written: what was tried, under
            the goals; what is told above the tables of “How it was chosen”, figures of an earlier try among it; the
            pixels of Keras's elastic layer; what others published. Networks of dense layers alone, on the CPU; accuracy
            is on the 10,000 test images. A run looks at them once, when it has ended; a committee looks again."""),
        f"Measured on {'; '.join(machines)}." if machines else "Nothing has been run yet.",
        "![Accuracy on the test images over seconds](pictures/accuracy.png)" if machines else "",
    )


def _environments(record: Record) -> Iterable[str]:
    for setting in [*asked.known(asked.SETTINGS), *asked.ablations()]:
        yield from (run.environment for run in record.runs(setting))
    yield from (one.line.environment for one in contests(record) if one.line)


def goals(record: Record) -> str:
    """Each goal, met or missed."""
    rows = [
        _committee_goal(record, goal, goal.committee) if goal.committee else _goal(record, goal) for goal in asked.GOALS
    ]
    return section(
        "## The goals",
        prose("""Met is what the mean accuracy of all seeds meets, the slowest of all timed runs within the time: every
            run with these numbers on that machine counts, however often a seed was measured. Which committee has a goal
            was settled before any had answered."""),
        table(("", "accuracy", "seconds", "measured", "", "beyond it"), rows),
        "\n".join(
            f"- {row[0]}: {goal.tried}." for goal, row in zip(asked.GOALS, rows, strict=True) if _tells(goal, row)
        ),
    )


def _tells(goal: Goal, row: Sequence[str]) -> bool:
    """Whether there is to be said what was tried for a goal."""
    return bool(goal.tried) and row[4] == cells.bold("missed")


def _goal(record: Record, goal: Goal) -> Sequence[str]:
    setting = setting_of(goal.recipe, goal.data)
    runs = runs_of(record, setting)
    found, seconds = errors(runs), record.seconds(setting) if runs else []
    state = verdict(goal, runs, seconds, setting.seeds)
    measured = "-" if found is None else f"{cells.percent(found.mean)} in {_slowest(goal, seconds)}"
    if 0 < len(runs) < setting.seeds:
        measured += f", {len(runs)} of {setting.seeds} seeds"
    name = f"`{goal.recipe}`{cells.on(goal.data)}, {setting.seeds} seed{'s' * (setting.seeds > 1)}"
    wrong = found.mean if found and len(runs) == setting.seeds else None
    return (name, *_asked(goal), measured, cells.bold(state), _stretch(goal, wrong))


def _slowest(goal: Goal, seconds: Sequence[float]) -> str:
    """Such as "10.1 s, 9 of 10 runs in time"; of runs that all were, or none, it is not said."""
    in_time = sum(taken <= (goal.seconds or 0) for taken in seconds)
    some = f", {in_time} of {len(seconds)} runs in time" if 0 < in_time < len(seconds) else ""
    return f"{cells.seconds(max(seconds, default=None))} s{some}"


def _committee_goal(record: Record, goal: Goal, committee: Committee) -> Sequence[str]:
    line = committee_line(record, committee)
    wrong = line.errors if line else None
    state = "not run" if wrong is None else "met" if reaches(wrong, goal.accuracy) else "missed"
    measured = "-" if wrong is None else cells.percent(wrong)
    name = " ".join((f"committee of {committee.seeds} `{goal.recipe}`", *committee.flags))
    return (name, *_asked(goal), measured, cells.bold(state), _stretch(goal, wrong))


def _asked(goal: Goal) -> tuple[str, str]:
    return f"{100 * goal.accuracy:.4g} %", "-" if goal.seconds is None else f"{goal.seconds:,.0f}"


def _stretch(goal: Goal, wrong: float | None) -> str:
    if goal.stretch is None:
        return ""
    state = "not run" if wrong is None else "met" if reaches(wrong, goal.stretch) else "missed"
    return f"{100 * goal.stretch:.4g} %: {state}"


def how(record: Record) -> str:
    """What the figures can't say, and how to have them again."""
    low, high = interval((1 - AT) * asked.TEST_IMAGES)
    return HOW.format(
        wrong=asked.WRONG_LABELS,
        share=100 * asked.WRONG_LABELS / asked.TEST_IMAGES,
        beyond=100 * accuracy_of(asked.WRONG_LABELS),
        at=100 * AT,
        half=100 * (high - low) / 2,
        changed=cells.SINCE_CHANGED,
        parts=", ".join(asked.PARTS),
    )


HOW = """## What these figures can't say

- Of MNIST's 10,000 test labels {wrong} are known to be wrong, {share:.2f} % (Northcutt, Athalye and Mueller 2021,
  “Pervasive label errors in test sets destabilize machine learning benchmarks”): beyond {beyond:.2f} % one is rewarded
  for mistakes.
- Seeds tell what chance in training does; the 95 % interval tells what 10,000 images leave open. At {at:g} % that is
  some {half:.2f} points to either side, more than between many results that have been published.
- The test images have been public for decades, and which methods work on them is known: nobody, and so not numnet's
  recipes, chooses among methods in ignorance of them. “How it was chosen” says what numnet's recipes owe to them.
- We know of no published record of the time that perceptrons without convolutions take to an accuracy on a CPU: the
  lines in the picture are of accuracy alone, and were reached on other machines, GPUs among them.

## How to repeat it

```sh
make bench-install                      # .venv-bench, with Keras and PyTorch, some 3 GB
make accuracy                           # what is lacking, then this page; stop it and go on as you like
make accuracy FASHION=DIR OWN=DIR       # with Fashion-MNIST's files and people's own digits, else left out
make accuracy PART=strong,rivals        # parts: {parts}
.venv-bench/bin/python -m benchmarks.accuracy --page           # this page alone, from the lines
.venv-bench/bin/python -m benchmarks.accuracy --anew           # in spite of the lines that are there
python -m numnet.train --recipe record --json                  # one run: compare its parameters_sha256 with the table's
```

Seconds are of machines that have nothing else to do; a timed run that was stopped is begun anew. A line counts as long
as its recipe has the numbers that it had then: {changed} says that the code has been changed since. Another machine has
a record of its own: it runs what it lacks, and the page shows the one that has more, or is newer. Measuring a seed
again replaces its row, but takes no time out of the goals. The models stay in `benchmarks/models`, where `make clean`
leaves them."""
