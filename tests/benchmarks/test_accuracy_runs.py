"""What the record lacks is run, and nothing else: real runs, small."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.accuracy import __main__ as door
from benchmarks.accuracy import table
from benchmarks.accuracy.lines import Record, now
from benchmarks.accuracy.running import Runner, check_fashion, data_sha256
from benchmarks.accuracy.table import Committee, Setting
from numnet.data.datasets import Dataset
from numnet.errors import DataError, RecipeError
from numnet.training.recipes import find_recipe

ROOT = Path(__file__).parent.parent.parent
SMALL = {"hidden": (8,), "dropout": (0.0,), "steps": 20}
TIMED = Setting("strong", 2, SMALL)
TOGETHER = Setting("strong", 2, {**SMALL, "warmup": 5}, timed=False)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs into a folder of its own; a small network is all there is of `strong`."""
    monkeypatch.setattr(table, "SETTINGS", (TIMED,))
    return Runner(Record(tmp_path / "results"), tmp_path / "models")


def lines(runner: Runner) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in runner.record.runs_file.read_text().splitlines()]


@pytest.mark.slow
def test_what_is_lacking_is_run_once_and_after_a_stop_the_rest(runner: Runner) -> None:
    assert runner.settings([TIMED]) == []
    first, second = lines(runner)
    assert (first["trial"]["seed"], second["trial"]["seed"], first["trial"]["changes"]["steps"]) == (0, 1, 20)
    assert runner.settings([TIMED]) == []
    assert len(lines(runner)) == 2
    runner.record.runs_file.write_text(json.dumps(first) + "\n")  # as if it had been stopped after the first
    assert runner.record.lacking(TIMED) == [1]
    assert runner.settings([TIMED, TOGETHER]) == []
    assert [(line["trial"]["seed"], "warmup" in line["trial"]["changes"]) for line in lines(runner)[:2]] == [
        (0, False), (1, False),
    ]  # fmt: skip
    assert sorted(line["trial"]["seed"] for line in lines(runner)[2:]) == [0, 1]
    runs = runner.record.runs(TIMED)
    assert [run.sha256 for run in runs] == [first["train"]["parameters_sha256"], second["train"]["parameters_sha256"]]
    assert runs[0].environment == runs[1].environment
    assert "numpy" in runs[0].environment


@pytest.mark.slow
def test_a_timed_run_in_parts_is_run_again_from_nothing_and_with_anew_every_run(runner: Runner) -> None:
    runner.settings([TIMED])
    first, second = lines(runner)
    text = [json.dumps({**first, "resumed": True}), json.dumps(second)]  # as if the first had been left on its way
    runner.record.runs_file.write_text("".join(f"{line}\n" for line in text))
    assert runner.record.lacking(TIMED) == [0]
    assert runner.settings([TIMED]) == []
    *_, again = lines(runner)
    assert len(lines(runner)) == 3
    assert (again["trial"]["seed"], again["resumed"], again["jobs"]) == (0, False, 1)  # though its model was there
    assert runner.record.lacking(TIMED) == []
    anew = Runner(Record(runner.record.folder, since=now()), runner.models)
    assert anew.settings([TIMED]) == []
    assert [line["resumed"] for line in lines(runner)[3:]] == [False, False]
    assert [run.sha256 for run in anew.record.runs(TIMED)] == [
        line["train"]["parameters_sha256"] for line in (first, second)
    ]


@pytest.mark.slow
def test_what_another_machine_has_run_is_run_here_as_well(runner: Runner) -> None:
    """Else the two rows would never be whole: a row is of one machine."""
    assert runner.settings([TOGETHER]) == []
    conditions, elsewhere = runner.record.folder / "conditions.jsonl", "another machine"
    notes = [{**json.loads(line), "environment": elsewhere} for line in conditions.read_text().splitlines()]
    conditions.write_text("".join(f"{json.dumps(note)}\n" for note in notes))
    runner.record.runs_file.write_text(json.dumps(lines(runner)[0]) + "\n")  # of which one seed is not there
    assert runner.record.lacking(TOGETHER) == [0, 1]
    assert runner.settings([TOGETHER]) == []
    assert runner.record.lacking(TOGETHER) == []
    assert elsewhere not in {run.environment for run in runner.record.runs(TOGETHER)}


@pytest.mark.slow
def test_a_committee_waits_for_its_members_and_answers_once(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    short = find_recipe("strong").changed(**SMALL)
    monkeypatch.setattr("benchmarks.accuracy.table.find_recipe", lambda name: short)
    committee = Committee("strong", 2)
    assert runner.committee(committee) == ["committee of strong: 0 of 2 seeds have been run"]
    members = Setting("strong", 2)
    runner.settings([TIMED])
    made = [json.dumps({**line, "trial": {**line["trial"], "changes": {}}}) for line in lines(runner)]
    runner.record.runs_file.write_text("\n".join(made) + "\n")
    runner.record.note(members, data_sha256(None))
    assert runner.committee(committee) == []
    found = runner.record.committee(committee, runner.record.runs(members))
    assert found is not None
    (line,) = (runner.record.folder / "committees.jsonl").read_text().splitlines()
    assert found.errors == round(10_000 * (1 - json.loads(line)["evaluate"]["accuracy"]))
    one, other = sorted(runner.models.glob("*.npz"))
    other.write_bytes(one.read_bytes())  # a good model, but not of the run that the line is of
    assert runner.committee(committee) == []
    (runner.record.folder / "committees.jsonl").unlink()
    (said,) = runner.committee(committee)
    assert str(other) in said
    assert str(one) not in said
    assert "--anew runs its seeds again" in said
    one.unlink()
    assert str(one) in runner.committee(committee)[0]


@pytest.mark.slow
def test_a_run_that_fails_is_told(runner: Runner) -> None:
    changes = {**SMALL, "steps": 60, "optimizer": "sgd", "learning_rate": 1e30, "weight_decay": 0.0}
    wild = Setting("strong", 1, changes, timed=False)
    (failure,) = runner.settings([wild])
    assert "the loss is" in failure
    assert runner.record.lacking(wild) == [0]


LONG = """if True:
    import sys
    from pathlib import Path
    from benchmarks.accuracy.lines import Record
    from benchmarks.accuracy.running import Interrupted, Runner
    from benchmarks.accuracy.table import Setting
    folder = Path(sys.argv[1])
    long = Setting("strong", 1, {"hidden": (8,), "dropout": (0.0,), "steps": 400_000}, timed=False)
    try:
        Runner(Record(folder / "results"), folder / "models").settings([long])
    except Interrupted as interrupted:
        sys.exit(f"interrupted by {interrupted.args[0]}")
"""


def test_who_stops_a_run_finds_it_lacking(tmp_path: Path) -> None:
    """A run of minutes is left after its first second."""
    with subprocess.Popen([sys.executable, "-c", LONG, tmp_path], cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("models/*.lock")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        assert run.communicate(timeout=60)[1].splitlines()[-1] == f"interrupted by {signal.SIGTERM}"
    assert not (tmp_path / "results" / "runs.jsonl").exists()


def test_the_command_writes_the_page_and_refuses_in_one_line(tmp_path: Path) -> None:
    def command(*flags: object) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "benchmarks.accuracy", "--results", tmp_path, "--docs", tmp_path, *flags]
        return subprocess.run(list(map(str, line)), cwd=ROOT, capture_output=True, text=True, check=False)

    assert command("--page").returncode == 0
    assert "Nothing has been run yet." in (tmp_path / "accuracy.md").read_text()
    refused = command("--only", "stong")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("numnet: --only stong: expected some of tutorial, intended, strong")
    assert refused.stderr.count("\n") == 1
    for only in ("fashion", "own"):
        assert f"--only {only}: expected --{only} DIR" in command("--only", only).stderr
    assert command("--readme").stdout.startswith("| recipe |")


def test_parts_are_those_of_the_table() -> None:
    assert door.parse(["--only", "strong,rivals"]).only == ["strong", "rivals"]
    assert set(door.parse([]).only) >= {"tutorial", "strong", "record", "fashion", "committee", "rivals", "ablations"}
    with pytest.raises(RecipeError, match="--only strongs"):
        door.parse(["--only", "strongs"])


def test_what_needs_a_folder_that_was_not_given_is_left_out_aloud(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.run(runner, ["fashion", "own"]) == []
    said = [
        f"numnet: {part} is left out: no folder was given for it; --{part} DIR, or make accuracy {part.upper()}=DIR"
        for part in ("fashion", "own")
    ]
    assert capsys.readouterr().err.splitlines() == said
    assert door.left_out(runner, ["strong"]) == []
    given = Runner(runner.record, runner.models, fashion=Path("f"), own=Path("o"))
    assert door.left_out(given, ["fashion", "own"]) == []


def test_make_hands_the_folders_on() -> None:
    line = ["make", "--dry-run", "accuracy", "PART=own", "FASHION=a folder", "OWN=o"]
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m benchmarks.accuracy --only own --fashion 'a folder' --own 'o'" in said


def test_a_folder_that_is_not_fashion_mnist_is_refused(tiny_data: Path) -> None:
    with pytest.raises(DataError, match="expected Fashion-MNIST"):
        check_fashion(tiny_data)
    with pytest.raises(DataError, match="expected Fashion-MNIST"):
        check_fashion(ROOT / "numnet" / "data" / "mnist")


def test_data_are_known_by_what_they_are_and_not_by_a_folder(tiny_data: Path, mnist: Dataset) -> None:
    assert data_sha256(None) == data_sha256(ROOT / "numnet" / "data" / "mnist") == mnist.sha256
    assert data_sha256(tiny_data) != mnist.sha256
