"""Runs that are kept, left early and gone on with: the same bits as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numnet.data.datasets import Split
from numnet.errors import RecipeError
from numnet.nn.network import Network
from numnet.training.callbacks import Callback, Run
from numnet.training.checkpoint import encode, read, snapshot
from numnet.training.loop import fit
from numnet.training.saving import Interval, Save

Command = Callable[..., "subprocess.CompletedProcess[str]"]

# Dropout, a schedule and a shuffle in every epoch of 4.4 batches: whatever a resumed run forgot would leave a trace.
RUN = ("--recipe", "strong", "--hidden", "9,8,7", "--batch-size", "50", "--kernels", "textbook", "--quiet")


# numnet.train where Ctrl-C is heeded, also if these tests run in the background of a script, which ignores it
HEEDING = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('numnet.train', run_name='__main__', alter_sys=True)"
)


@pytest.fixture
def train(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> Command:
    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return numnet_command("-m", "numnet.train", "--data", tiny_folder, *arguments, cwd=tmp_path)

    return run


@pytest.mark.parametrize("stop", [1, 4, 5, 17, 29])
def test_a_run_left_and_resumed_ends_with_the_bytes_of_the_whole_run(train: Command, tmp_path: Path, stop: int) -> None:
    assert train(*RUN, "--steps", 30, "--save", "whole.npz").returncode == 0
    assert train(*RUN, "--steps", 30, "--save", "parts.npz", "--stop-at", stop).returncode == 0
    assert read(tmp_path / "parts.npz").header.step == stop
    assert train("--resume", "parts.npz", "--quiet").returncode == 0
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "parts.npz").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["tutorial", "intended"])
def test_so_it_is_with_the_real_thing_at_other_thread_counts(
    numnet_command: Command, tmp_path: Path, recipe: str
) -> None:
    """MNIST, compiled kernels; 40 steps are amid the first epoch."""
    train = ("-m", "numnet.train", "--quiet")
    assert (
        numnet_command(*train, "--recipe", recipe, "--steps", 40, "--save", "whole.npz", cwd=tmp_path).returncode == 0
    )
    first = ("--recipe", recipe, "--steps", 40, "--stop-at", 13, "--save", "parts.npz", "--threads", 1)
    assert numnet_command(*train, *first, cwd=tmp_path).returncode == 0
    assert numnet_command(*train, "--resume", "parts.npz", cwd=tmp_path).returncode == 0
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "parts.npz").read_bytes()


def test_a_finished_run_is_resumed_at_its_end(train: Command, tmp_path: Path) -> None:
    first = train(*RUN, "--steps", 6, "--save", "m.npz")
    before = (tmp_path / "m.npz").read_bytes()
    again = train("--resume", "m.npz", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    assert (tmp_path / "m.npz").read_bytes() == before
    assert not (tmp_path / "m.previous.npz").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--steps", 7), "steps 6, not 7"),
        (("--batch-size", 5, "--seed", 3), "batch_size 50, not 5; seed 0, not 3"),
        (("--recipe", "intended"), "recipe strong, not intended"),
        (("--kernels", "numba"), "kernels textbook, not numba"),
    ],
)
def test_a_resumed_run_stays_what_it_is(train: Command, flags: tuple[object, ...], words: str) -> None:
    train(*RUN, "--steps", 6, "--stop-at", 3, "--save", "m.npz")
    run = train("--resume", "m.npz", *flags)
    assert (run.returncode, run.stdout) == (2, "")
    assert words in run.stderr
    assert run.stderr.count("\n") == 1


def test_flags_that_say_the_same_are_no_difference(train: Command) -> None:
    train(*RUN, "--steps", 6, "--stop-at", 3, "--save", "m.npz")
    assert train("--resume", "m.npz", *RUN, "--steps", 6, "--seed", 0).returncode == 0


def test_other_data_are_refused(train: Command, numnet_command: Command, tmp_path: Path) -> None:
    train(*RUN, "--steps", 6, "--stop-at", 3, "--save", "m.npz")
    run = numnet_command("-m", "numnet.train", "--resume", "m.npz", cwd=tmp_path)
    assert run.returncode == 2
    assert "its run trains on tiny" in run.stderr


def test_only_resume_falls_back_on_the_file_before(train: Command, tmp_path: Path) -> None:
    file = tmp_path / "m.npz"
    train(*RUN, "--steps", 30, "--save", "whole.npz")
    train(*RUN, "--steps", 30, "--stop-at", 20, "--save-every", 10, "--save", "m.npz")
    file.write_bytes(file.read_bytes()[:-40])
    run = train("--resume", "m.npz", "--quiet")
    assert run.returncode == 0
    assert "going on from the one before, m.previous.npz: strong, step 10 of 30" in run.stderr
    assert file.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert read(tmp_path / "m.previous.npz").header.step == 10  # and not the hurt one


def test_a_whole_file_of_another_version_is_not_fallen_back_from(train: Command, tmp_path: Path) -> None:
    """And so not replaced: it may be what a newer numnet trained for a week."""
    train(*RUN, "--steps", 30, "--stop-at", 20, "--save-every", 10, "--save", "m.npz")
    newer = encode(replace(kept := read(tmp_path / "m.npz"), header=replace(kept.header, format=2)))
    (tmp_path / "m.npz").write_bytes(newer)
    run = train("--resume", "m.npz")
    assert (run.returncode, run.stdout) == (2, "")
    assert "format 2; expected 1" in run.stderr
    assert (tmp_path / "m.npz").read_bytes() == newer


def test_a_run_without_its_optimizers_vectors_is_not_resumed(train: Command, tmp_path: Path) -> None:
    train(*RUN, "--steps", 6, "--stop-at", 3, "--save", "m.npz")
    kept = read(tmp_path / "m.npz")
    (tmp_path / "m.npz").write_bytes(encode(replace(kept, vectors={})))
    run = train("--resume", "m.npz", "--quiet")
    assert run.returncode == 2
    assert "vectors none: expected m, v" in run.stderr


def test_a_signal_that_was_ignored_stays_ignored(
    tiny_folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    line = [sys.executable, "-m", "numnet.train", "--data", str(tiny_folder), *RUN[:-1], "--steps", "3000"]
    with subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *line, "--save", "m.npz"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout
        while "Iteration 100" not in run.stdout.readline():
            pass
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
    assert run.returncode == 0
    assert read(tmp_path / "m.npz").header.step == 3000


@pytest.mark.parametrize(("every", "before_last"), [("4", 28), ("2e", 27), ("1e", 27)])
def test_saved_every_so_often(train: Command, tmp_path: Path, every: str, before_last: int) -> None:
    """220 images in batches of 50: epochs end in steps 5, 9, 14, 18, 22, 27."""
    train(*RUN, "--steps", 30, "--save", "m.npz", "--save-every", every)
    assert read(tmp_path / "m.npz").header.step == 30
    assert read(tmp_path / "m.previous.npz").header.step == before_last


def test_minutes_are_counted_from_the_last_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that gains 25 seconds at each look: a minute is over at the third look after a save, and so on."""
    seconds = iter(range(0, 10**6, 25))
    monkeypatch.setattr("numnet.training.saving.time.monotonic", lambda: next(seconds))
    split = Split(np.zeros((8, 4), np.uint8), np.zeros(8, np.uint8))
    network = Network.mlp((4, 2), kernels="textbook")
    save = Save(
        tmp_path / "m.npz", Interval(1, "minutes"), lambda run: snapshot(run.network, step=run.taken, horizon=12)
    )
    seen: list[int | None] = []

    class Watch(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(save.saved_steps)

    fit(network, split, steps=12, batch_size=2, callbacks=[save, Watch()])
    assert seen == [None, None, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12]


def test_intervals_are_read() -> None:
    assert Interval.parse("500") == (500, "steps")
    assert Interval.parse("2.5e") == (2.5, "epochs")
    assert Interval.parse("10m") == (10, "minutes")
    for wrong in ("", "0", "-3", "2.5", "5x", "e", "1e5", "nan"):
        with pytest.raises(RecipeError, match="expected steps, such as 500"):
            Interval.parse(wrong)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--save-every", 5), "--save FILE.npz"),
        (("--save", "m.npz", "--save-every", "often"), "expected steps, such as 500"),
        (("--save", "m.npz", "--stop-at", 0), "expected at least 1"),
        (("--save", "."), ".: a folder; expected the name of a file"),
        (("--save", ""), "a folder; expected the name of a file"),
        (("--save", "nowhere/m.npz"), "nowhere/m.npz can't be written"),
        (("--save", "notes.txt"), "what is no whole model file: notes.txt"),
        (("--resume", "missing.npz"), "missing.npz: No such file"),
        (("--resume", "notes.txt"), "notes.txt: not a model file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    train: Command, tmp_path: Path, flags: tuple[object, ...], words: str
) -> None:
    (tmp_path / "notes.txt").write_text("not a network")
    run = train("--kernels", "textbook", "--steps", 5, *flags) if "--resume" not in flags else train(*flags)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert words in run.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "tiny"]


def test_a_dry_run_leaves_nothing_behind(train: Command, tmp_path: Path) -> None:
    assert train("--kernels", "textbook", "--dry-run", "--save", "m.npz").returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.skipif(os.name != "posix", reason="the limit on a file's size is Unix's")
def test_a_full_disk_ends_no_run_but_its_exit_code_says_so(
    tiny_folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    import resource

    line = [sys.executable, "-m", "numnet.train", "--data", str(tiny_folder), *RUN, "--steps", "30"]
    run = subprocess.run(
        [*line, "--save", "m.npz", "--save-every", "10"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )  # fmt: skip
    assert run.returncode == 1
    assert "Accuracy on test set" in run.stdout
    assert [line for line in run.stderr.splitlines() if "step 10: m.npz can't be written" in line]
    assert run.stderr.endswith("numnet: the network could not be saved to m.npz; nothing was saved\n")
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.skipif(os.name != "posix", reason="signals are Unix's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_network_so_far(
    tiny_folder: Path, tmp_path: Path, environment: dict[str, str], train: Command, number: int, code: int
) -> None:
    line = [sys.executable, "-c", HEEDING, "--data", str(tiny_folder), *RUN[:-1]]
    with subprocess.Popen(
        [*line, "--steps", "1000000", "--save", "m.npz"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdout
        while "Iteration 100" not in run.stdout.readline():
            pass
        sent = time.monotonic()
        run.send_signal(number)
        _, errors = run.communicate(timeout=60)
        assert time.monotonic() - sent < 2
    step = read(tmp_path / "m.npz").header.step
    assert run.returncode == code
    assert errors == f"numnet: interrupted; step {step} is in m.npz; go on with --resume m.npz\n"
    assert json.loads(train("--resume", "m.npz", "--stop-at", step + 5, "--json").stdout)["steps"] == step + 5


def test_json_says_where_it_was_saved(train: Command) -> None:
    run = train(*RUN, "--steps", 3, "--save", "m.npz", "--json")
    assert json.loads(run.stdout)["saved"] == "m.npz"
    assert json.loads(train(*RUN, "--steps", 3, "--json").stdout)["saved"] is None
