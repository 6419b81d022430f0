"""What every command does alike: parse, refuse in one line, end with the right exit code.

0  done        1  a target missed, a check failed        2  bad input        130, 143  interrupted
"""

import argparse
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from numnet.errors import NumnetError

_IMPORTED = time.perf_counter()


class Parser(argparse.ArgumentParser):
    """argparse, but a refusal is one line, and a flag must be given whole."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog, description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        """Print why on one line and exit 2."""
        print(f"{self.prog}: {' '.join(message.splitlines())} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def command(main: Callable[[Sequence[str] | None], int]) -> NoReturn:
    """Run a command's `main` on this process's arguments and exit with its code; no traceback for bad input."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # whoever ignores it, means it
        signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without … prints ?
    try:
        code = _code_of(main)
        if sys.stdout is not None:
            sys.stdout.flush()
    except NumnetError as error:
        code = _refuse(str(error))
    except MemoryError as error:
        code = _refuse(f"not enough memory ({error}): make the network or the batch smaller")
    except KeyboardInterrupt:
        print("numnet: interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # whoever read our output has read enough
        _drop_output()
        code = 0
    except OSError as error:  # a full disk behind our output, say
        _drop_output()
        code = _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    raise SystemExit(code)


def _code_of(main: Callable[[Sequence[str] | None], int]) -> int:
    """The code that `main` returns or, as argparse does, exits with."""
    try:
        return main(None)
    except SystemExit as end:
        if isinstance(end.code, str):
            return _refuse(end.code)
        return end.code or 0


def _refuse(reason: str) -> int:
    """Print on one line, whatever a file's name may hold, why there is no result; the exit code."""
    print(f"numnet: {' '.join(reason.splitlines())}", file=sys.stderr)
    return 2


def _drop_output() -> None:
    """Send what is still to be printed nowhere, so that the interpreter's last flush does not fail as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def interrupted_at_once() -> Iterator[None]:
    """Inside the block Ctrl-C and SIGTERM end the process on the spot.

    For work deep in a library: an exception raised amid a compiler's callbacks and destructors gets lost, and the
    run goes on, or it comes out as an error about something else.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in heeded:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


def _leave(signum: int, frame: object) -> NoReturn:
    word = "interrupted" if signum == signal.SIGINT else "terminated"
    os.write(2, f"numnet: {word}\n".encode())
    os._exit(128 + signum)


def _terminate(signum: int, frame: object) -> NoReturn:
    os.write(2, b"numnet: terminated\n")  # print is not safe amid another print
    raise SystemExit(128 + signum)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_since_start() -> float:
    """Seconds since this process began, the interpreter's own start in; from this module's import where unknown."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22, in clock ticks since the machine's start
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError, ValueError, IndexError):
        return time.perf_counter() - _IMPORTED
