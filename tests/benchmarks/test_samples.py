"""Samples on disk: a run that stops goes on, and what another commit measured is not taken for this one's."""

from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks.plan import Plan
from benchmarks.samples import Sample, Store

CASE = {"net": "tutorial", "threads": 2}


def measured(plan: Plan, rounds: int) -> list[int]:
    """The rounds of a job that had to be measured."""
    asked = []

    def block(i: int) -> tuple[float, bool]:
        asked.append(i)
        return 1.0 + i, True

    for i in range(rounds):
        plan.measure("step", "numnet_numba", CASE, i, block, i)
    return asked


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    assert measured(Plan(Store(tmp_path), (), 3, tmp_path), 2) == [0, 1]
    again = Plan(Store(tmp_path), (), 3, tmp_path)
    assert again.lacks("step", CASE, ["numnet_numba"])
    assert measured(again, 3) == [2]
    assert not Plan(Store(tmp_path), (), 3, tmp_path).lacks("step", CASE, ["numnet_numba"])


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    sample = Sample("predict", "jax_scan", CASE, 4, {"p50": 83.5}, False, "abc", "m1")
    Store(tmp_path).add(sample)
    assert Store(tmp_path).samples == [sample]


def test_another_commit_or_machine_has_measured_nothing_here(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(Sample("step", "numnet_numba", CASE, 0, 1.0, True, "older", "m1"))
    assert not store.has("step", "numnet_numba", CASE, 0)


def test_only_the_newest_commits_samples_are_reported(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for commit, value in (("older", 9.0), ("newer", 2.0), ("newer", 3.0)):
        store.add(Sample("step", "a", CASE, int(value), value, True, commit, "m"))
    assert [s.value for s in store.of("step", net="tutorial")] == [2.0, 3.0]
    assert store.of("step", net="intended") == []
