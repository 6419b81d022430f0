"""A rival at work in a process of its own, asked and answered in lines of JSON."""

import hashlib
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from benchmarks.problem import Problem
from benchmarks.rival import Unable
from benchmarks.samples import ROOT

CLOSE = 1e-3  # of the largest score, as with losses: two orders of summation in float32 differ by some 1e-6
PATIENCE = 1800.0  # seconds for an answer: compiling takes half a minute, 100,000 steps some six

T = TypeVar("T")


class Session:
    """A rival that has its problem and waits.

    Raises Unable, with the reason, where it can't do the problem or can't be run here.
    """

    def __init__(self, name: str, problem: Problem, threads: int) -> None:
        self.name, self.next_step = name, 0
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in `close`
        command = worker(name, problem, threads, "serve")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, cwd=ROOT
        )
        try:
            self.facts = self._answer()  # the rival's title, what it is about, and how many steps it takes in a call
            if reason := self.facts.get("unable"):
                raise Unable(reason)
        except Unable:
            self.close()
            raise

    def train(self, count: int) -> tuple[float, float]:
        """Seconds for the next `count` steps, and the loss before the last of them."""
        found = self._ask(do="train", first=self.next_step, count=count)
        self.next_step += count
        return found["seconds"], found["loss"]

    def compile_answers(self) -> None:
        """Tell it that many predictions are to come; who then gives other answers is Unable."""
        apart = float(self._ask(do="compile answers")["apart"])
        if not apart <= CLOSE:
            raise Unable(f"its compiled answers are {apart:.1%} off")

    def predict(self, rows: int, times: int) -> list[float]:
        """Seconds of each of so many predictions of so many images."""
        seconds: list[float] = self._ask(do="predict", rows=rows, times=times)["seconds"]
        return seconds

    def accuracy(self) -> float:
        """On the test images."""
        return float(self._ask(do="accuracy")["accuracy"])

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._said.close()

    def _ask(self, **question: Any) -> dict[str, Any]:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it is gone; why is in what it said last
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            self._process.kill()
            raise Unable(f"no answer within {PATIENCE:g} seconds")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Unable(f"its process ended: {last_words(self._said, self._process.returncode)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def last_words(said: IO[str], code: int) -> str:
    """The last line that a process that ended said on stderr, or its exit code."""
    said.seek(0)
    lines = [line for line in said.read().splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit {code}, without a word"


def worker(name: str, problem: Problem, threads: int, mode: str, *flags: str) -> list[str]:
    """The command that starts a rival's process."""
    text = problem.to_json()
    file = Path(problem.file).with_suffix(f".{hashlib.sha256(text.encode()).hexdigest()[:8]}.json")
    if not file.exists():  # another rival's process may be reading it
        file.write_text(text)
    return [
        sys.executable, "-m", "benchmarks.worker", name, str(file), "--threads", str(threads), mode, *flags,
    ]  # fmt: skip


@contextmanager
def sessions(
    names: Sequence[str], problem: Problem, threads: int, prepare: Callable[[Session], T]
) -> Iterator[tuple[dict[str, T], dict[str, str]]]:
    """All rivals that can do a problem, at once: what `prepare` makes of each, and for the others the reason.

    prepare : has everything compiled, one rival after the other; who dies of it is one of the others
    """
    ready, reasons = {}, {}
    with ExitStack() as stack:
        with ThreadPoolExecutor(threads) as pool:  # importing a framework takes seconds of one core
            started = list(pool.map(lambda name: _start(name, problem, threads), names))
        for session in started:
            if isinstance(session, Session):
                stack.callback(session.close)
        for name, session in zip(names, started, strict=True):
            try:
                if isinstance(session, Unable):
                    raise session
                ready[name] = prepare(session)
            except Unable as unable:
                reasons[name] = str(unable)
        yield ready, reasons


def _start(name: str, problem: Problem, threads: int) -> "Session | Unable":
    try:
        return Session(name, problem, threads)
    except Unable as unable:
        return unable
