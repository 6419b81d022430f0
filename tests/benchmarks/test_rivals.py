"""A rival's process, and equal work before time: the real worker with numnet's own rivals, and one that cheats."""

import sys
import types
from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks import equal, nets, session
from benchmarks.problem import Problem
from benchmarks.rival import Unable
from benchmarks.session import Session


def test_a_problem_survives_its_file(tmp_path: Path) -> None:
    problem = nets.of_recipe("intended", tmp_path)
    assert Problem.from_json(problem.to_json()) == problem
    assert (problem.batches, problem.drop_rate, problem.activation) == (429, 0.5, "relu")
    assert problem.sizes == (784, 512, 256, 128, 10)


def test_flops_are_those_worked_by_hand(tmp_path: Path) -> None:
    """4-3-2 at a batch of 5: forward 2·5·(12+6) = 180, dw the same, dx of the second layer 2·5·6 = 60."""
    problem = Problem((4, 3, 2), "relu", 0.0, 5, (1e-3,), 1e-8, 0, "")
    assert problem.flops() == 180 + 180 + 60


@pytest.mark.slow
@pytest.mark.parametrize("net", nets.NETS)
def test_the_compiled_rival_does_the_textbooks_work(net: str, tmp_path: Path) -> None:
    found = equal.check("numnet_numba", net, tmp_path)
    assert found["refusal"] == ""
    assert found["error"] < 1e-5


@pytest.mark.slow
def test_a_process_answers_until_it_is_closed(tmp_path: Path) -> None:
    rival = Session("numnet_textbook", nets.of_recipe("tutorial", tmp_path), threads=2)
    try:
        seconds, first = rival.train(1)
        assert 0 < seconds < 60
        assert rival.train(30)[1] < first
        assert len(rival.predict(3, 4)) == 4
        assert 0.3 < rival.accuracy() < 0.95
    finally:
        rival.close()
    assert rival._process.returncode == 0


def test_a_rival_whose_framework_is_missing_is_a_row_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (sys.executable, "-c", 'print(\'{"unable": "No module named tensorflow"}\')')
    monkeypatch.setattr(session, "worker", lambda *_: command)
    problem = nets.of_recipe("tutorial", tmp_path)
    with session.sessions(["tensorflow_loop"], problem, 2, lambda one: one) as (ready, reasons):
        assert (ready, reasons) == ({}, {"tensorflow_loop": "No module named tensorflow"})


def test_a_rival_that_dies_gives_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = (sys.executable, "-c", "raise SystemExit('out of memory')")
    monkeypatch.setattr(session, "worker", lambda *_: command)
    with pytest.raises(Unable, match="out of memory"):
        Session("jax_scan", nets.of_recipe("tutorial", tmp_path), 2)


class Recited:
    """A rival that gives the textbook's losses: single steps times one factor, a call of many times another."""

    facts = types.MappingProxyType(
        {"title": "recited", "about": "", "call_steps": 20, "tells_mean": False, "settings": {}}
    )

    def __init__(self, problem: Problem, factor: float, whole: float) -> None:
        self._losses = equal.textbook(problem, equal.STEPS + 20)
        self._factor, self._whole, self._taken = factor, whole, 0

    def train(self, count: int) -> tuple[float, float]:
        self._taken += count
        return 0.0, self._losses[self._taken - 1] * (self._factor if count == 1 else self._whole)

    def close(self) -> None: ...


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factor", "whole", "told"),
    [
        (1 + 1e-4, 1 - 1e-4, ""),
        (1 + 2e-3, 1, "its losses are off by 2.0e-03"),
        (1, 1 - 2e-3, "after a whole call its loss is off by 2.0e-03"),
        (float("nan"), 1, "its losses are off by nan"),
    ],
)
def test_losses_that_are_off_are_refused(
    factor: float, whole: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equal, "Session", lambda _, problem, threads: Recited(problem, factor, whole))
    assert equal.check("recited", "tutorial", tmp_path)["refusal"] == told


@pytest.mark.slow
def test_dropout_that_is_left_out_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undropped = nets.of_recipe("intended", tmp_path, drop=False)

    def cheat(_: str, problem: Problem, threads: int) -> Recited:
        return Recited(undropped if problem.drop_rate else problem, 1, 1)

    monkeypatch.setattr(equal, "Session", cheat)
    assert "dropout" in equal.check("recited", "intended", tmp_path)["refusal"]


@pytest.mark.slow
def test_another_form_of_epsilon_shows_in_the_losses(tmp_path: Path) -> None:
    """PyTorch's form, epsilon after the bias correction, at the epsilon of the check."""
    problem = nets.of_recipe("tutorial", tmp_path, drop=False, epsilon=equal.EPSILON)
    other = equal.Textbook(problem, threads=2)
    other.optimizer.epsilon_form = "pytorch"
    errors = [abs(other.train(s, 1) - right) / right for s, right in enumerate(equal.textbook(problem, 50))]
    assert max(errors) > 5 * equal.CLOSE


def test_every_rival_has_a_file() -> None:
    from benchmarks.rival import NAMES

    files = {file.stem for file in (Path(equal.__file__).parent / "rivals").glob("*.py")} - {"__init__"}
    assert files == set(NAMES)
