"""The text of docs/accuracy.md, from the record's lines alone."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.accuracy import table as asked
from benchmarks.accuracy.figures import accuracy_of, difference, errors, interval, reaches, verdict
from benchmarks.accuracy.lines import Line, Record, Run
from benchmarks.accuracy.table import Committee, Goal, Setting
from benchmarks.report.markdown import number, prose, section, table
from numnet.training.grid import changes_in_words
from numnet.training.recipes import RECIPES, find_recipe
from numnet.training.standings import Spread, spread

Row = Sequence[str]


def page(record: Record) -> str:
    """All of it; what has not been run is said to be so."""
    parts = (head, goals, recipes, seeds, ablations, committees, rivals, how)
    return section(*(part(record) for part in parts)) + "\n"


def head(record: Record) -> str:
    """What this page is, and on what machine it was measured."""
    machines = sorted({machine for machine in _environments(record) if machine})
    return section(
        "# How accurate, and how soon",
        prose("""Written by `make accuracy` from the lines in
            [benchmarks/results/accuracy](../benchmarks/results/accuracy), every figure of it. Networks of dense layers
            alone, on the CPU; accuracy is on the 10,000 test images, at the end of the last epoch, looked at once."""),
        f"Measured on {'; '.join(machines)}." if machines else "Nothing has been run yet.",
        "![Accuracy on the test images over seconds](pictures/accuracy.png)" if machines else "",
    )


def _environments(record: Record) -> Iterable[str]:
    for setting in [*asked.known(asked.SETTINGS), *asked.ablations()]:
        yield from (run.environment for run in record.runs(setting))
    yield from (one.line["environment"] for one in contests(record) if one.line)


def goals(record: Record) -> str:
    """Each goal, met or missed."""
    rows = [_committee_goal(record, goal) if goal.seconds is None else _goal(record, goal) for goal in asked.GOALS]
    return section(
        "## The goals",
        "Met is what the mean accuracy of all seeds meets, and the slowest of them within the time.",
        table(("", "accuracy", "seconds", "measured", "", "beyond it"), rows),
    )


def _goal(record: Record, goal: Goal) -> Row:
    setting = _setting_of(goal.recipe, goal.data)
    runs = _runs(record, setting)
    found, slowest = errors(runs), spread(run.seconds for run in runs)
    state = verdict(goal, runs, setting.seeds)
    measured = "-" if found is None else f"{_percent(found.mean)} in {_seconds(slowest and slowest.most)} s"
    if 0 < len(runs) < setting.seeds:
        measured += f", {len(runs)} of {setting.seeds} seeds"
    name = f"`{goal.recipe}`" + _on(goal.data) + f", {setting.seeds} seed{'s' * (setting.seeds > 1)}"
    return (name, *_asked(goal), measured, _bold(state), _stretch(goal, found.mean if found else None))


def _committee_goal(record: Record, goal: Goal) -> Row:
    found = [line["errors"] for _, line in _committee_lines(record) if line and line["recipe"] == goal.recipe]
    best = min(found, default=None)
    state = "not run" if best is None else "met" if reaches(best, goal.accuracy) else "missed"
    measured = "-" if best is None else _percent(best)
    return (f"committee of `{goal.recipe}`", *_asked(goal), measured, _bold(state), _stretch(goal, best))


def _setting_of(recipe: str, data: str = asked.MNIST) -> Setting:
    """A recipe's row of the table."""
    return next(one for one in asked.SETTINGS if (one.recipe, one.data) == (recipe, data))


def _asked(goal: Goal) -> tuple[str, str]:
    return f"{100 * goal.accuracy:.4g} %", "-" if goal.seconds is None else f"{goal.seconds:,.0f}"


def _stretch(goal: Goal, wrong: float | None) -> str:
    if goal.stretch is None:
        return ""
    state = "not run" if wrong is None else "met" if reaches(wrong, goal.stretch) else "missed"
    return f"{100 * goal.stretch:.4g} %: {state}"


def _bold(state: str) -> str:
    return f"**{state}**" if state == "missed" else state


def recipes(record: Record) -> str:
    """A row for each recipe and data set: what its seeds come to."""
    heading = (
        "recipe", "seeds", "accuracy, mean", "± over seeds", "95 % interval", "errors", "epochs", "seconds", "TFLOP",
        "MiB at most", "commit",
    )  # fmt: skip
    found = [_recipe_row(setting, _runs(record, setting)) for setting in asked.SETTINGS]
    described = ["- " + find_recipe(name).describe(784, 10) for name in _names()]
    return section(
        "## By recipe",
        table(heading, found),
        prose("""±: the standard deviation over seeds. The interval is Wilson's, of the mean: what 10,000 images leave
            open, whatever the seed. Errors: the mean number of test images, with the least and the most. Seconds: from
            the process's start to its end, reading, loading compiled code, training and test included; mean, and in
            brackets the slowest. TFLOP: 10¹² floating-point operations of the dense products."""),
        "\n".join(described),
    )


def _names() -> list[str]:
    return list(dict.fromkeys(setting.recipe for setting in asked.known(asked.SETTINGS)))


def _runs(record: Record, setting: Setting) -> list[Run]:
    return record.runs(setting) if setting.recipe in RECIPES else []


def _recipe_row(setting: Setting, runs: Sequence[Run]) -> Row:
    name = f"`{setting.recipe}`{_on(setting.data)}"
    found = errors(runs)
    if found is None:
        return (name, "not run", *["-"] * 9)
    seconds, epochs = spread(run.seconds for run in runs), spread(run.epochs for run in runs)
    tera, memory = spread(run.flops and run.flops / 1e12 for run in runs), spread(run.peak_mib for run in runs)
    return (
        name,
        str(len(runs)) if len(runs) == setting.seeds else f"{len(runs)} of {setting.seeds}",
        _percent(found.mean),
        "-" if found.deviation is None else f"{100 * found.deviation / asked.TEST_IMAGES:.3f}",
        _ends(found.mean),
        f"{found.mean:.1f} ({found.least:.0f} to {found.most:.0f})",
        _mean(epochs),
        "-" if seconds is None else f"{_seconds(seconds.mean)} ({_seconds(seconds.most)})",
        _mean(tera),
        "-" if memory is None else number(memory.most),
        _commits(runs),
    )


def _mean(found: Spread | None) -> str:
    return "-" if found is None else number(found.mean)


def seeds(record: Record) -> str:
    """A row for each run, with the digest by which another's can be told to be the same."""
    rows = [
        (
            f"`{setting.recipe}`{_on(setting.data)}",
            str(run.seed),
            str(run.errors),
            _percent(run.errors),
            _ends(run.errors),
            "in parts" if run.seconds is None else _seconds(run.seconds),
            "-" if run.peak_mib is None else number(run.peak_mib),
            run.code,
            f"`{run.sha256}`",
        )
        for setting in asked.known(asked.SETTINGS)
        for run in record.runs(setting)
    ]
    heading = (
        "recipe", "seed", "errors", "accuracy", "95 % interval", "seconds", "MiB", "commit", "SHA-256 of parameters",
    )  # fmt: skip
    return section(
        "## Seed by seed",
        prose("""With the same commit, versions and kind of CPU a run ends with the same parameters to the bit, on any
            number of threads: the SHA-256 says so. “In parts”: the run was interrupted and went on, to the same bits,
            and its time is not quoted."""),
        table(heading, rows) if rows else "Not run.",
    )


def ablations(record: Record) -> str:
    """What each switch of a recipe is worth."""
    return section(
        "## What each piece is worth",
        prose(f"""`{asked.ABLATED}` cut to {asked.ABLATION_EPOCHS:g} epochs, {asked.ABLATION_SEEDS} seeds, as it is and
            with one switch off at a time. A piece's worth in a whole run may be another: distortion, say, is worth more
            the longer one trains."""),
        _ablation_table(record) or "Not run.",
        prose("""Worth: by how many test images the mean of errors grows without the piece. It is beyond noise where it
            is more than chance over seeds makes in one case of twenty: Student's t with the standard deviation within
            settings, pooled over all of the table. With so many rows one in twenty is to be expected without any
            cause, and all of it is on the same test images."""),
    )


def _ablation_table(record: Record) -> str:
    found = [(setting, [float(run.errors) for run in record.runs(setting)]) for setting in asked.ablations()]
    if not found or not found[0][1]:
        return ""
    groups = [wrong for _, wrong in found]
    rows = [_ablation_row(setting, wrong, groups) for setting, wrong in found]
    return table(("without", "seeds", "errors, mean", "± over seeds", "worth", "noise", "beyond noise"), rows)


def _ablation_row(setting: Setting, wrong: Sequence[float], groups: Sequence[Sequence[float]]) -> Row:
    off = {name: value for name, value in setting.changes.items() if name in asked.SWITCHES}
    name = " ".join(changes_in_words(off)) or "nothing: as it is"
    found = spread(wrong)
    if found is None:
        return (name, "not run", *["-"] * 5)
    deviation = "-" if found.deviation is None else f"{found.deviation:.1f}"
    shown = (name, str(len(wrong)), f"{found.mean:.1f}", deviation)
    if not off:
        return (*shown, "", "", "")
    more = difference(wrong, groups[0], groups)
    said = {None: "one seed each can't say", True: "yes", False: "no"}[more.is_beyond_noise]
    return (*shown, f"{more.errors:+.1f}", "-" if more.noise is None else f"{more.noise:.1f}", said)


def committees(record: Record) -> str:
    """What networks come to that answer together."""
    rows = [_committee_row(committee, line) for committee, line in _committee_lines(record)]
    return section(
        "## Committees",
        "One network of each seed; the mean of their probabilities answers.",
        table(("committee", "errors", "accuracy", "95 % interval", "commit"), rows),
    )


def _committee_lines(record: Record) -> list[tuple[Committee, Line | None]]:
    """Each committee of the table, and what it came to with the runs that count now."""
    found: list[tuple[Committee, Line | None]] = []
    for one in asked.COMMITTEES:
        members = _runs(record, Setting(one.recipe, one.seeds))
        found.append((one, record.committee(one, members) if len(members) == one.seeds else None))
    return found


def _committee_row(committee: Committee, line: Line | None) -> Row:
    name = f"{committee.seeds} of `{committee.recipe}`" + (f", `{' '.join(committee.flags)}`" * bool(committee.flags))
    if line is None:
        return (name, "not run", "-", "-", "-")
    return (name, str(line["errors"]), _percent(line["errors"]), _ends(line["errors"]), line["code"])


def rivals(record: Record) -> str:
    """The same networks, trained by the frameworks."""
    found = contests(record)
    abouts = {one.line["title"]: one.line["about"] for one in found if one.line and "title" in one.line}
    failed = [
        f"- {one.name}, `{one.recipe}`: {one.line['failed']}" for one in found if one.line and "failed" in one.line
    ]
    return section(
        "## Beside Keras and PyTorch",
        prose("""The recipe's layer sizes, dropout, batch size, epochs, schedule, weight decay, smoothing and averaging,
            with AdamW, as the frameworks' own communities write it; initial weights and random numbers are their own.
            Images are distorted by what each framework offers, as strongly as numnet distorts them where it can. Each
            run is a process on all cores, timed from its start; numnet's row is the mean of its seeds."""),
        table(("", "recipe", "seed", "errors", "accuracy", "seconds", "MiB at most", "commit"), _rival_rows(record)),
        "\n".join(f"- {title}: {prose(about)}" for title, about in abouts.items()),
        section("Could not be measured:", "\n".join(failed)) if failed else "",
    )


class Contest(NamedTuple):
    """A rival, the recipe and the seed that it trains with, and its line, where it has one."""

    name: str
    recipe: str
    seed: int
    line: Line | None


def contests(record: Record) -> list[Contest]:
    """Each rival with each recipe and seed."""
    return [
        Contest(name, recipe, seed, record.rival(name, find_recipe(recipe), seed))
        for recipe in asked.CONTESTS
        if recipe in RECIPES
        for name in asked.RIVALS
        for seed in range(asked.RIVAL_SEEDS)
    ]


def _rival_rows(record: Record) -> list[Row]:
    found = contests(record)
    rows: list[Row] = []
    for recipe in dict.fromkeys(one.recipe for one in found):
        rows.append(_our_row(recipe, record.runs(_setting_of(recipe))))
        rows += [_rival_row(one) for one in found if one.recipe == recipe]
    return rows


def _our_row(recipe: str, runs: Sequence[Run]) -> Row:
    wrong, seconds = errors(runs), spread(run.seconds for run in runs)
    if wrong is None:
        return ("numnet", f"`{recipe}`", "not run", *["-"] * 5)
    memory = spread(run.peak_mib for run in runs)
    return (
        "numnet",
        f"`{recipe}`",
        _seeds_in_words(runs),
        f"{wrong.mean:.1f}",
        _percent(wrong.mean),
        _seconds(seconds and seconds.mean),
        "-" if memory is None else number(memory.most),
        _commits(runs),
    )


def _rival_row(one: Contest) -> Row:
    name = one.line.get("title", one.name) if one.line else one.name
    if one.line is None or "failed" in one.line:
        return (name, f"`{one.recipe}`", "failed" if one.line else "not run", *["-"] * 5)
    wrong, seconds, memory = (one.line[name] for name in ("errors", "seconds", "peak_mib"))
    figures = (str(wrong), _percent(wrong), _seconds(seconds), number(memory))
    return (name, f"`{one.recipe}`", str(one.seed), *figures, one.line["code"])


def _seeds_in_words(runs: Sequence[Run]) -> str:
    numbers = [run.seed for run in runs]
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _commits(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({run.code for run in runs}))


def _percent(wrong: float) -> str:
    """The accuracy that so many errors leave; three digits behind the point only where a mean needs them."""
    return f"{100 * accuracy_of(wrong):.{2 if wrong == int(wrong) else 3}f} %"


def _seconds(seconds: float | None) -> str:
    """A tenth of a second counts below a hundred of them."""
    return "-" if seconds is None else f"{seconds:.1f}" if seconds < 100 else number(seconds)


def _ends(wrong: float) -> str:
    return "{:.2f} to {:.2f}".format(*(100 * end for end in interval(wrong)))


def _on(data: str) -> str:
    return "" if data == asked.MNIST else f" on {data}"


def how(record: Record) -> str:
    """How it was chosen, what the figures can't say, and how to have them again."""
    return HOW


HOW = """## How it was chosen

The numbers of every recipe were chosen on the validation split, 5,000 of the 60,000 training images, and never by the
test images. A recipe that trains on all 60,000 was chosen without the 5,000, and then trained with the numbers as they
were. The result is the network that the run ends with, never the best of its epochs on the test images.

## What these figures can't say

- Of MNIST's 10,000 test labels 15 are known to be wrong, 0.15 % (Northcutt, Athalye and Mueller 2021, “Pervasive label
  errors in test sets destabilize machine learning benchmarks”): beyond 99.85 % one is rewarded for mistakes.
- Seeds tell what chance in training does; the 95 % interval tells what 10,000 images leave open. At 99.5 % that is some
  0.14 points to either side, more than between many results that have been published.
- The test images have been public for decades, and which methods work on them is known: nobody, and so not numnet's
  recipes, chooses among methods in ignorance of them.
- We know of no published record of the time that perceptrons without convolutions take to an accuracy on a CPU: the
  lines in the picture are of accuracy alone, and were reached on other machines, GPUs among them.

## How to repeat it

```sh
make bench-install                      # .venv-bench, with Keras and PyTorch, some 3 GB
make accuracy                           # everything that is lacking, then this page; stop it and go on as you like
make accuracy PART=strong,rivals        # parts: a recipe's name, fashion, committee, rivals, ablations
.venv-bench/bin/python -m benchmarks.accuracy --fashion DIR    # with the four files of Fashion-MNIST in DIR
.venv-bench/bin/python -m benchmarks.accuracy --page           # this page alone, from the lines
.venv-bench/bin/python -m benchmarks.accuracy --anew           # in spite of older commits' lines
```

Seconds are of machines that have nothing else to do. A line counts as long as its recipe has the numbers that it had
then; each says which commit it is of."""
