"""The page of accuracy, from lines that were made up: each figure on it was worked by hand."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import figures, lines, table
from benchmarks.accuracy.lines import Record, numbers
from benchmarks.accuracy.page import page
from benchmarks.accuracy.readme import summary
from benchmarks.accuracy.table import Committee, Goal, Setting
from numnet.errors import DataError
from numnet.training import recipes

STRONG = Setting("strong", 3)
TOGETHER = Committee("strong", 3)
GOALS = (
    Goal("strong", 0.984, 10), Goal("strong", 0.9, None, stretch=0.99, committee=TOGETHER), Goal("intended", 0.9, 20)
)  # fmt: skip
HERE = "a machine"
SWITCHES = table.SWITCHES  # before a test has its own


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recipes, one of them with numbers of these tests' own, and one that is nobody's; this code is abc.

    What is switched off is `strong`'s, which has a dropout and a schedule, and no other piece.
    """
    own = {"dropout": (0.3, 0.3, 0.3), "learning_rate": 2e-3, "weight_decay": 0.0, "label_smoothing": 0.0}
    monkeypatch.setitem(recipes.RECIPES, "strong", replace(recipes.RECIPES["strong"], **own))
    monkeypatch.setattr(table, "SETTINGS", (STRONG, Setting("intended", 2), Setting("nobody", 5)))
    monkeypatch.setattr(table, "GOALS", GOALS)
    monkeypatch.setattr(table, "COMMITTEES", (TOGETHER,))
    monkeypatch.setattr(table, "CONTESTS", (("pytorch", "strong", 1), ("keras", "strong", 1)))
    monkeypatch.setattr(lines, "code_digest", lambda: "abc")
    monkeypatch.setattr(lines, "environment", lambda: HERE)
    monkeypatch.setattr(table, "ABLATED", "strong")
    monkeypatch.setattr(table, "SWITCHES", {name: (off, None) for name, (off, _) in SWITCHES.items()})
    monkeypatch.setattr(table, "OWN", ("strong",))


def note(folder: Path, setting: Setting, *, code: str, environment: str = HERE, day: int = 1, **changed: Any) -> None:
    """What the harness notes before it runs a setting, with some numbers other than the recipe's."""
    line = {
        "recipe": setting.recipe, "changes": setting.changes, "data": "MNIST", "data_sha256": "d1", "code": code,
        "environment": environment, "numbers": {**numbers(setting.numbers), **changed},
        "noted": f"2026-01-{day:02}T00:00:00.000+00:00",
    }  # fmt: skip
    with (folder / "conditions.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def run(
    folder: Path, setting: Setting, seed: int, errors: int, seconds: float = 8.0, *, code: str = "abc", day: int = 2,
    resumed: bool = False, jobs: int = 1, commit: str | None = None, **told: Any,
) -> None:  # fmt: skip
    """A line as numnet.sweep writes it."""
    trial = {
        "recipe": setting.recipe, "changes": setting.changes, "seed": seed, "kernels": "numba", "data": None,
        "code": code, "data_sha256": "d1",
    }  # fmt: skip
    train = {
        "seed": seed, "test_errors": errors, "epochs": 10.0,
        "flops": 4 * 10**12, "parameters_sha256": f"{code}{seed}", "saved": f"models/{seed}.npz",
        **told,
    }  # fmt: skip
    started = datetime(2026, 1, day, tzinfo=UTC)
    ended = started + timedelta(seconds=seconds)
    times = {"started": started.isoformat(timespec="milliseconds"), "ended": ended.isoformat(timespec="milliseconds")}
    line = {"format": 1, "trial": trial, "train": train, "error": None, "exit_code": 0, "peak_mib": 200.0 + seed}
    with (folder / "runs.jsonl").open("a") as file:
        file.write(json.dumps(line | {"resumed": resumed, "jobs": jobs, "commit": commit} | times) + "\n")


def whole(folder: Path, errors: Sequence[int] = (150, 160, 170), seconds: Sequence[float] = (8, 9, 10)) -> Record:
    """Three seeds of `strong`."""
    note(folder, STRONG, code="abc")
    for seed, (wrong, took) in enumerate(zip(errors, seconds, strict=True)):
        run(folder, STRONG, seed, wrong, took)
    return Record(folder)


def row(text: str, begins: str) -> list[str]:
    """The cells of the one row of a table that begins so."""
    found = [line for line in text.splitlines() if line.startswith(begins)]
    assert len(found) == 1, found
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def part(text: str, heading: str) -> str:
    """What stands under a heading."""
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_what_three_seeds_come_to(tmp_path: Path) -> None:
    """150, 160 and 170 errors: mean 160, deviation sqrt((100 + 0 + 100) / 2) = 10, that is 0.1 points.

    Wilson at 9840 of 10000, z = 1.959964: z²/n = 0.000384146; centre (0.984 + 0.000192073) / 1.000384146 = 0.983814;
    half 1.959964 * sqrt(0.984 * 0.016 / 10000 + 0.000384146 / 40000) / 1.000384146 = 0.002466: 0.98135 to 0.98628.
    """
    assert row(part(page(whole(tmp_path)), "By recipe"), "| `strong` |") == [
        "`strong`", "3", "98.40 %", "0.100", "98.13 to 98.63", "160.0 (150 to 170)", "10", "9.0 (10.0)", "4", "202",
        "abc",
    ]  # fmt: skip


def test_each_seed_has_its_row_and_its_digest(tmp_path: Path) -> None:
    seeds = part(page(whole(tmp_path)), "Seed by seed")
    assert [line.split("|")[-2].strip() for line in seeds.splitlines() if line.startswith("| `strong`")] == [
        "`abc0`", "`abc1`", "`abc2`",
    ]  # fmt: skip
    assert row(seeds, "| `strong` | 2")[2:4] == ["170", "98.30 %"]


@pytest.mark.parametrize(
    ("errors", "seconds", "said"),
    [
        ((150, 160, 170), (8, 9, 10), "met"),  # both to the last error and second
        ((150, 160, 171), (8, 9, 10), "**missed**"),
        ((150, 160, 170), (1, 1, 10.1), "**missed**"),
    ],
)
def test_a_goal_is_met_by_the_mean_and_in_time_by_the_slowest(
    errors: Sequence[int], seconds: Sequence[float], said: str, tmp_path: Path
) -> None:
    assert row(part(page(whole(tmp_path, errors, seconds)), "The goals"), "| `strong`")[4] == said


@pytest.mark.parametrize("first_are_slow", [True, False])
def test_who_measures_again_can_not_choose_the_time_that_counts(tmp_path: Path, first_are_slow: bool) -> None:
    """8, 9 and 10.1 seconds against 6, 6 and 6, whichever came last: a mean of 45.1 / 6 = 7.5, the slowest 10.1."""
    record, slow, fast = Record(tmp_path), (8, 9, 10.1), (6, 6, 6)
    note(tmp_path, STRONG, code="abc")
    for day, times in ((2, slow if first_are_slow else fast), (3, fast if first_are_slow else slow)):
        for seed, took in enumerate(times):
            run(tmp_path, STRONG, seed, 150, took, day=day)
    goal = row(part(page(record), "The goals"), "| `strong`")
    assert goal[3:5] == ["98.50 % in 10.1 s, 5 of 6 runs in time", "**missed**"]
    assert row(part(page(record), "By recipe"), "| `strong` |")[7] == "7.5 (10.1)"
    assert row(part(page(record), "Beside Keras and PyTorch"), "| numnet | `strong`")[5] == "7.5"
    assert row(summary(record), "| `strong`")[2] == "7.5"


def test_times_of_other_machines_and_other_numbers_count_for_no_goal(tmp_path: Path) -> None:
    record = whole(tmp_path)
    note(tmp_path, STRONG, code="slow", environment="another")
    note(tmp_path, STRONG, code="old", epochs=99.0)
    for code in ("slow", "old"):
        run(tmp_path, STRONG, 0, 150, 60, code=code)
    assert record.seconds(STRONG) == [8, 9, 10]
    assert row(part(page(record), "The goals"), "| `strong`")[4] == "met"


def test_of_runs_that_were_repeated_is_said_whether_their_bits_were_the_same(tmp_path: Path) -> None:
    """Of seeds 0, 1 and 2 there are 2, 3 and 1 runs, at three commits; then one of seed 1 has other bits."""
    record = whole(tmp_path)
    assert row(part(page(record), "The same bits again"), "| `strong`") == ["`strong`", "3", "0", "not shown", "abc"]
    note(tmp_path, STRONG, code="def")
    for seed, commit, resumed in ((0, "1st", False), (1, "2nd", True), (1, "2nd", False)):
        told = {"code": "def", "commit": commit, "resumed": resumed, "parameters_sha256": f"abc{seed}"}
        run(tmp_path, STRONG, seed, 150, **told)
    same = row(part(page(record), "The same bits again"), "| `strong`")
    assert same[1:] == ["6", "2", "2 of 2", "1st\\*, 2nd\\*, abc"]
    run(tmp_path, STRONG, 1, 150, day=4, parameters_sha256="another")
    assert row(part(page(record), "The same bits again"), "| `strong`")[1:4] == ["7", "2", "**1 of 2**"]


def test_what_was_not_run_is_said_to_be_so(tmp_path: Path) -> None:
    empty = page(Record(tmp_path))
    assert "Nothing has been run yet." in empty
    assert not re.search(r"\bmet \||missed", empty)
    text = page(whole(tmp_path))
    assert row(part(text, "The goals"), "| `intended`")[3:5] == ["-", "not run"]
    assert row(part(text, "By recipe"), "| `nobody`")[1] == "not run"
    assert "each of its pieces off" in part(text, "What each piece is worth")
    assert "Not run." in part(text, "What each piece is worth")


def test_some_of_the_seeds_meet_nothing_yet(tmp_path: Path) -> None:
    note(tmp_path, STRONG, code="abc")
    run(tmp_path, STRONG, 1, 100)
    goal = row(part(page(Record(tmp_path)), "The goals"), "| `strong`")
    assert goal[3:5] == ["99.00 % in 8.0 s, 1 of 3 seeds", "not run"]
    assert Record(tmp_path).lacking(STRONG) == [0, 2]


@pytest.mark.parametrize("part_of", [{"resumed": True}, {"jobs": 2}])
def test_the_time_of_a_run_in_parts_is_not_quoted_and_it_is_run_again(tmp_path: Path, part_of: dict[str, Any]) -> None:
    record = Record(tmp_path)
    note(tmp_path, STRONG, code="abc")
    run(tmp_path, STRONG, 0, 150, 8)
    run(tmp_path, STRONG, 1, 160, 9)
    run(tmp_path, STRONG, 2, 170, 0.5, **part_of)
    text = page(record)
    assert row(part(text, "By recipe"), "| `strong` |")[7] == "8.5 (9.0)"
    assert row(part(text, "Seed by seed"), "| `strong` | 2")[5] == "in parts"
    assert row(part(text, "The goals"), "| `strong`")[4] == "not run"  # its slowest seed is not known
    assert record.lacking(STRONG) == [2]
    assert record.lacking(replace(STRONG, timed=False)) == []
    run(tmp_path, STRONG, 2, 170, 10, day=3)
    run(tmp_path, STRONG, 2, 170, 0.5, day=4, **part_of)  # has nothing that the other has not
    text = page(record)
    assert record.lacking(STRONG) == []
    assert row(part(text, "By recipe"), "| `strong` |")[7] == "9.0 (10.0)"
    assert row(part(text, "The goals"), "| `strong`")[4] == "met"


def test_what_lies_beyond_a_goal_is_not_met_by_some_of_the_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "GOALS", (Goal("strong", 0.98, 10, stretch=0.983),))
    note(tmp_path, STRONG, code="abc")
    for seed, said in enumerate(("not run", "not run", "met")):
        run(tmp_path, STRONG, seed, 150)
        assert row(part(page(Record(tmp_path)), "The goals"), "| `strong`")[5] == f"98.3 %: {said}"


def test_a_row_is_of_one_machine_and_a_record_is_completed_on_one(tmp_path: Path) -> None:
    note(tmp_path, STRONG, code="abc", environment="another")
    for seed in (0, 1):
        run(tmp_path, STRONG, seed, 200)
    assert Record(tmp_path).lacking(STRONG) == [0, 1, 2]  # nothing was run here
    note(tmp_path, STRONG, code="abc", day=3)
    run(tmp_path, STRONG, 2, 100, day=4)
    assert [(run.seed, run.errors) for run in Record(tmp_path).runs(STRONG)] == [(0, 200), (1, 200)]
    run(tmp_path, STRONG, 1, 100, day=4)
    assert [(run.seed, run.errors) for run in Record(tmp_path).runs(STRONG)] == [(1, 100), (2, 100)]  # as many, newer
    assert Record(tmp_path).lacking(STRONG) == [0]
    assert "Measured on a machine." in page(Record(tmp_path))
    note(tmp_path, STRONG, code="abc", environment="another", day=5)
    for seed in range(3):
        run(tmp_path, STRONG, seed, 200, day=6)
    assert Record(tmp_path).lacking(STRONG) == []
    assert "Measured on another." in page(Record(tmp_path))


def test_a_commit_says_whether_the_code_is_still_the_same(tmp_path: Path) -> None:
    for seed, (code, commit) in enumerate((("abc", "6a353b2"), ("def", "17f00d1"), ("abc", "6a353b2+"))):
        note(tmp_path, STRONG, code=code)
        run(tmp_path, STRONG, seed, 150, code=code, commit=commit)
    text = page(Record(tmp_path))
    assert row(part(text, "By recipe"), "| `strong` |")[10] == "17f00d1\\*, 6a353b2, 6a353b2+"
    assert row(part(text, "Seed by seed"), "| `strong` | 1")[7] == "17f00d1\\*"


def test_lines_of_a_recipe_whose_numbers_were_changed_since_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = whole(tmp_path)
    assert len(record.runs(STRONG)) == 3
    other = replace(recipes.RECIPES["strong"], learning_rate=1e-3)
    monkeypatch.setitem(recipes.RECIPES, "strong", other)
    assert record.lacking(STRONG) == [0, 1, 2]
    note(tmp_path, STRONG, code="def")
    run(tmp_path, STRONG, 0, 140, code="def")
    assert [(run.seed, run.errors) for run in record.runs(STRONG)] == [(0, 140)]
    monkeypatch.setitem(recipes.RECIPES, "strong", replace(other, learning_rate=2e-3))  # as it was
    assert [run.errors for run in record.runs(STRONG)] == [150, 160, 170]


def test_a_number_that_recipes_had_not_then_is_what_it_is_by_itself_and_one_they_lost_rules_a_line_out(
    tmp_path: Path,
) -> None:
    fewer = {name: value for name, value in numbers(STRONG.numbers).items() if name != "clip"}
    for code, found in (("old", fewer), ("new", {**fewer, "lost": 1})):
        line = {
            "recipe": "strong", "changes": {}, "data": "MNIST", "data_sha256": "d1", "code": code, "numbers": found,
            "environment": "", "noted": "2026",
        }  # fmt: skip
        with (tmp_path / "conditions.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        run(tmp_path, STRONG, 0, 150, code=code)
    assert [run.code for run in Record(tmp_path).runs(STRONG)] == ["old"]


def test_the_newest_of_two_commits_counts_and_none_that_is_older_than_asked_for(tmp_path: Path) -> None:
    whole(tmp_path)
    note(tmp_path, STRONG, code="def")
    run(tmp_path, STRONG, 1, 155, code="def", day=4)
    run(tmp_path, STRONG, 2, 155, code="def", day=1)  # older than abc's, though it stands behind it
    assert [(run.errors, run.code) for run in Record(tmp_path).runs(STRONG)] == [
        (150, "abc"), (155, "def"), (170, "abc"),
    ]  # fmt: skip
    assert Record(tmp_path, since="2026-01-04").lacking(STRONG) == [0, 2]
    assert Record(tmp_path, since="2026-01-05").lacking(STRONG) == [0, 1, 2]


def test_other_changes_and_other_data_are_another_setting(tmp_path: Path) -> None:
    record = whole(tmp_path)
    assert record.lacking(Setting("strong", 3, {"warmup": 5})) == [0, 1, 2]
    assert record.lacking(Setting("strong", 3, data=table.FASHION)) == [0, 1, 2]


def test_switches_are_turned_off_where_they_are_on_and_some_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "SWITCHES", SWITCHES)
    short, on = {"epochs": 30.0}, {"label_smoothing": 0.1, "average": 0.999, "clip": 1.0}
    more = replace(recipes.RECIPES["strong"], weight_decay=0.01, warmup=100, schedule="cosine", dropout=(0.0, 0.2, 0.0))
    monkeypatch.setitem(recipes.RECIPES, "strong", replace(more, label_smoothing=0.0))
    changes = {"weight_decay": 0.0, "dropout": 0.0, **on, "warmup": 0, "schedule": "constant"}
    assert [one.changes for one in table.ablations()] == [short, *({**short, k: v} for k, v in changes.items())]
    bare = {"weight_decay": 0.0, "dropout": (0.0, 0.0, 0.0), "warmup": 0, "schedule": "constant", "distortion": 1.0}
    monkeypatch.setitem(recipes.RECIPES, "strong", replace(more, **bare, label_smoothing=0.1))
    changes = {"distortion": 0.0, "weight_decay": 0.01, "label_smoothing": 0.0, "average": 0.999, "clip": 1.0}
    assert [one.changes for one in table.ablations()] == [short, *({**short, k: v} for k, v in changes.items())]


def test_a_switch_is_worth_what_goes_beyond_chance(tmp_path: Path) -> None:
    """Errors 100, 110, 120; 130, 140, 150; 110, 112, 120: variances 100, 100 and 28, pooled 76 with 6 degrees.

    There are two comparisons, so each may err in 0.025: Student's t at 6 degrees is 2.969 (printed tables, 0.0125 to
    either side), and chance makes 2.969 * sqrt(76 * 2 / 3) = 21.1. The means are 110, 140 and 114.
    """
    seeds = {"epochs": (100, 110, 120), "dropout": (130, 140, 150), "schedule": (110, 112, 120)}
    for setting in table.ablations():
        note(tmp_path, setting, code="abc")
        for seed, errors in enumerate(seeds[list(setting.changes)[-1]]):
            run(tmp_path, setting, seed, errors)
    text = part(page(Record(tmp_path)), "What each piece is worth")
    assert row(text, "| nothing")[1:4] == ["3", "110.0", "10.0"]
    assert row(text, "| dropout")[2:] == ["140.0", "10.0", "+30.0", "21.1", "yes"]
    assert row(text, "| schedule")[2:] == ["114.0", "5.3", "+4.0", "21.1", "no"]
    assert "pooled over the table, 8.7 errors with 6 degrees of freedom. 2 comparisons" in text
    assert "each may err in 2.5 % of cases" in text


@pytest.mark.parametrize(
    ("freedom", "share", "quantile"),
    [
        (1, 0.95, 12.706), (3, 0.95, 3.182), (4, 0.95, 2.776), (6, 0.95, 2.447), (16, 0.95, 2.120), (60, 0.95, 2.000),
        (5, 0.99, 4.032), (16, 0.99, 2.921), (6, 0.975, 2.969),
    ],
)  # fmt: skip
def test_students_quantiles_are_those_of_the_printed_tables(freedom: int, share: float, quantile: float) -> None:
    assert figures.student(freedom, share) == pytest.approx(quantile, abs=6e-4)


@pytest.mark.parametrize(
    "groups",
    [([100.0, 120.0], [130.0, 150.0]), ([100.0, 100.0, 100.0], [130.0, 130.0, 130.0]), ([100.0], [130.0])],
    ids=["two degrees of freedom", "no deviation", "none"],
)
def test_from_too_few_seeds_nothing_is_said(groups: tuple[list[float], list[float]]) -> None:
    found = figures.difference(groups[1], groups[0], figures.pooled(groups), 1)
    assert (found.errors, found.noise, found.is_beyond_noise) == (30, None, None)


def test_a_committee_is_of_the_very_runs_that_count(tmp_path: Path) -> None:
    record = whole(tmp_path)
    record.add("committees", {"recipe": "strong", "flags": (), "members": ["abc0", "abc1", "abc2"], "errors": 100})
    text = page(record)
    assert row(part(text, "Committees"), "| 3 of")[:3] == ["3 of `strong`", "100", "99.00 %"]
    assert row(part(text, "The goals"), "| committee")[3:] == ["99.00 %", "met", "99 %: met"]
    run(tmp_path, STRONG, 1, 160, code="abc-other", day=5)
    note(tmp_path, STRONG, code="abc-other")
    assert row(part(page(record), "Committees"), "| 3 of")[1] == "not run"


def test_a_goal_is_of_one_committee_whatever_another_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Committee("strong", 3, ("--views", "8"))
    monkeypatch.setattr(table, "COMMITTEES", (TOGETHER, views))
    record = whole(tmp_path)
    members = ["abc0", "abc1", "abc2"]
    record.add("committees", {"recipe": "strong", "flags": views.flags, "members": members, "errors": 50})
    assert row(part(page(record), "The goals"), "| committee")[3:] == ["-", "not run", "99 %: not run"]
    record.add("committees", {"recipe": "strong", "flags": (), "members": members, "errors": 120})
    assert row(part(page(record), "The goals"), "| committee")[3:] == ["98.80 %", "met", "99 %: missed"]


def test_rivals_stand_beside_numnet_and_failures_say_why(tmp_path: Path) -> None:
    record = whole(tmp_path)
    ours = {"recipe": "strong", "seed": 0, "numbers": numbers(STRONG.numbers)}
    figures = {"title": "PyTorch", "about": "eager", "errors": 165, "seconds": 61.25, "peak_mib": 555.5}
    record.add("rivals", {"rival": "pytorch", **ours, **figures})
    record.add("rivals", {"rival": "keras", **ours, "failed": "not done after 6 hours"})
    record.add("rivals", {"rival": "keras", **ours, "numbers": {**ours["numbers"], "epochs": 1}, **figures})  # type: ignore[dict-item]
    text = part(page(record), "Beside Keras and PyTorch")
    assert row(text, "| numnet | `strong`")[2:7] == ["0 to 2", "160.0", "98.40 %", "9.0", "202"]
    assert row(text, "| PyTorch | `strong`")[2:7] == ["0", "165", "98.35 %", "61.2", "556"]
    assert row(text, "| keras | `strong`")[2] == "failed"
    assert "- keras, `strong`: not done after 6 hours" in text


def test_a_rival_that_failed_is_not_tried_again_before_something_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, recipe = Record(tmp_path), STRONG.numbers
    assert record.lacks_rival("keras", recipe, 0)
    record.add("rivals", {"rival": "keras", "recipe": "strong", "seed": 0, "numbers": numbers(recipe), "failed": "no"})
    assert not record.lacks_rival("keras", recipe, 0)
    assert record.lacks_rival("keras", recipe, 1)
    assert record.lacks_rival("keras", replace(recipe, batch_size=64), 0)
    assert Record(tmp_path, since="9999").lacks_rival("keras", recipe, 0)
    monkeypatch.setattr(lines, "code_digest", lambda: "def")
    assert Record(tmp_path).lacks_rival("keras", recipe, 0)
    monkeypatch.setattr(lines, "environment", lambda: "another")
    assert record.lacks_rival("keras", recipe, 0)


def test_a_line_that_was_cut_off_is_left_out_and_written_over(tmp_path: Path) -> None:
    record = whole(tmp_path)
    (tmp_path / "rivals.jsonl").write_text('{"rival": "pyt')
    assert record.rival("pytorch", STRONG.numbers, 0) is None
    line = {"rival": "pytorch", "recipe": "strong", "seed": 0, "numbers": numbers(STRONG.numbers), "errors": 1}
    line |= {"title": "PyTorch", "about": "", "seconds": 1.5, "peak_mib": 2}
    record.add("rivals", line)
    found = record.rival("pytorch", STRONG.numbers, 0)
    assert found is not None
    assert found.measured
    assert found.measured.errors == 1
    assert (tmp_path / "rivals.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "not what numnet writes here"),
        ("[1]", "not what numnet writes here"),
        ('{"recipe": "strong"', "expected an object of JSON"),
        ('{"recipe": "strong"}', "missing"),
        ('{"recipe": 3}', "recipe is 3"),
        ('{"recipe": "strong", "changes": []}', r"changes is \[\]"),
    ],
)
def test_what_is_no_line_is_refused_by_its_place(line: str, said: str, tmp_path: Path) -> None:
    record = whole(tmp_path)
    with (tmp_path / "conditions.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=rf"conditions\.jsonl, line 2: .*{said}.*take the line out"):
        record.runs(STRONG)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"test_errors": "few"}, "errors is 'few'"),
        ({"flops": None}, "flops is None"),
        ({"saved": None}, "model is None"),
    ],
)
def test_what_a_run_told_is_checked_and_refused_by_its_place(told: dict[str, Any], said: str, tmp_path: Path) -> None:
    record = whole(tmp_path)
    run(tmp_path, STRONG, 1, 150, day=3, **told)
    with pytest.raises(DataError, match=rf"runs\.jsonl: strong, seed 1, of 2026-01-03.*: {said}.*take the line out"):
        record.runs(STRONG)


def test_peoples_own_digits_are_told_one_by_one_and_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of 0.98, 0.96 and 0.97 have a mean of 0.97."""
    monkeypatch.setattr(table, "OWN_GOAL_OF", "strong")
    record = whole(tmp_path)
    pictures = {"all": 600, "not 28x28": 500, "photos": 50}
    for members, share in ((["abc0"], 0.98), (["abc1"], 0.96), (["abc2"], 0.97), (["abc0", "abc1", "abc2"], 0.99)):
        accuracy = {"all": share, "not 28x28": share, "photos": 0.9}
        record.add("own", {"members": members, "accuracy": accuracy, "pictures": pictures, "mean_over_hands": share})
    text = part(page(record), "Digits of people's own")
    assert "Pictures: all: 600; not 28x28: 500; photos: 50" in text
    seen = "97.0 % (96.0 to 98.0)"
    assert row(text, "| 3 of `strong`, one by one")[1:6] == [
        seen, seen, "90.0 % (90.0 to 90.0)", seen, "**missed**: all, photos",
    ]  # fmt: skip
    assert row(text, "| 3 of `strong`, together")[1:6] == ["99.0 %", "99.0 %", "90.0 %", "99.0 %", "-"]


def test_what_few_pictures_leave_open_is_told_by_kind(tmp_path: Path) -> None:
    """Wilson at 50 of 50, z = 1.959964: z²/n = 0.0768292; the lower end is 1 / 1.0768292 = 0.928653.

    At 49 of 50: centre (0.98 + 0.0384146) / 1.0768292 = 0.945752; half 1.959964 * sqrt(0.98 * 0.02 / 50 + 0.0768292 /
    200) / 1.0768292 = 0.050711: 0.8950 to 0.9965.
    """
    record = whole(tmp_path)
    for member, share in (("abc0", 1.0), ("abc1", 0.96)):
        accuracy = {"all": 1.0, "not 28x28": 1.0, "photos": 1.0, "medium paint": share}
        line = {"members": [member], "accuracy": accuracy, "pictures": dict.fromkeys(accuracy, 50)}
        record.add("own", {**line, "mean_over_hands": 1.0})
    text = part(page(record), "Digits of people's own")
    assert row(text, "| photos |") == ["photos", "50", "100.0 %", "92.9 to 100.0"]
    assert row(text, "| medium paint |") == ["medium paint", "50", "98.0 %", "89.5 to 99.6"]


def test_own_digits_are_marked_and_read_again_when_the_code_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = dict.fromkeys(("all", "not 28x28", "photos"), 0.98)
    line = {"members": ["abc0"], "accuracy": shares, "pictures": dict.fromkeys(shares, 50), "mean_over_hands": 0.98}
    record = whole(tmp_path)
    assert record.lacks_own(["abc0"])
    record.add("own", line)
    assert not record.lacks_own(["abc0"])
    assert not row(part(page(record), "Digits of people's own"), "| 1 of `strong`")[6].endswith("\\*")
    monkeypatch.setattr(lines, "OWN_FILES", ("own_digits.py", "check.py"))  # as if what counts had been changed
    later = Record(tmp_path)
    assert later.lacks_own(["abc0"])
    assert row(part(page(later), "Digits of people's own"), "| 1 of `strong`")[6].endswith("\\*")
    monkeypatch.undo()
    monkeypatch.setattr(lines, "code_digest", lambda: "def")  # or how pictures are read
    assert Record(tmp_path).lacks_own(["abc0"])


def test_settings_that_were_tried_are_told_the_fewest_errors_first(tmp_path: Path) -> None:
    """71 and 72 errors have a mean of 71.5; a line with an average of the weights stands for nothing."""
    recipe = numbers(STRONG.numbers)
    names = ("hidden", "dropout", "learning_rate", "weight_decay", "label_smoothing", "batch_size", "epochs")
    ours = {"of": "strong", "data": "MNIST", **{name: recipe[name] for name in names}}
    tried = [
        {**ours, "seed": 0, "validation_errors": 71}, {**ours, "seed": 1, "validation_errors": 72},
        {**ours, "seed": 0, "epochs": 3, "validation_errors": 60, "validation_loss": 0.02},
        {**ours, "seed": 0, "dropout": [0, 0, 0], "validation_errors": 80},
        {**ours, "seed": 0, "average": 0.9, "validation_errors": 1},
        {**ours, "seed": 0, "data": table.FASHION, "validation_errors": 500},
    ]  # fmt: skip
    (tmp_path / "choice.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in tried))
    text = part(page(Record(tmp_path)), "How it was chosen")
    assert "`strong`, 3 settings:" in text
    assert "`strong` on Fashion-MNIST, 1 setting:" in text
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "| 512-" in line]
    assert [[cells[1], *cells[7:]] for cells in shown] == [
        ["0.3,0.3,0.3", "3", "1", "60", "0.0200", "the recipe, but for its length"],
        ["0.3,0.3,0.3", "7", "2", "71.5", "-", "the recipe"],
        ["none", "7", "1", "80", "-", ""],
        ["0.3,0.3,0.3", "7", "1", "500", "-", "the recipe"],
    ]


def test_of_a_goal_that_is_missed_is_said_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "GOALS", (Goal("strong", 0.984, 10, tried="more epochs"),))
    assert "- `strong`, 3 seeds: more epochs." not in part(page(whole(tmp_path)), "The goals")
    monkeypatch.setattr(table, "GOALS", (Goal("strong", 0.984, 1, tried="more epochs"),))
    assert "- `strong`, 3 seeds: more epochs." in part(page(Record(tmp_path)), "The goals")


def test_the_readmes_table_has_the_mean_the_ends_and_the_seconds_of_each_recipe(tmp_path: Path) -> None:
    text = summary(whole(tmp_path, (150, 160, 173), (8, 9, 13)))
    assert row(text, "| `strong`")[1:] == ["98.39 % (98.27 % to 98.50 %)", "10.0"]
    assert row(text, "| `intended`")[1:] == ["not run", "-"]
    assert f"Measured on {HERE}." in text


def test_the_picture_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    from benchmarks.accuracy.plot import clouds, draw

    record = Record(tmp_path)
    note(tmp_path, STRONG, code="abc")
    run(tmp_path, STRONG, 0, 150, 8)
    run(tmp_path, STRONG, 1, 160, 9)
    run(tmp_path, STRONG, 2, 170, 0.5, resumed=True)
    (cloud,) = clouds(record)
    assert (cloud.who, cloud.recipe, cloud.seconds) == ("numnet", "strong", [8, 9])
    assert cloud.accuracies == pytest.approx([0.985, 0.984])
    rivals = {"recipe": "strong", "numbers": numbers(STRONG.numbers), "about": "", "peak_mib": 2.0}
    for name, title, seed, seconds in (("pytorch", "PyTorch", 0, 20.0), ("pytorch", "PyTorch", 1, 22.0)):
        line = {"rival": name, "title": title, "seed": seed, "errors": 140 + seed, "seconds": seconds}
        record.add("rivals", {**rivals, **line})
    monkeypatch.setattr(table, "CONTESTS", (("pytorch", "strong", 2),))
    _, other = clouds(record)  # one for both seeds, with one mean and one name
    assert (other.who, other.recipe, other.seconds) == ("PyTorch", "strong", [20, 22])
    draw(record, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_cost_of_a_distortion_is_a_median_held_to_its_goal(tmp_path: Path) -> None:
    record = Record(tmp_path)
    assert "Not run." in part(page(record), "What a distortion takes")
    assert record.lacks_distortion()
    record.add("distortion", {"microseconds": {"1": [7.0, 6.0, 20.0], "2": [4.0, 3.0, 5.0]}})
    text = part(page(record), "What a distortion takes")
    assert "7 µs (6 to 20) on 1 thread; 4 µs (3 to 5) on 2 threads" in text
    assert "8 µs on one: met." in text
    assert not record.lacks_distortion()
    record.add("distortion", {"microseconds": {"1": [9.0, 6.0, 20.0], "2": [4.0, 3.0, 5.0]}})
    assert "8 µs on one: **missed**." in part(page(record), "What a distortion takes")
