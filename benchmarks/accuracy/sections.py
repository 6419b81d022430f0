"""The tables of docs/accuracy.md: recipes, seeds, what each piece is worth, committees, rivals."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.accuracy import cells
from benchmarks.accuracy import table as asked
from benchmarks.accuracy.figures import Pooled, difference, errors, pooled
from benchmarks.accuracy.lines import CommitteeLine, Record, RivalLine, Run
from benchmarks.accuracy.table import Committee, Setting
from benchmarks.report.markdown import number, prose, section, table
from numnet.training.grid import changes_in_words
from numnet.training.recipes import RECIPES, find_recipe
from numnet.training.standings import spread

Row = Sequence[str]


def recipes(record: Record) -> str:
    """A row for each recipe and data set: what its seeds come to."""
    heading = (
        "recipe", "seeds", "accuracy, mean", "± over seeds", "95 % interval", "errors", "epochs", "seconds", "TFLOP",
        "MiB at most", "commit",
    )  # fmt: skip
    found = [_recipe_row(record, setting) for setting in asked.SETTINGS]
    names = dict.fromkeys(setting.recipe for setting in asked.known(asked.SETTINGS))
    return section(
        "## By recipe",
        table(heading, found),
        prose(f"""±: the standard deviation over seeds. The interval is Wilson's, of the mean: what 10,000 images leave
            open, whatever the seed. Errors: the mean number of test images, with the least and the most. Seconds: the
            whole process from its start to its end, reading, loading compiled code, training and test included, as
            whoever started it sees it; the mean of all timed runs with these numbers, a seed's older ones among them,
            and in brackets the slowest. The compiled code was in its cache already.
            TFLOP: 10¹² floating-point operations of the dense products, those with zeros, which the kernels skip,
            counted as well. A row is of one machine.
            Behind a commit + says that files were not as committed, and {cells.SINCE_CHANGED} that the code that trains
            has been changed since, though not the recipe's numbers."""),
        "\n".join("- " + find_recipe(name).describe(784, 10) for name in names),
    )


def runs_of(record: Record, setting: Setting) -> list[Run]:
    """What counts of a setting; nothing where numnet does not have the recipe yet."""
    return record.runs(setting) if setting.recipe in RECIPES else []


def _recipe_row(record: Record, setting: Setting) -> Row:
    runs, name = runs_of(record, setting), f"`{setting.recipe}`{cells.on(setting.data)}"
    found = errors(runs)
    if found is None:
        return (name, "not run", *["-"] * 9)
    seconds = spread(record.seconds(setting))
    return (
        name,
        str(len(runs)) if len(runs) == setting.seeds else f"{len(runs)} of {setting.seeds}",
        cells.percent(found.mean),
        "-" if found.deviation is None else f"{100 * found.deviation / asked.TEST_IMAGES:.3f}",
        cells.ends(found.mean),
        f"{found.mean:.1f} ({found.least:.0f} to {found.most:.0f})",
        cells.mean(spread(run.epochs for run in runs)),
        "-" if seconds is None else f"{cells.seconds(seconds.mean)} ({cells.seconds(seconds.most)})",
        cells.mean(spread(run.flops / 1e12 for run in runs)),
        cells.most(spread(run.peak_mib for run in runs)),
        _commits(record, runs),
    )


def _commits(record: Record, runs: Sequence[Run]) -> str:
    return cells.commits(cells.commit(run.commit, run.code, record.code) for run in runs)


def seeds(record: Record) -> str:
    """A row for each run, with the digest by which another's can be told to be the same."""
    rows = [
        (
            f"`{setting.recipe}`{cells.on(setting.data)}",
            str(run.seed),
            str(run.errors),
            cells.percent(run.errors),
            cells.ends(run.errors),
            "in parts" if run.seconds is None else cells.seconds(run.seconds),
            "-" if run.peak_mib is None else number(run.peak_mib),
            _commits(record, [run]),
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
            number of threads: the SHA-256 tells whether it did. Of each seed the newest run. “In parts”: the run was
            interrupted and went on, or was not alone, to the same bits; its time is not quoted, and `make accuracy`
            runs it again."""),
        table(heading, rows) if rows else "Not run.",
    )


def ablations(record: Record) -> str:
    """What each switch of a recipe is worth."""
    found = [(setting, [float(run.errors) for run in record.runs(setting)]) for setting in asked.ablations()]
    ran = bool(found and found[0][1])
    return section(
        "## What each piece is worth",
        prose(f"""`{asked.ABLATED}` cut to {asked.ABLATION_EPOCHS:g} epochs, {asked.ABLATION_SEEDS} seeds, as it is,
            with each of its pieces off, and with each that it has not on, one at a time. A piece's worth in a whole run
            may be another: distortion, say, is worth more the longer one trains."""),
        _ablation_table(found) if ran else "Not run.",
    )


def _ablation_table(found: Sequence[tuple[Setting, Sequence[float]]]) -> str:
    within, comparisons = pooled(wrong for _, wrong in found), len(found) - 1
    rows = [_ablation_row(setting, wrong, found[0][1], within, comparisons) for setting, wrong in found]
    return section(
        table(("with", "seeds", "errors, mean", "± over seeds", "more errors", "noise", "beyond noise"), rows),
        prose(f"""More errors: by how many test images the mean of errors grows with the change; less than 0 is for
            the better. It is beyond noise where it is more than chance over seeds makes, either way: Student's t with
            the standard deviation within settings, pooled over the table, {within.deviation:.1f} errors with
            {within.freedom} degrees of freedom. {comparisons} comparisons
            are made with the one row above, and each may err in {100 * asked.FAMILY_ERROR / max(1, comparisons):.2g} %
            of cases, so that chance makes any “yes” at all in {100 * asked.FAMILY_ERROR:g} % of such tables at most
            (Bonferroni). All rows have the same seeds, so they share initial weights and the order of images where
            these are alike, which the test does not use; and all of it is on the same test images."""),
    )


def _ablation_row(
    setting: Setting, wrong: Sequence[float], whole: Sequence[float], within: Pooled, comparisons: int
) -> Row:
    turned = {name: value for name, value in setting.changes.items() if name in asked.SWITCHES}
    name = " ".join(changes_in_words(turned)) or "nothing changed"
    found = spread(wrong)
    if found is None:
        return (name, "not run", *["-"] * 5)
    deviation = "-" if found.deviation is None else f"{found.deviation:.1f}"
    shown = (name, str(len(wrong)), f"{found.mean:.1f}", deviation)
    if not turned:
        return (*shown, "", "", "")
    more = difference(wrong, whole, within, comparisons)
    said = {None: "too few seeds to say", True: "yes", False: "no"}[more.is_beyond_noise]
    return (*shown, f"{more.errors:+.1f}", "-" if more.noise is None else f"{more.noise:.1f}", said)


def committees(record: Record) -> str:
    """What networks come to that answer together."""
    rows = [_committee_row(record, committee) for committee in asked.COMMITTEES]
    return section(
        "## Committees",
        "One network of each seed; the mean of their probabilities answers.",
        table(("committee", "errors", "accuracy", "95 % interval", "commit"), rows),
    )


def committee_line(record: Record, committee: Committee) -> CommitteeLine | None:
    """What a committee came to with the runs that count now."""
    members = runs_of(record, Setting(committee.recipe, committee.seeds))
    return record.committee(committee, members) if len(members) == committee.seeds else None


def _committee_row(record: Record, committee: Committee) -> Row:
    name = f"{committee.seeds} of `{committee.recipe}`" + (f", `{' '.join(committee.flags)}`" * bool(committee.flags))
    line = committee_line(record, committee)
    if line is None:
        return (name, "not run", "-", "-", "-")
    commit = cells.commit(line.commit, line.code, record.committees_code)
    return (name, str(line.errors), cells.percent(line.errors), cells.ends(line.errors), commit)


def rivals(record: Record) -> str:
    """The same networks, trained by the frameworks."""
    found = contests(record)
    abouts = {one.line.measured.title: one.line.measured.about for one in found if one.line and one.line.measured}
    failed = [f"- {one.name}, `{one.recipe}`: {one.line.failed}" for one in found if one.line and one.line.failed]
    return section(
        "## Beside Keras and PyTorch",
        prose("""The recipe's layer sizes, dropout, batch size, epochs, schedule, weight decay, smoothing and averaging,
            with AdamW, as the frameworks' own communities write it; initial weights and random numbers are their own.
            Images are distorted by what each framework offers, as strongly as numnet distorts them where it can. Each
            run is a process on all cores, timed from its start to its end, after one of a single step. numnet finds its
            compiled code in its cache; XLA keeps none between processes, so Keras compiles within its seconds. numnet's
            row is the mean of its seeds, on the same machine. Keras distorts image by image, which
            takes so long that it has fewer runs. MiB at most: the rivals' is of their own process alone; numnet's is no
            less than that of the process which started it, and so may be too much."""),
        table(("", "recipe", "seed", "errors", "accuracy", "seconds", "MiB at most", "commit"), _rival_rows(record)),
        "\n".join(f"- {title}: {prose(about)}" for title, about in abouts.items()),
        section("Could not be measured:", "\n".join(dict.fromkeys(failed))) if failed else "",
    )


class Contest(NamedTuple):
    """A rival, the recipe and the seed that it trains with, and its line, where it has one."""

    name: str
    recipe: str
    seed: int
    line: RivalLine | None


def contests(record: Record) -> list[Contest]:
    """Each rival with each recipe and seed, on the machine that numnet's own row is of, where there is one."""
    found: list[Contest] = []
    for name, recipe, count in asked.CONTESTS:
        if recipe in RECIPES:
            machine = next((run.environment for run in record.runs(setting_of(recipe))), None)
            numbers = find_recipe(recipe)
            found += [Contest(name, recipe, seed, record.rival(name, numbers, seed, machine)) for seed in range(count)]
    return found


def setting_of(recipe: str, data: str = asked.MNIST) -> Setting:
    """A recipe's row of the table."""
    return next(one for one in asked.SETTINGS if (one.recipe, one.data) == (recipe, data))


def _rival_rows(record: Record) -> list[Row]:
    found = contests(record)
    rows: list[Row] = []
    for recipe in dict.fromkeys(one.recipe for one in found):
        rows.append(_our_row(record, recipe))
        rows += [_rival_row(record, one) for one in found if one.recipe == recipe]
    return rows


def _our_row(record: Record, recipe: str) -> Row:
    runs = record.runs(setting_of(recipe))
    wrong, seconds = errors(runs), spread(record.seconds(setting_of(recipe)))
    if wrong is None:
        return ("numnet", f"`{recipe}`", "not run", *["-"] * 5)
    return (
        "numnet",
        f"`{recipe}`",
        _seeds_in_words(runs),
        f"{wrong.mean:.1f}",
        cells.percent(wrong.mean),
        cells.seconds(seconds and seconds.mean),
        cells.most(spread(run.peak_mib for run in runs)),
        _commits(record, runs),
    )


def _rival_row(record: Record, one: Contest) -> Row:
    if one.line is None or one.line.measured is None:
        return (one.name, f"`{one.recipe}`", "failed" if one.line else "not run", *["-"] * 5)
    found = one.line.measured
    figures = (str(found.errors), cells.percent(found.errors), cells.seconds(found.seconds), number(found.peak_mib))
    commit = cells.commit(one.line.commit, one.line.code, record.rivals_code)
    return (found.title, f"`{one.recipe}`", str(one.seed), *figures, commit)


def _seeds_in_words(runs: Sequence[Run]) -> str:
    numbers = [run.seed for run in runs]
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
