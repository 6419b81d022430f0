"""Medians, ratios and intervals, on samples whose figures are worked by hand."""

import math
from dataclasses import replace

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks.check import holds
from benchmarks.figures import Figure, across, alike, by_round, median, ratio
from benchmarks.report.markdown import number, table, times
from benchmarks.samples import Sample


def samples(values: list[float], disturbed: tuple[int, ...] = (), session: str = "s") -> list[Sample]:
    """One for each round; the rounds named were disturbed."""
    return [
        Sample("step", "a", {}, i, value, 1.0, i not in disturbed, "c", "m", session) for i, value in enumerate(values)
    ]


def test_disturbed_rounds_do_not_count_where_six_others_do() -> None:
    found = median(samples([3.0, 1.0, 99.0, 2.0, 4.0, 5.0, 6.0], disturbed=(2,)))
    assert (found.median, found.rounds, found.quiet) == (3.5, 6, True)


def test_with_too_few_undisturbed_rounds_all_count_and_the_figure_says_so() -> None:
    found = median(samples([3.0, 1.0, 99.0, 2.0], disturbed=(0, 2)))
    assert (found.median, found.rounds, found.quiet) == (2.5, 4, False)


def test_where_too_few_are_undisturbed_the_calmest_three_quarters_count_and_six_at_least() -> None:
    """Of 14 the 11 of the least probe, at 4 to 14, of which the interval is the 2nd to the 10th; of 8 six; of 5 all."""
    rounds = [
        Sample("step", "a", {}, i, 1.0 + i, float(14 - i), False, "c", "m", "s")
        for i in (3, 13, 0, 7, 9, 1, 12, 5, 10, 2, 8, 6, 11, 4)
    ]
    assert median(rounds)[:4] == (9.0, 5.0, 13.0, 11)
    assert [median(sorted(rounds, key=lambda s: s.value)[:n])[:4] for n in (8, 5)] == [(5.5, 3, 8, 6), (3, 1, 5, 5)]
    ratios = ratio(rounds, [replace(s, value=1.0, probe=0.0) for s in rounds])
    assert ratios[:4] == (9.0, 5.0, 13.0, 11)
    quiet = [replace(s, quiet=s.value < 7) for s in rounds]  # six, and the probe has no say
    assert median(quiet)[:4] == (3.5, 1.0, 6.0, 6)


def turns(values: list[float], round: int, disturbed: tuple[int, ...] = ()) -> list[Sample]:
    """Of one round; the turns named were disturbed."""
    return [
        Sample("step", "a", {"turn": i}, round, value, 1.0, i not in disturbed, "c", "m", "s")
        for i, value in enumerate(values)
    ]


def test_the_turns_of_a_round_are_one_value_and_undisturbed_where_all_of_them_were() -> None:
    """Medians of the rounds: 2, 6 and 5.5. Of nine values as of nine rounds the median would be 5 and its low end 2."""
    found = by_round(
        [*turns([1.0, 2.0, 9.0], 0), *turns([5.0, 6.0, 7.0, 8.0], 1, (3,))[:3], *turns([4.0, 7.0], 2, (1,))]
    )
    assert [(s.value, s.quiet) for s in found] == [(2.0, True), (6.0, True), (5.5, False)]
    assert median(found)[:4] == (5.5, 2.0, 6.0, 3)


def test_who_takes_more_turns_is_not_shown_by_his_quiet_ones_beside_others_by_all() -> None:
    """numnet has a quiet turn of 1 ms in each of six rounds, but no round of which both turns were quiet."""
    ours = [turn for i in range(6) for turn in turns([1.0, 3.0], i, disturbed=(1,))]
    theirs = samples([2.0] * 6, disturbed=(0,))
    found = {name: median(by_round(each)) for name, each in alike({"numnet": ours, "them": theirs}).items()}
    assert {name: (each.median, each.quiet) for name, each in found.items()} == {
        "numnet": (2.0, False), "them": (2.0, False),
    }  # fmt: skip
    quiet = samples([4.0] * 6 + [9.0], disturbed=(6,))
    kept = alike({"a": quiet, "b": samples([2.0] * 7)})
    assert (median(kept["a"]).median, median(kept["a"]).quiet) == (4.0, True)
    assert not median(alike({"a": quiet, "b": theirs})["a"]).quiet


def test_a_ratio_is_taken_within_each_round() -> None:
    """The machine halves its speed in the last two rounds; the ratio does not see it."""
    found = ratio(samples([4.0, 4.2, 8.0, 8.4, 8.2]), samples([2.0, 2.1, 4.0, 4.2, 4.1]))
    assert found[:3] == pytest.approx((2.0, 2.0, 2.0))


def test_a_round_in_which_either_was_disturbed_leaves_the_ratio() -> None:
    slow, fast = samples([40.0] + [4.0] * 7, disturbed=(0,)), samples([2.0] * 7 + [1.0], disturbed=(7,))
    assert ratio(slow, fast)[:4] == pytest.approx((2.0, 2.0, 2.0, 6))
    assert ratio(slow[:5], fast[:5])[:4] == pytest.approx((2.0, 2.0, 20.0, 5))  # too few are left: all count


def test_rounds_of_two_runs_are_never_paired() -> None:
    found = ratio(samples([4.0] * 3, session="monday"), samples([2.0] * 3, session="tuesday"))
    assert found.rounds == 0
    assert math.isnan(found.median)
    assert times(found) == "-"


def test_across_cases_the_interval_is_the_widest() -> None:
    found = across(samples([4.0, 5.0, 6.0]), samples([1.0, 2.0, 4.0]))
    assert found[:3] == (2.5, 1.0, 6.0)


@pytest.mark.parametrize(
    ("rounds", "low", "high"), [(3, 0, 2), (5, 0, 4), (6, 0, 5), (8, 0, 7), (9, 1, 7), (12, 2, 9), (20, 5, 14)]
)
def test_intervals_are_those_of_the_printed_tables(rounds: int, low: int, high: int) -> None:
    """The ranks for 95 %, as tables of the sign test have them: of 9 the 2nd and 8th, of 20 the 6th and 15th."""
    found = median(samples([float(i) for i in range(rounds)]))
    assert (found.low, found.high) == (low, high)


def test_numbers_are_written_with_three_digits_that_count() -> None:
    assert [number(v) for v in (1234.5, 100, 99.94, 1.2345, 0.12345, math.inf)] == [
        "1,234", "100", "99.9", "1.23", "0.12", "∞",
    ]  # fmt: skip


def test_a_loss_is_in_bold_and_a_tie_is_neither() -> None:
    win, loss, tie = (ratio(samples([v, v, v + 0.5]), samples([2.0] * 3)) for v in (3.0, 1.0, 1.9))
    assert times(win) == "1.50 (1.50 to 1.75)"
    assert times(loss) == "**0.50 (0.50 to 0.75)**"
    assert times(tie) == "0.95 (0.95 to 1.20)"


def test_a_table_sets_numbers_to_the_right() -> None:
    assert table(("a", "b"), [("x", "1")]).splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_a_change_is_slower_where_its_whole_interval_is() -> None:
    before, nobody = Figure(2.0, 1.8, 2.2, 8, True), Figure(math.nan, math.nan, math.nan, 0, True)
    assert holds(before, Figure(1.7, 1.5, 1.85, 8, True))
    assert not holds(before, Figure(1.7, 1.5, 1.79, 8, True))
    assert holds(nobody, before)
    assert not holds(before, nobody)
