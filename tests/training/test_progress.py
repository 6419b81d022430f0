"""The progress bar, as a person at a terminal sees it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import pytest

COLUMNS = 120
STEPS, EVERY = 4000, 100  # long enough for several redraws, with lines printed in between
ITERATION = re.compile(r"Iteration (\d+)\s+\| Loss = \S+\s+\| Accuracy = [01](\.\d+)?")
ACCURACY = re.compile(r"Accuracy on test set: [01](\.\d+)?")

needs_tqdm = pytest.mark.skipif(find_spec("tqdm") is None, reason="no tqdm, so no bar: pip install 'numnet[cli]'")
OnTerminal = Callable[..., str]


@pytest.fixture
def on_terminal(environment: dict[str, str], tiny_folder: Path) -> OnTerminal:
    """`on_terminal("stdout", stderr=file)`: train with the streams named on a terminal; all that it was sent."""

    def run(*streams: str, **elsewhere: IO[str]) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, COLUMNS, 0, 0))
        flags = f"--data {tiny_folder} --hidden 8 --batch-size 16 --kernels textbook --steps {STEPS}"
        line = [sys.executable, "-m", "numnet.train", *flags.split(), "--log-every", str(EVERY)]
        with subprocess.Popen(line, env=environment, **dict.fromkeys(streams, theirs), **elsewhere) as process:
            os.close(theirs)
            sent = b"".join(iter(lambda: read(ours), b""))
        os.close(ours)
        assert process.returncode == 0, sent
        return sent.decode()

    return run


def read(terminal: int) -> bytes:
    """What was sent next; nothing once nobody is left to send, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def screen(sent: str) -> list[str]:
    """The lines that are left to see: after a carriage return a line is written over from its beginning."""
    lines = []
    for line in sent.split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return lines


def assert_whole(lines: list[str]) -> None:
    """Each of the story's lines is there once, alone on its line, and in order."""
    told = [line for line in lines if "Iteration" in line]
    matches = [ITERATION.fullmatch(line) for line in told]
    assert all(matches), told
    assert [int(match[1]) for match in matches if match] == list(range(0, STEPS, EVERY))
    assert len([line for line in lines if ACCURACY.fullmatch(line)]) == 1


@needs_tqdm
def test_a_terminal_shows_a_bar_below_whole_lines_and_nothing_of_it_in_the_end(on_terminal: OnTerminal) -> None:
    sent = on_terminal("stdout", "stderr")
    bars = [part for part in re.split(r"[\r\n]", sent) if "images/s" in part]
    assert len(bars) >= 2
    for bar in bars:
        assert re.search(rf"\d+/{STEPS} .*loss \d\.\d{{4}}, accuracy [01]\.\d{{3}}, [\d,]+ images/s", bar)
        assert len(bar) <= COLUMNS
    assert_whole(screen(sent))
    assert not [line for line in screen(sent) if "images/s" in line]


@needs_tqdm
def test_the_bar_is_no_part_of_stdout(on_terminal: OnTerminal, tmp_path: Path) -> None:
    with (tmp_path / "stdout").open("w+") as stdout:
        sent = on_terminal("stderr", stdout=stdout)
        stdout.seek(0)
        story = stdout.read()
    assert "images/s" in sent
    assert "Iteration" not in sent
    assert_whole(story.split("\n"))
    assert "images/s" not in story
    assert "\r" not in story


def test_without_a_terminal_behind_stderr_there_is_no_bar(on_terminal: OnTerminal, tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w+") as stderr:
        sent = on_terminal("stdout", stderr=stderr)
        stderr.seek(0)
        assert stderr.read() == ""
    assert "images/s" not in sent
    assert_whole(sent.split("\r\n"))
