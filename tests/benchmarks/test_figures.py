"""Medians, ratios and intervals, on samples whose figures are worked by hand."""

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks.figures import median, ratio
from benchmarks.report.markdown import number, table, times
from benchmarks.samples import Sample


def samples(values: list[float], disturbed: tuple[int, ...] = ()) -> list[Sample]:
    """One for each round; the rounds named were disturbed."""
    return [Sample("step", "a", {}, i, value, i not in disturbed, "c", "m") for i, value in enumerate(values)]


def test_disturbed_rounds_do_not_count_where_three_others_do() -> None:
    found = median(samples([3.0, 1.0, 99.0, 2.0], disturbed=(2,)))
    assert (found.median, found.rounds, found.quiet) == (2.0, 3, True)


def test_with_too_few_undisturbed_rounds_all_count_and_the_figure_says_so() -> None:
    found = median(samples([3.0, 1.0, 99.0, 2.0], disturbed=(0, 2)))
    assert (found.median, found.rounds, found.quiet) == (2.5, 4, False)


def test_a_ratio_is_taken_within_each_round() -> None:
    """The machine halves its speed in the last two rounds; the ratio does not see it."""
    slow, fast = samples([4.0, 4.2, 8.0, 8.4, 8.2]), samples([2.0, 2.1, 4.0, 4.2, 4.1])
    found = ratio(slow, fast)
    assert found[:3] == pytest.approx((2.0, 2.0, 2.0))


def test_a_round_in_which_either_was_disturbed_leaves_the_ratio() -> None:
    slow, fast = samples([4.0, 4.0, 4.0, 4.0], disturbed=(0,)), samples([2.0, 1.0, 2.0, 2.0], disturbed=(1,))
    assert ratio(slow, fast).rounds == 4  # only two rounds are left, too few: all count, and it is marked
    slow, fast = samples([40.0, 4.0, 4.0, 4.0], disturbed=(0,)), samples([2.0, 2.0, 2.0, 2.0])
    assert ratio(slow, fast)[:4] == pytest.approx((2.0, 2.0, 2.0, 3))


def test_the_interval_holds_the_median_and_widens_with_the_spread() -> None:
    narrow, wide = median(samples([1.0, 1.01, 1.02, 0.99, 0.98])), median(samples([1.0, 2.0, 3.0, 0.5, 0.2]))
    assert narrow.low <= 1.0 <= narrow.high
    assert wide.high - wide.low > 10 * (narrow.high - narrow.low)


def test_numbers_are_written_with_three_digits_that_count() -> None:
    assert [number(v) for v in (1234.5, 100, 99.94, 1.2345, 0.12345)] == ["1,234", "100", "99.9", "1.23", "0.12"]


def test_a_loss_is_printed_as_plainly_as_a_win() -> None:
    win, loss = (ratio(samples([value] * 3), samples([2.0] * 3)) for value in (3.0, 1.0))
    assert times(win) == "1.50 (1.50 to 1.50)"
    assert times(loss) == "**0.50 (0.50 to 0.50)**"


def test_a_table_sets_numbers_to_the_right() -> None:
    assert table(("a", "b"), [("x", "1")]).splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |"]
