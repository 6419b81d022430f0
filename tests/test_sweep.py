"""Many runs: each done once and to the same bits, whatever is killed on the way; what is refused; what is printed."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import numnet
from numnet.console import cores
from numnet.training.grid import Trial
from numnet.training.sources import PACKAGE, code_digest
from numnet.training.sweeping import Row

Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]
Sweeping = Callable[..., Result]

SMALL = ("--recipe", "strong", "--kernels", "textbook", "--grid", "hidden=9,8,7;", "--grid", "batch_size=50")
QUICK = (*SMALL, "--seeds", "0..1", "--grid", "learning-rate=1e-2,1e-3", "--grid", "steps=20")
RUNS = [(0.01, 0), (0.001, 0), (0.01, 1), (0.001, 1)]
# A second or so each, to be killed amid it; dropout and a schedule are on the way.
LONG = (*SMALL, "--grid", "dropout=0.1,0.2,0.3;", "--seeds", "0..1", "--grid", "steps=1000", "--save-every", "100")


@pytest.fixture(scope="module")
def sweep(numnet_command: Command, tiny_data: Path) -> Sweeping:
    """`sweep(folder, "--seeds", "0..4")`: a sweep in a folder, to its end."""

    def run(folder: Path, *flags: object) -> Result:
        return numnet_command("-m", "numnet.sweep", "--data", tiny_data, *flags, cwd=folder)

    return run


@pytest.fixture(scope="module")
def quick(sweep: Sweeping, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The quick sweep: what it printed, and its folder, which is not to be written to."""
    folder = tmp_path_factory.mktemp("quick")
    return sweep(folder, *QUICK), folder


@pytest.fixture
def folder(quick: tuple[Result, Path], tmp_path: Path) -> Path:
    """A copy of the quick sweep's folder."""
    return shutil.copytree(quick[1], tmp_path / "copy")


@pytest.fixture(scope="module")
def unbroken(sweep: Sweeping, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The models of the long sweep when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert sweep(folder, *LONG).returncode == 0
    return models_of(folder)


@contextmanager
def sweeping(
    data: Path, environment: dict[str, str], *flags: str, cwd: Path, **how: Any
) -> Iterator["subprocess.Popen[str]"]:
    """A sweep at work; Ctrl-C is heeded, also if these tests run in the background of a script, which ignores it."""
    line = [sys.executable, "-m", "numnet.sweep", "--data", str(data), *flags]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        line, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, process_group=0,
        **{"stderr": subprocess.PIPE, **how},
    ) as run:  # fmt: skip
        signal.signal(signal.SIGINT, before)
        try:
            yield run
        finally:
            run.kill()


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "sweep.jsonl").read_text().splitlines()]


def runs_of(folder: Path) -> list[tuple[float, int]]:
    """The learning rate, where the grid has any, and the seed of each line."""
    return [(line["trial"]["changes"].get("learning_rate", 0), line["trial"]["seed"]) for line in lines_of(folder)]


def models_of(folder: Path) -> dict[str, bytes]:
    models = (folder / "sweep-models").glob("*.npz")
    return {model.name: model.read_bytes() for model in models if not model.name.endswith(".previous.npz")}


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers_of(run: "subprocess.Popen[str]") -> list[int]:
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")


def test_a_sweep_is_the_runs_that_train_makes_one_by_one(
    quick: tuple[Result, Path], numnet_command: Command, tiny_data: Path, tmp_path: Path
) -> None:
    run, folder = quick
    assert run.returncode == 0
    assert sorted(runs_of(folder)) == sorted(RUNS)
    assert len(models_of(folder)) == 4
    assert not list((folder / "sweep-models").glob("*.previous.npz"))
    for line in lines_of(folder):
        assert " ".join(line) == "format trial train error exit_code peak_mib resumed started ended jobs commit"
        assert line["trial"]["code"] == line["train"]["code"] == code_digest()
        assert line["trial"]["data_sha256"] == line["train"]["data_sha256"] == numnet.load_folder(tiny_data).sha256
        assert (line["exit_code"], line["error"], line["resumed"]) == (0, None, False)
        assert 10 < line["peak_mib"] < 1000
        assert line["started"] < line["ended"]
    flags = "--recipe strong --kernels textbook --hidden 9,8,7 --batch-size 50 --learning-rate 0.01 --steps 20 --seed 1"
    train = ("-m", "numnet.train", "--data", tiny_data, *flags.split(), "--json", "--save", "m.npz")
    alone = json.loads(numnet_command(*train, cwd=tmp_path).stdout)
    line = lines_of(folder)[runs_of(folder).index((0.01, 1))]
    assert line["train"]["parameters_sha256"] == alone["parameters_sha256"]
    assert (folder / line["train"]["saved"]).read_bytes() == (tmp_path / "m.npz").read_bytes()


def test_what_is_done_is_not_done_again_and_more_is_added(
    quick: tuple[Result, Path], sweep: Sweeping, folder: Path
) -> None:
    before = (folder / "sweep.jsonl").read_bytes()
    again = sweep(folder, *QUICK)
    assert (again.returncode, again.stdout.splitlines(), again.stderr) == (0, quick[0].stdout.splitlines(), "")
    assert (folder / "sweep.jsonl").read_bytes() == before
    report = json.loads(sweep(folder, *QUICK, "--seeds", "0..2", "--test", "--json").stdout)
    assert (folder / "sweep.jsonl").read_bytes().startswith(before)
    assert sorted(runs_of(folder)) == sorted([*RUNS, (0.01, 2), (0.001, 2)])
    assert (report["recipe"], report["seeds"], report["failed"]) == ("strong", [0, 1, 2], [])
    assert [one["done"] for one in report["settings"]] == [3, 3]
    for one in report["settings"]:
        rate, of_rate = one["changes"]["learning_rate"], [rate for rate, _ in runs_of(folder)]
        results = [line["train"] for line, its in zip(lines_of(folder), of_rate, strict=True) if its == rate]
        accuracies = [result["test_accuracy"] for result in results]
        assert one["test_accuracy"]["mean"] == pytest.approx(sum(accuracies) / 3)
        assert (one["test_accuracy"]["least"], one["test_accuracy"]["most"]) == (min(accuracies), max(accuracies))


def test_the_table_says_how_settings_compare_and_by_what_to_choose(quick: tuple[Result, Path]) -> None:
    head, first, second, empty, words, more = quick[0].stdout.splitlines()
    runs = quick[0].stderr.splitlines()  # progress, and no result
    assert len(runs) == 4
    done = (
        r"seed [01], hidden=9,8,7, batch_size=50, learning_rate=0\.0+1, steps=20: "
        r"done, validation \d+\.\d\d %, \d+\.\d s"
    )
    assert all(re.fullmatch(done, run) for run in runs), runs
    assert head.split() == ["setting", "runs", "validation", "seconds", "MiB"]
    for line in (first, second):
        assert re.search(
            r" learning_rate=0\.0+1 steps=20 +2 +\d+\.\d\d ± \d+\.\d\d % +\d\.\d ± \d\.\d +\d+ ± \d+$", line
        )
    assert empty == ""
    assert "best on the validation images" in words
    assert "never by the test images" in more


def test_the_test_images_are_shown_where_nobody_chooses_or_where_they_are_asked_for(
    sweep: Sweeping, folder: Path
) -> None:
    with_test = ["setting", "runs", "validation", "test", "seconds", "MiB"]
    assert sweep(folder, *QUICK, "--test").stdout.splitlines()[0].split() == with_test
    alone = (*SMALL, "--seeds", "0..2", "--grid", "learning_rate=1e-2", "--grid", "steps=20")
    one = sweep(folder, *alone)
    assert one.stdout.splitlines()[0].split() == with_test
    assert re.search(r"seed 2, .*: done, validation .* %, test .* %, .* s\n", one.stderr)
    report = json.loads(sweep(folder, *QUICK, "--json").stdout)
    assert [setting["test_accuracy"] for setting in report["settings"]] == [None, None]


def test_a_run_that_is_the_last_to_be_done_has_all_cores(sweep: Sweeping, folder: Path) -> None:
    """Two of the three seeds are there, so however many runs may go on at a time, one does."""
    before = len(lines_of(folder))
    sweep(folder, *SMALL, "--grid", "learning-rate=1e-2", "--grid", "steps=20", "--seeds", "0..2", "--jobs", "3")
    (line,) = lines_of(folder)[before:]
    assert (line["trial"]["seed"], line["jobs"], line["train"]["threads"]) == (2, 3, cores())


# What would be another run


def changed(folder: Path) -> None:
    """Change a byte of the last label that only the test looks at."""
    labels = folder / "t10k-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes(content[:-1] + bytes([(content[-1] + 1) % 3]))


def test_data_are_what_is_in_the_files_and_not_where_they_lie(
    sweep: Sweeping, tiny_folder: Path, tmp_path: Path
) -> None:
    flags = (*SMALL, "--grid", "steps=5")
    sweep(tmp_path, *flags, "--data", tiny_folder)
    assert len(lines_of(tmp_path)) == 1
    moved = tiny_folder.rename(tmp_path / "moved")
    sweep(tmp_path, *flags, "--data", moved)
    assert len(lines_of(tmp_path)) == 1
    changed(moved)
    assert sweep(tmp_path, *flags, "--data", moved).returncode == 0
    first, second = (line["train"]["data_sha256"] for line in lines_of(tmp_path))
    assert first != second


def other_numnet(folder: Path) -> Path:
    """A copy of the package that a Python started in the folder imports; a file of it to be changed."""
    shutil.copytree(PACKAGE, folder / "numnet", ignore=shutil.ignore_patterns("*.gz", "__pycache__"))
    return folder / "numnet" / "nn" / "loss.py"


def change(file: Path) -> None:
    file.write_text(file.read_text() + "# changed\n")


def test_a_sweep_whose_code_is_changed_starts_no_run_of_the_other(
    sweep: Sweeping, tiny_data: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = other_numnet(tmp_path)
    with sweeping(tiny_data, environment, *LONG, "--jobs", "1", cwd=tmp_path) as run:
        until(lambda: models_of(tmp_path))
        change(file)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 2
    assert "numnet's own files were changed while the sweep ran" in errors.splitlines()[-1]
    assert [seed for _, seed in runs_of(tmp_path)] == [0]  # it had begun with the old code, and is of that
    assert sweep(tmp_path, *LONG).returncode == 0
    assert [seed for _, seed in sorted(runs_of(tmp_path))] == [0, 0, 1]
    codes = [line["trial"]["code"] for line in lines_of(tmp_path)]
    assert codes[1] == codes[2] != codes[0]


def test_a_run_of_other_code_does_not_count_and_nobody_goes_on_from_it(
    numnet_command: Command, tiny_data: Path, tmp_path: Path
) -> None:
    """The sweep is the installed one; its processes import what lies in the folder that they are started in."""
    change(other_numnet(tmp_path))
    flags = ("--data", tiny_data, *SMALL, "--grid", "steps=5")
    run = numnet_command("-P", "-m", "numnet.sweep", *flags, cwd=tmp_path)
    assert run.returncode == 1
    assert "failed, it ran other code, " in run.stderr.splitlines()[-1]
    (line,) = lines_of(tmp_path)
    assert line["train"] is None
    assert models_of(tmp_path) == {}


# What is killed


def check_whole(folder: Path, unbroken: dict[str, bytes]) -> None:
    assert [seed for _, seed in sorted(runs_of(folder))] == [0, 1]
    assert models_of(folder) == unbroken


def steps_of_last_part(line: dict[str, Any]) -> int:
    """How many steps the process took that finished a run, in batches of 50."""
    return round(line["train"]["images_per_second"] * line["train"]["train_seconds"] / 50)


@needs_proc
def test_a_sweep_that_was_killed_with_all_its_workers_goes_on_to_the_bit(
    sweep: Sweeping, tiny_data: Path, tmp_path: Path, environment: dict[str, str], unbroken: dict[str, bytes]
) -> None:
    with sweeping(tiny_data, environment, *LONG, cwd=tmp_path) as run:
        until(lambda: models_of(tmp_path))
        workers = workers_of(run)
        run.kill()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
    assert workers
    again = sweep(tmp_path, *LONG)
    assert again.returncode == 0
    check_whole(tmp_path, unbroken)
    resumed = [line for line in lines_of(tmp_path) if line["resumed"]]
    assert resumed
    assert all(line["train"]["steps"] == 1000 > steps_of_last_part(line) for line in resumed)


@needs_proc
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_outlives_its_sweep_is_waited_for_and_by_who_wants_to_be_alone_before_anything_is_started(
    tiny_data: Path, tmp_path: Path, environment: dict[str, str], unbroken: dict[str, bytes], jobs: int
) -> None:
    with sweeping(tiny_data, environment, *LONG, "--jobs", "1", cwd=tmp_path) as run:
        until(lambda: models_of(tmp_path))
        (worker,) = workers_of(run)
        run.kill()
        run.wait()  # to stop a worker before would hang it up: its group would be left without a parent, and stopped
        os.kill(worker, signal.SIGSTOP)
    (tmp_path / "sweep.jsonl.lock").unlink()  # of the sweep that was killed: the next one's says that it is at work
    with sweeping(tiny_data, environment, *LONG, "--jobs", str(jobs), cwd=tmp_path) as run:
        if jobs == 1:
            until((tmp_path / "sweep.jsonl.lock").exists)
            time.sleep(1)  # ten looks at what there is to do
            assert not workers_of(run)
        else:
            until((tmp_path / "sweep.jsonl").exists)
            assert runs_of(tmp_path) == [(0, 1)]  # seed 0 is in the hands of the other
        os.kill(worker, signal.SIGCONT)
        _, errors = run.communicate(timeout=60)
    assert (run.returncode, errors.count("\n")) == (0, 2)  # a line a run
    assert {line["jobs"] for line in lines_of(tmp_path)} == {jobs}
    check_whole(tmp_path, unbroken)


@needs_proc
def test_a_worker_that_was_killed_is_started_once_more_and_goes_on_to_the_bit(
    tiny_data: Path, tmp_path: Path, environment: dict[str, str], unbroken: dict[str, bytes]
) -> None:
    with sweeping(tiny_data, environment, *LONG, "--jobs", "1", cwd=tmp_path) as run:
        until(lambda: len(models_of(tmp_path)) == 1)
        os.kill(workers_of(run)[0], signal.SIGKILL)
        _, errors = run.communicate(timeout=60)
    assert (run.returncode, errors.count("\n")) == (0, 2)  # a line a run
    check_whole(tmp_path, unbroken)
    first, second = lines_of(tmp_path)
    assert (first["resumed"], second["resumed"]) == (True, False)
    assert steps_of_last_part(first) < 1000 == steps_of_last_part(second)


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_has_its_runs_save_and_says_how_to_go_on(
    sweep: Sweeping,
    tiny_data: Path,
    tmp_path: Path,
    environment: dict[str, str],
    unbroken: dict[str, bytes],
    number: int,
    code: int,
) -> None:
    """Sent to the whole group, as a terminal does: the workers are none of it, and are asked once, by the sweep."""
    with sweeping(tiny_data, environment, *LONG, cwd=tmp_path) as run:
        until(lambda: models_of(tmp_path))
        workers = workers_of(run)
        assert run.pid not in map(os.getpgid, workers)
        os.killpg(run.pid, number)
        _, errors = run.communicate(timeout=30)
    assert run.returncode == code
    words = r"numnet: interrupted; \d of 2 runs are in sweep.jsonl; the same command goes on .*"
    assert re.fullmatch(words, errors.splitlines()[-1])
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert not list((tmp_path / "sweep-models").glob("*.lock"))  # a process that is killed leaves it behind
    assert sweep(tmp_path, *LONG).returncode == 0
    check_whole(tmp_path, unbroken)


def test_a_torn_last_line_is_said_and_mended(sweep: Sweeping, folder: Path) -> None:
    file = folder / "sweep.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    again = sweep(folder, *QUICK)
    assert again.returncode == 0
    mended, run = again.stderr.splitlines()
    assert mended == "numnet: sweep.jsonl: the last line was cut short; its run is done again"
    assert run.startswith("seed ")
    assert sorted(runs_of(folder)) == sorted(RUNS)


def test_a_run_that_is_refused_fails_at_once_and_the_others_go_on(sweep: Sweeping, tmp_path: Path) -> None:
    grid = ("--grid", "weight_decay=0", "--grid", "learning_rate=1e30,1e-3", "--grid", "steps=20")
    run = sweep(tmp_path, *SMALL, "--seeds", "4", *grid)
    assert run.returncode == 1
    failure = "seed 4, hidden=9,8,7, batch_size=50, weight_decay=0.0, learning_rate=1e+30, steps=20"
    *progress, last = run.stderr.splitlines()
    assert last.startswith(f"numnet: {failure} failed, exit code 2: numnet: step 1: the loss is nan")
    assert sorted(line.partition(": ")[2].partition(",")[0] for line in progress) == ["done", "failed"]
    assert re.search(r"learning_rate=1e\+30 steps=20 +0 of 1 +- +-", run.stdout)
    failed = next(line for line in lines_of(tmp_path) if line["train"] is None)
    assert (failed["exit_code"], failed["trial"]["changes"]["learning_rate"]) == (2, 1e30)


# What is refused


@needs_proc
def test_two_sweeps_do_not_write_one_file(
    sweep: Sweeping, tiny_data: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    with sweeping(tiny_data, environment, *SMALL, "--grid", "steps=1000000", "--jobs", "1", cwd=tmp_path) as run:
        until(lambda: workers_of(run))
        other = sweep(tmp_path, *QUICK)
        assert (other.returncode, other.stdout) == (2, "")
        assert other.stderr.startswith("numnet: sweep.jsonl: another run is writing it")
        assert other.stderr.count("\n") == 1
        run.terminate()
        run.communicate(timeout=30)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--recipe stron", "unknown recipe 'stron': did you mean strong?"),
        ("--grid learning_rat=1", "--grid learning_rat: a recipe has no such number; did you mean learning_rate?"),
        ("--grid seed=1,2", "--grid seed: a recipe has no such number"),
        ("--grid learning_rate=fast", "numnet train: argument --learning-rate: invalid float value: 'fast'"),
        ("--grid learning_rate=1e-3,-1", "a learning rate of -1"),
        ("--grid hidden=9,0", "hidden widths (0,)"),
        ("--grid activation=relu,rely", "unknown activation 'rely'"),
        ("--grid steps=5 --grid epochs=1", "not allowed with"),
        ("--grid steps=0", "0 steps"),
        ("--recipe swift --grid epochs=1,2", "recipe swift trains on all images, so that none is left to choose"),
        ("--grid images=train,all", "add --grid images=train"),
        ("--grid steps", "--grid steps: expected a name and its values"),
        ("--seeds 4..0", "--seeds 4..0"),
        ("--jobs 0", "--jobs 0: expected at least 1"),
        ("--kernels nunba", "unknown kernels 'nunba'"),
        ("--save-every often", "an interval of 'often'"),
        ("--data nowhere", "nowhere: No such file or directory"),
        ("--out notes.txt", "notes.txt, line 1: b'my notes' is not what numnet writes here; name another file"),
        ("--out nowhere/sweep.jsonl", "nowhere/sweep.jsonl can't be written"),
        ("--models notes.txt", "notes.txt: File exists"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_before_anything_starts(
    sweep: Sweeping, tmp_path: Path, flags: str, words: str
) -> None:
    (tmp_path / "notes.txt").write_text("my notes")
    run = sweep(tmp_path, *flags.split())
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert run.stderr.startswith("numnet")
    assert words in run.stderr
    assert sorted(os.listdir(tmp_path)) == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "my notes"


# What is drawn


def test_on_a_terminal_the_table_is_drawn_in_place_and_never_higher_or_wider_than_it(
    tiny_data: Path, folder: Path, environment: dict[str, str]
) -> None:
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 70, 0, 0))
    one_by_one = ("--seeds", "0..5", "--jobs", "1")  # eight runs to go: longer than it takes to draw twice
    with sweeping(tiny_data, environment, *QUICK, *one_by_one, cwd=folder, stderr=writer) as run:
        os.close(writer)
        drawn = b"".join(iter(lambda: read(reader), b"")).decode().replace("\r\n", "\n")
        table, _ = run.communicate(timeout=60)
    os.close(reader)
    pictures = re.split(r"\x1b\[(\d+)F\x1b\[J", drawn)
    assert len(pictures) >= 5
    assert pictures[-1] == ""  # it is taken away at the end, and the table comes to stdout
    for picture, height in zip(pictures[:-1:2], pictures[1::2], strict=True):
        lines = picture.splitlines()
        assert len(lines) == int(height) == 5  # and the line that the cursor is on
        assert max(map(len, lines)) == 69
        assert re.fullmatch(r"\d running, 0 failed, \d waiting, \d+ done", lines[0])
        assert lines[1].split() == ["state", "seconds", "validation", "run"]
        assert lines[-1] == "… and 10 more"
    assert pictures[0].splitlines()[2].startswith("running ")
    assert table.splitlines()[0].split() == ["setting", "runs", "validation", "seconds", "MiB"]


def read(terminal: int) -> bytes:
    """What a command writes to its terminal; nothing once it has ended."""
    try:
        return os.read(terminal, 65536) if select.select([terminal], [], [], 60)[0] else b""
    except OSError:
        return b""


def test_how_far_a_run_is_stands_in_its_model_file(numnet_command: Command, tiny_data: Path, tmp_path: Path) -> None:
    row = Row(Trial("strong", {}, 0, "textbook", None, ""), tmp_path / "m.npz", "running")
    assert row.share() is None
    line = ("-m", "numnet.train", "--data", tiny_data, "--kernels", "textbook", "--hidden", "8", "--steps", 30)
    numnet_command(*line, "--stop-at", 6, "--save", row.model)
    assert row.share() == 0.2
    numnet_command("-m", "numnet.train", "--data", tiny_data, "--resume", row.model)
    assert row.share() == 1


def test_the_sweep_itself_loads_no_compiler(numnet_command: Command, tiny_data: Path, tmp_path: Path) -> None:
    flags = ("--data", tiny_data, *SMALL, "--grid", "steps=1")
    run = numnet_command("-X", "importtime", "-m", "numnet.sweep", *flags, cwd=tmp_path)
    assert run.returncode == 0
    loaded = {entry.rpartition("|")[2].strip().partition(".")[0] for entry in run.stderr.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"numba", "llvmlite", "PIL"}
