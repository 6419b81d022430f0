"""Samples on disk: a run that stops goes on, and what another commit measured is not taken for this one's."""

from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks.plan import Plan
from benchmarks.rival import Unable
from benchmarks.samples import Sample, Store

CASE = {"net": "tutorial", "threads": 2}


def measured(plan: Plan, rounds: int) -> list[int]:
    """The rounds of a job that had to be measured."""
    asked = []

    def block(i: int) -> tuple[float, float]:
        asked.append(i)
        return 1.0 + i, 1e-3

    for i in range(rounds):
        plan.measure_once("step", "numnet_numba", CASE, i, block, i)
    return asked


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    assert measured(Plan(Store(tmp_path), (), 3, tmp_path), 2) == [0, 1]
    again = Plan(Store(tmp_path), (), 3, tmp_path)
    assert 1 not in again.lacking("step", CASE, ["numnet_numba"])
    assert 1 in again.lacking("step", CASE, ["numnet_numba", "jax_scan"]), "the round is to be taken again whole"
    assert measured(again, 3) == [2]


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    sample = Sample("predict", "jax_scan", CASE, 4, {"p50": 83.5}, 4e-4, True, "abc", "m1", "s1")
    Store(tmp_path).add(sample)
    assert Store(tmp_path).samples == [sample]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for i in range(2):
        store.add(Sample("step", "a", CASE, i, 1.0))
    file = tmp_path / "step.jsonl"
    file.write_text(file.read_text()[:-20])
    assert [s.round for s in Store(tmp_path).samples] == [0]


def test_a_failure_is_a_sample_with_its_reason(tmp_path: Path) -> None:
    def fail() -> tuple[float, None]:
        raise Unable("no compiler\nhere")

    plan = Plan(Store(tmp_path), (), 1, tmp_path)
    plan.measure("step", "torch_compiled", CASE, 0, fail)
    assert plan.store.samples[0].value == {"failed": "no compiler here"}
    assert not plan.lacking("step", CASE, ["torch_compiled"])


def test_another_commit_or_machine_has_measured_nothing_here(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(Sample("step", "numnet_numba", CASE, 0, 1.0, commit="older"))
    assert not store.has("step", "numnet_numba", CASE, 0)


def test_a_part_measured_anew_does_not_take_the_place_of_the_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for commit, rival in (("older", "a"), ("older", "b"), ("newer", "a")):
        store.add(Sample("step", rival, CASE, 0, 1.0, commit=commit))
    assert {s.commit for s in store.of("step")} == {"older"}
    store.add(Sample("step", "b", CASE, 0, 2.0, commit="newer"))
    assert {s.commit for s in store.of("step", net="tutorial")} == {"newer"}
    assert store.of("step", net="intended") == []


def test_who_is_disturbed_is_told_by_the_least_that_the_probe_ever_took(tmp_path: Path) -> None:
    """Also where a run began in a bad minute: its own least is not the measure."""
    store = Store(tmp_path)
    for i, probe in enumerate([8e-4, 7.9e-4, 4.1e-4, 4e-4, 4.5e-4, 7e-4, None]):
        store.add(Sample("step", "a", CASE, i, 1.0, probe))
    assert [s.quiet for s in store.of("step")] == [False, False, True, True, True, False, True]


def test_each_machine_is_described_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for i in range(3):
        store.add(Sample("step", "a", CASE, i, 1.0))
    (digest,) = store.environments()
    assert digest == store.samples[0].environment
    assert "numpy" in store.environments()[digest]
