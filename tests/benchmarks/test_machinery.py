"""What the measurements stand on: the probe, cores, products that are checked, rungs, assembly, workers, the check."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks import check, clocks, nets, packing, products, session
from benchmarks.cores import at_once
from benchmarks.jobs import races
from benchmarks.jobs.processes import run
from benchmarks.ladder import rungs
from benchmarks.ladder.assembly import hot_loop
from benchmarks.noise import Probe
from benchmarks.plan import Plan
from benchmarks.problem import Problem, read_bytes
from benchmarks.report.rows import Results
from benchmarks.samples import ROOT, Sample, Store, commit, machine
from benchmarks.session import Session, sessions, worker


def test_the_probe_gives_the_worse_of_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks take 9 (which wakes up and does not count), 1, 3, 2, … ms."""
    looks = iter([9e-3, 1e-3, 3e-3, 2e-3, 1e-3])
    monkeypatch.setattr(Probe, "_look", lambda _: next(looks))
    probe = Probe(2)
    assert [probe.watch(lambda: "found") for _ in range(3)] == [("found", 3e-3), ("found", 3e-3), ("found", 2e-3)]


def test_jobs_run_at_once_and_give_their_results_in_order() -> None:
    gate = threading.Barrier(2, timeout=10)  # opens only where both are under way
    if len(__import__("os").sched_getaffinity(0)) < 2:
        pytest.skip("one core")

    def job(name: str) -> str:
        gate.wait()
        return name

    assert at_once([lambda: job("a"), lambda: job("b")]) == ["a", "b"]


def test_a_wrong_product_is_refused() -> None:
    product = products.make("forward", (3, 4, 5))
    right = products.openblas(product)
    products.verify(product, right, "right")

    def wrong() -> None:
        right()
        product.out[1, 2] += 1e-4

    with pytest.raises(ArithmeticError, match="wrong: forward 3 x 4 x 5 is not the product"):
        products.verify(product, wrong, "wrong")
    with pytest.raises(ArithmeticError):
        products.verify(product, lambda: None, "nothing is filled")


@pytest.mark.slow
@pytest.mark.parametrize("rung", rungs.RUNGS, ids=lambda rung: rung.name)
def test_every_rung_is_the_product(rung: rungs.Rung) -> None:
    """On one tile's width of work, and, but for plain Python, on more than a block of rows and of k."""
    shapes = [("forward", (16, 8, 64)), ("dw", (16, 8, 64)), ("dx", (16, 8, 64)), ("pixels forward", (128, 784, 64))]
    shapes += [] if rung.slice else [("forward", (194, 532, 64))]
    fitting = [(kind, shape) for kind, shape in shapes if kind.startswith(rung.kinds)]
    for kind, shape in fitting:
        product = products.make(kind, shape)
        products.verify(product, rung.make(product), rung.title)
    assert fitting


ASSEMBLY = """
.LBB0_1:
    movq %rax, %rbx
    cmpq %rax, %rcx
    jne .LBB0_1
.LBB0_2:
    vmovups (%rdi,%rax), %ymm4
    vfmadd231ps (%rsi), %ymm4, %ymm0
    vfmadd231ps 32(%rsi), %ymm4, %ymm1
    movslq (%r8,%rax), %r9
    leaq (%r9,%r10), %r11
    cmpq %rax, 16(%rsp)
    vmovups %ymm4, (%r11)
    addq $32, %rax
    jne .LBB0_2
    vmovups %ymm0, (%rdx)
"""


def test_the_hot_loop_is_counted() -> None:
    """Of two loops the second has arithmetic: two sums, two multiply-adds of 256 bits, nine instructions in all.

    It loads three vectors, a place and what it compares with, and stores a vector; an address worked out is no load.
    """
    function = type("Compiled", (), {"inspect_asm": lambda _: {"signature": ASSEMBLY}})()
    assert hot_loop(function) == {
        "sums": 2, "packed": 2, "scalar": 0, "fused": 2, "bits": 256, "loads": 5, "stores": 1, "instructions": 9,
    }  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Problem:
    """A network of one small hidden layer."""
    return nets.of_size(8, 512, tmp_path)


@pytest.mark.slow
def test_a_whole_program_tells_its_stages_and_accuracy(small: Problem) -> None:
    found, _ = run(worker("numnet_textbook", small, 2, "whole", "--steps", "200"), {})
    stages = found["stages"]
    ends = [stages[name] for name in ("imported", "built", "compiled", "trained", "tested")]
    assert ends[0] > 0
    assert ends == sorted(ends)
    assert found["until"] == stages["compiled"]
    assert found["seconds"] >= ends[-1] - 0.02
    assert 0.1 < found["accuracy"] < 0.95
    assert 50 < found["mib"] < 2000


@pytest.mark.slow
def test_a_race_ends_at_the_mark_or_with_the_schedule(tmp_path: Path) -> None:
    problem = nets.for_race(4096, 4e-3, 2 * 13, 0, tmp_path)
    easy, _ = run(worker("numnet_numba", problem, 2, "race", "--target", "0.3"), {})
    hard, _ = run(worker("numnet_numba", problem, 2, "race", "--target", "1.0"), {})
    assert (easy["met"], len(easy["marks"])) == (True, 1)
    assert (hard["met"], len(hard["marks"])) == (False, 2)


def test_each_rival_races_at_the_settings_that_were_soonest_for_it(tmp_path: Path) -> None:
    """Worst seeds: 98.05 % is less than 0.24 points above the mark; of 256 and of 512 the shorter goes on."""
    tried = {
        races.TRIED[0]: 0.9805, races.TRIED[1]: 0.983, races.TRIED[3]: 0.99, races.TRIED[4]: 0.9835,
        races.TRIED[5]: 0.985,
    }  # fmt: skip
    store = Store(tmp_path)
    for settings, worst in tried.items():
        for seed in range(races.SEEDS):
            found = worst + seed / 1000
            store.add(Sample("search", "numnet_numba", settings._asdict(), seed, found, commit=commit("search")))
    plan = Plan(store, ("numnet_numba", "jax_scan"), 6, tmp_path)
    of_256, of_512 = races.TRIED[1], races.TRIED[4]
    assert races.cleared(plan) == [of_256, of_512]
    for settings, seconds in ((of_256, 9.0), (of_512, 7.0)):
        told = {"seconds": seconds, "met": True}
        store.add(Sample("trial", "jax_scan", settings._asdict(), 0, told, commit=commit("trial")))
        store.add(Sample("trial", "keras_fit", settings._asdict(), 0, told | {"met": False}, commit=commit("trial")))
    assert races.best_for(plan, "jax_scan") == of_512
    assert races.best_for(plan, "keras_fit") == races.SAFE  # who met the mark with none


def test_of_alike_rows_the_sooner_in_its_trial_races_and_the_other_is_a_row(tmp_path: Path) -> None:
    """jax_jit met the mark sooner than jax_scan; of TensorFlow's two neither was tried, and the loop races."""
    store = Store(tmp_path)
    for seed in range(races.SEEDS):
        store.add(Sample("search", "numnet_numba", races.SAFE._asdict(), seed, 0.99, commit=commit("search")))
    names = ("jax_jit", "jax_scan", "tensorflow_xla", "tensorflow_loop")
    for name in names:
        told = {"refusal": "", "title": name.upper(), "about": ""}
        store.add(Sample("equal", name, {"net": "tutorial"}, 0, told, commit=commit("equal")))
    for name, seconds in (("jax_jit", 5.0), ("jax_scan", 6.0)):
        value = {"seconds": seconds, "met": True}
        store.add(Sample("trial", name, races.SAFE._asdict(), 0, value, commit=commit("trial")))
    plan = Plan(store, names, 6, tmp_path)
    assert races.instead(plan) == {"jax_scan": "jax_jit", "tensorflow_xla": "tensorflow_loop"}
    instead = races.instead(plan) | {"torch_compiled": "torch_eager"}
    assert plan.leave_out("race", races.CASE, ["jax_scan"], instead, "later") == ["jax_scan"], "nobody is in its place"
    for _ in range(2):
        assert plan.leave_out("race", races.CASE, names, instead, "later") == ["jax_jit", "tensorflow_loop"]
    assert len((tmp_path / "race.jsonl").read_text().splitlines()) == 2
    left = {s.rival: s.value["failed"] for s in store.samples if s.job == "race"}
    assert left == {"jax_scan": "later: JAX_JIT", "tensorflow_xla": "later: TENSORFLOW_LOOP"}
    plan.measure_once("race", "jax_scan", races.CASE, 0, lambda: (6.0, None))
    assert plan.store.current("race", "jax_scan", races.CASE) is not None, "run by itself it is measured all the same"
    assert Results(store).fallen("race") == {}, "and who was left out before did not fail"


def test_seconds_of_what_is_within_are_not_counted_twice() -> None:
    """a runs from 0 to 10 and calls b from 2 to 5, which calls a from 3 to 4; b again from 12 to 13."""
    events = [
        (0.0, True, "a"), (2.0, True, "b"), (3.0, True, "a"), (4.0, False, "a"), (5.0, False, "b"), (10.0, False, "a"),
        (12.0, True, "b"), (13.0, False, "b"),
    ]  # fmt: skip
    assert clocks.own_seconds(events) == {"a": 2 + 1 + 5, "b": 1 + 1 + 1}


def clocked(question: str, folder: Path) -> dict[str, Any]:
    command = (sys.executable, "-m", "benchmarks.clocks", question, "--folder", str(folder))
    found: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    )
    return found


@pytest.mark.slow
def test_the_stages_of_a_run_end_one_after_the_other(tmp_path: Path) -> None:
    found = clocked("train", tmp_path)
    ends = [found["stages"][name] for name in ("start", "data", "compile", "train", "test", "end")]
    assert ends == sorted(ends)
    steps = 1e-3 * (100 * found["first"] + 900 * found["later"] + 1000 * found["between"])
    assert steps == pytest.approx(ends[3] - ends[2], rel=0.5), "1,000 steps are what training is"


@pytest.mark.slow
def test_of_an_answer_every_kernel_is_clocked(tmp_path: Path) -> None:
    """Four products, of 784 x 512, 512 x 256, 256 x 128 and 128 x 10, and three ReLUs."""
    for one in clocked("predict", tmp_path).values():
        flops = [flops for _, flops, _ in one["calls"]]
        assert flops == [2 * 784 * 512, 0, 2 * 512 * 256, 0, 2 * 256 * 128, 0, 2 * 128 * 10]
        assert one["answer"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", clocks.KINDS)
def test_copying_is_a_part_of_a_product(kind: str) -> None:
    found = packing.clocked(kind, (128, 784, 512), passes=1)
    assert 0 < found["packing"] < found["seconds"]


def test_a_process_that_fails_keeps_its_last_words() -> None:
    with pytest.raises(subprocess.SubprocessError, match="no such luck"):
        run((sys.executable, "-c", "raise SystemExit('no such luck')"), {})


def test_a_rival_that_dies_in_its_warm_up_is_a_row_with_its_reason(
    small: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = json.dumps({"ready": True})
    program = f"import sys; print({ready!r}, flush=True); input(); sys.exit('killed by its compiler')"
    monkeypatch.setattr(session, "worker", lambda *_: (sys.executable, "-c", program))
    with sessions(["jax_scan"], small, 2, lambda one: one.train(1)) as (blocks, reasons):
        assert (blocks, reasons) == ({}, {"jax_scan": "its process ended: killed by its compiler"})


def test_who_does_not_answer_is_given_up(small: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.2)
    monkeypatch.setattr(session, "worker", lambda *_: (sys.executable, "-c", "import time; time.sleep(60)"))
    began = time.monotonic()
    with pytest.raises(session.Unable, match=r"no answer within 0\.2 seconds"):
        Session("jax_scan", small, 2)
    assert time.monotonic() - began < 20


def test_bytes_and_floats_are_the_same_images(small: Problem) -> None:
    pixels, labels = small.train_bytes()
    split = small.train_split()
    assert np.array_equal(split.images[:100], pixels[:100].astype(np.float32) / np.float32(255))
    assert np.array_equal(split.labels, labels)
    assert sorted(labels) == sorted(read_bytes("train")[1][5000:])


def measured(folder: Path, slower: float) -> Results:
    """numnet at half of the textbook's time, with some noise, or slower than that by a factor."""
    store = Store(folder)
    rng = np.random.default_rng(0)
    for net in nets.NETS:
        for i in range(30):
            told = {"ms": 6.0 * rng.normal(1, 0.05), "numnet": 3.0 * slower * rng.normal(1, 0.05)}
            store.add(Sample("step", "numnet_textbook", {"net": net, "threads": 2}, i, told, 4e-4))
    return Results(store)


@pytest.mark.parametrize(("slower", "code"), [(1.0, 0), (1.2, 1), (0.8, 0)])
def test_the_check_fails_where_numnet_is_a_fifth_slower(slower: float, code: int, tmp_path: Path) -> None:
    committed, now = measured(tmp_path / "before", 1.0), measured(tmp_path / "now", slower)
    assert check.judge(committed, now) == code


def test_the_check_judges_nothing_by_another_machine(tmp_path: Path) -> None:
    here, elsewhere = (measured(tmp_path / name, 1.0) for name in ("here", "elsewhere"))
    assert check.unlike(here) == ""
    known = tmp_path / "elsewhere" / "environments.json"
    known.write_text(known.read_text().replace(machine(), "64 cores of a dream"))
    assert "are of 64 cores of a dream" in check.unlike(elsewhere)


def test_the_check_fails_where_nothing_was_measured(tmp_path: Path) -> None:
    assert check.judge(measured(tmp_path / "before", 1.0), Results(Store(tmp_path / "nothing"))) == 1


@pytest.mark.slow
def test_a_profile_of_the_step_has_every_kernel(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.parts", "--threads", "1", "--folder", str(tmp_path))
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    names = [name for name, _, _ in found["calls"]]
    assert (names.count("matmul"), names.count("matmul_at"), names.count("matmul_bt")) == (4, 4, 3)
    assert sum(flops for _, flops, _ in found["calls"]) == nets.of_recipe("tutorial", tmp_path).flops()
    assert names[-1] == "adam"
