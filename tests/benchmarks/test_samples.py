"""Samples on disk: a run that stops goes on, and what another commit measured is not taken for this one's."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks import equal, run, samples
from benchmarks.figures import beside
from benchmarks.pairs import take_turns
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


def test_what_was_measured_while_the_code_changed_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what was measured within its run; what an earlier run had kept stays."""
    store = Store(tmp_path)
    kept = Sample("search", "a", CASE, 0, 1.0, session="earlier")
    store.add(kept)

    def change(plan: Plan) -> None:
        plan.keep("search", "a", CASE, 1, 2.0)
        plan.keep("trial", "a", CASE, 0, 3.0)
        monkeypatch.setattr(run, "commit_now", lambda job: "another")

    monkeypatch.setattr(run, "JOBS", {"search": change, "race": lambda plan: pytest.fail("it went on")})
    assert run.main(["--jobs", "search,race", "--results", str(tmp_path)]) == 1
    assert Store(tmp_path).samples == [kept]


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


def test_a_whole_run_takes_the_place_of_one_with_more_rivals(tmp_path: Path) -> None:
    """`older` has a and b; `newer` leaves b out, and counts once it is whole; a part of it after that does not."""
    store = Store(tmp_path)
    for job in ("search", "trial"):  # trials are part of the search
        for commit, rival in (("older", "a"), ("older", "b"), ("newer", "a")):
            store.add(Sample(job, rival, CASE, 0, 1.0, commit=commit))
    store.add(Sample("whole", "search", {}, 0, True, commit="older"))
    assert [{s.commit for s in store.of(job)} for job in ("search", "trial")] == [{"older"}] * 2
    store.add(Sample("whole", "search", {}, 0, True, commit="newer"))
    store.add(Sample("whole", "step", {}, 0, True, commit="older"))
    store.add(Sample("search", "a", CASE, 0, 1.0, commit="newest"))
    assert [{s.commit for s in store.of(job)} for job in ("search", "trial")] == [{"newer"}] * 2


def test_a_run_is_marked_whole_once_and_only_where_nobody_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "JOBS", {"equal": lambda plan: None, "start": lambda plan: None})
    for flags in (["--rivals", "jax_scan"], ["--rounds", "1"], ["--quick"]):
        run.main([*flags, "--results", str(tmp_path)])
    assert Store(tmp_path).samples == []
    for _ in range(2):
        run.main(["--results", str(tmp_path)])
    assert [(s.job, s.rival) for s in Store(tmp_path).samples] == [("whole", "equal"), ("whole", "start")]
    assert len((tmp_path / "whole.jsonl").read_text().splitlines()) == 2


def test_a_run_that_was_given_up_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(plan: Plan) -> None:
        raise Unable("no numnet")

    monkeypatch.setattr(run, "JOBS", {"equal": lambda plan: None, "step": give_up})
    assert run.main(["--results", str(tmp_path)]) == 1
    assert [s.rival for s in Store(tmp_path).samples] == ["equal"]


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


def test_one_core_and_two_have_a_least_of_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for i, (threads, probe) in enumerate([(1, 4e-4), (1, 4.2e-4), (2, 6e-4), (2, 6.3e-4), (2, 9e-4)]):
        store.add(Sample("step", "a", {"threads": threads}, i, 1.0, probe))
    assert [s.quiet for s in store.of("step")] == [True, True, True, True, False]


class Watch:
    """A probe that calls so many turns disturbed, and then none."""

    disturbed = 0

    def __init__(self, threads: int) -> None:
        assert threads == 2

    def watch(self, block: Callable[[], Any]) -> tuple[Any, float]:
        type(self).disturbed -= 1
        return block(), 9e-4 if self.disturbed >= 0 else 4e-4


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr("benchmarks.pairs.Probe", Watch)
    Watch.disturbed = 0
    store = Store(tmp_path)
    for i in range(5):
        store.add(Sample("start", "a", {}, i, 1.0, 4e-4))  # the machine's least, which is a low quantile
    return Plan(store, (), 6, tmp_path, cap=14)


def test_a_rival_is_compared_with_numnets_turns_right_beside_it(plan: Plan) -> None:
    """numnet slows down from turn to turn: 1, 2, 3, … ms; whoever takes his turn between n and n + 1 has 10 there."""
    taken = iter(range(1, 1000))
    blocks = {
        "numnet_numba": lambda: {"ms": float(next(taken))},
        "a": lambda: {"ms": 10.0},
        "b": lambda: {"ms": 10.0},
    }
    take_turns(plan, "step", CASE, blocks, "ms", minutes=1)
    first = sorted(s.value["numnet"] for s in plan.store.of("step") if s.rival in "ab" and s.round == 0)
    assert first == [1.5, 2.5]
    assert [s.value["ms"] for s in plan.store.of("step", turn=2) if s.round == 0] == [3.0]
    ours = [s for s in plan.store.of("step", **CASE) if s.rival == "numnet_numba"]
    assert len(ours) == 6 * 3
    found = beside([s for s in plan.store.of("step") if s.rival == "a"], "ms")
    assert found.rounds == 6
    assert found.high == pytest.approx(10 / 1.5) or found.high == pytest.approx(10 / 2.5)


def test_rounds_go_on_until_six_are_undisturbed(plan: Plan) -> None:
    Watch.disturbed = 3  # the first round whole: numnet, the rival, numnet
    take_turns(plan, "step", CASE, {"numnet_numba": lambda: {"ms": 1.0}, "a": lambda: {"ms": 2.0}}, "ms", minutes=1)
    assert [s.quiet for s in plan.store.of("step") if s.rival == "a"] == [False] + [True] * 6


def test_rounds_end_at_the_cap_or_when_the_minutes_are_over(plan: Plan) -> None:
    Watch.disturbed = 10**6
    blocks = {"numnet_numba": lambda: {"ms": 1.0}, "a": lambda: {"ms": 2.0}}
    take_turns(plan, "step", CASE, blocks, "ms", minutes=1)
    assert len([s for s in plan.store.of("step") if s.rival == "a"]) == 14
    take_turns(plan, "batch", {"batch": 1}, blocks, "ms", minutes=0)
    assert len([s for s in plan.store.of("batch") if s.rival == "a"]) == 6


def test_a_rival_that_fails_is_a_row_and_the_others_go_on(plan: Plan) -> None:
    def fail() -> dict[str, float]:
        raise Unable("out of memory")

    blocks = {"numnet_numba": lambda: {"ms": 1.0}, "a": fail, "b": lambda: {"ms": 2.0}}
    take_turns(plan, "step", CASE, blocks, "ms", minutes=1)
    values = {name: [s.value for s in plan.store.of("step") if s.rival == name] for name in "ab"}
    assert values["a"] == [{"failed": "out of memory"}]
    assert len(values["b"]) == 6


def test_where_numnet_fails_after_a_rivals_turn_the_rival_is_not_to_blame(plan: Plan) -> None:
    turns = iter([{"ms": 1.0}])

    def ours() -> dict[str, float]:
        if (turn := next(turns, None)) is None:
            raise Unable("numnet's process ended")
        return turn

    with pytest.raises(Unable, match="numnet's process ended"):
        take_turns(plan, "step", CASE, {"numnet_numba": ours, "a": lambda: {"ms": 2.0}}, "ms", minutes=1)
    assert plan.store.of("step") == []


def test_work_found_equal_by_other_code_opens_no_gate(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = {"refusal": "", "error": 1e-6}
    store.add(Sample("equal", "jax_scan", {"net": "tutorial"}, 0, found, commit="older"))
    store.add(Sample("equal", "torch_eager", {"net": "tutorial"}, 0, found, commit=samples.commit("equal")))
    assert equal.allowed(store, ["jax_scan", "torch_eager"], "tutorial") == ["torch_eager"]
    assert equal.refusal(store, "jax_scan", "tutorial") == "its work was not checked"


def test_a_new_file_is_another_commit_and_one_that_is_not_measured_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(("git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments), cwd=tmp_path, check=True)

    for folder in ("numnet/explain", "numnet/kernels", "benchmarks"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "first.py").write_text("")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    monkeypatch.setattr(samples, "ROOT", tmp_path)
    seen = []
    for name in ("numnet/explain/new.py", "numnet/kernels/new.py"):
        seen.append(samples.commit.__wrapped__("step"))
        (tmp_path / name).write_text("x = 1")
    seen.append(samples.commit.__wrapped__("step"))
    (tmp_path / "numnet/kernels/new.py").write_text("x = 2")
    seen.append(samples.commit.__wrapped__("step"))
    assert seen[0] == seen[1]
    assert "+" not in seen[1]
    assert len({*seen[1:]}) == 3
