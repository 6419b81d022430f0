"""Threads: two of Python's at once, a fork, and what idle ones may cost others. And the folder of compiled code."""

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import numnet
from numnet.kernels import compiled, jit

PACKAGE = Path(numnet.__file__).parent

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="without a compiler there are no threads and no compiled code"
)


def python(source: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, with numnet from `cwd` if there is one there."""
    env = {**os.environ, "PYTHONPATH": str(cwd), **environment}
    return subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=env, cwd=cwd, timeout=120, check=False
    )


ON_ALL_THREADS = """
import numpy as np
from numnet.kernels import compiled
def work():
    x = np.full((3, 50_000), -1, np.float32)
    compiled.relu(x, x)
    return x
assert (work() == 0).all()
"""


def test_two_python_threads_get_their_own_results() -> None:
    rng = np.random.default_rng(0)
    wrong: list[float] = []

    def multiply(seed: int) -> None:
        for _ in range(60):
            a, b = (rng.standard_normal((150 + seed, 150 + seed)).astype(np.float32) for _ in range(2))
            out = np.empty_like(a)
            compiled.matmul(a, b, np.zeros(len(a), np.float32), out)
            wrong.append(float(abs(out - a @ b).max()))

    threads = [threading.Thread(target=multiply, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 180
    assert max(wrong) < 1e-3


SHARED_OUT = """
import sys, threading
import numpy as np
from numnet.kernels import threads
import numba
@numba.njit(nogil=True, error_model="numpy")
def count(part, parts, done, stamp):
    done[part] += 1
    stamp[part] = parts
def work(turns, seed):
    rng = np.random.default_rng(seed)
    for _ in range(turns):
        parts = int(rng.integers(2, 9))
        done, stamp = np.zeros(8, np.int64), np.zeros(8, np.int64)
        threads.deal(count, parts, parts, done, stamp)
        assert done.tolist() == [1] * parts + [0] * (8 - parts), done
        assert (stamp[:parts] == parts).all(), stamp
        if rng.random() < 0.02:
            threading.Event().wait(0.001)  # long enough for the helpers to fall asleep
crowd = [threading.Thread(target=work, args=(3000, seed)) for seed in range(3)]
for one in crowd: one.start()
for one in crowd: one.join()
work(3000, 4)
print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("helpers", [1, 2, 7])
def test_every_part_of_every_job_is_done_once(helpers: int) -> None:
    """Twelve thousand small jobs from three Python threads, with more helpers than cores and with fewer than parts."""
    run = python(SHARED_OUT, PACKAGE.parent, NUMBA_NUM_THREADS=str(helpers + 1))
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr


CROWDED = """
import os, subprocess, sys, time
import numpy as np
from numnet.kernels import compiled, threads
x = np.full((3, 50_000), -1, np.float32)
busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
took = {1: [], 2: []}
for turn in range(6):
    for count in took:
        threads.set_threads(count)
        compiled.relu(x, x)
        began = time.perf_counter()
        for _ in range(300):
            compiled.relu(x, x)
        took[count].append(time.perf_counter() - began)
for one in busy: one.kill()
print(sorted(took[2])[3] / sorted(took[1])[3])
"""


@pytest.mark.slow
def test_a_helper_that_gets_no_turn_is_not_waited_for() -> None:
    """With a busy process for each core, two threads are about as fast as one; a loop that waits is 15 times slower."""
    run = python(CROWDED, PACKAGE.parent, NUMBA_NUM_THREADS="2")
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 4


PLACES = """
import os, threading, time
import numpy as np
from numnet.kernels import compiled
x = np.ones((3, 200_000), np.float32)
def awake():
    time.sleep(0.1)  # the helper sleeps, and is woken
    compiled.relu(x, x)
def caller_and_helper():
    for _ in range(20):
        before = where()
        awake()
        helper = next(t for t in threading.enumerate() if t.name.startswith("numnet"))
        if where() == before:  # else the system has moved the caller meanwhile
            return before, os.sched_getaffinity(helper.native_id)
def where():
    return int(open("/proc/self/stat").read().rpartition(")")[2].split()[36])
cores = os.sched_getaffinity(0)
for core in cores:
    os.sched_setaffinity(0, {core})  # there we are, and may be anywhere again
    os.sched_setaffinity(0, cores)
    mine, helpers = caller_and_helper()
    assert helpers == cores - {mine}, (mine, helpers)
os.sched_setaffinity(0, {mine})  # nowhere else to be
awake()
assert (x == 1).all()
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="a system that does not tell which cores are allowed")
@pytest.mark.skipif(os.cpu_count() == 1, reason="one core")
def test_a_helper_wakes_on_another_core_than_its_callers() -> None:
    """On one core the two take turns, at half the speed of two, until the system happens to part them."""
    run = python(PLACES, PACKAGE.parent, NUMBA_NUM_THREADS="2")
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_after_a_fork_an_error_names_spawn_and_nothing_aborts(tmp_path: Path) -> None:
    source = ON_ALL_THREADS + (
        "import os\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try: work()\n"
        "    except Exception as error: print(type(error).__name__, error, flush=True)\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    run = python(source, PACKAGE.parent)
    assert run.returncode == 0, run.stderr
    message, code = run.stdout.splitlines()
    assert message.startswith("ForkedError ")
    assert 'get_context("spawn")' in message
    assert code == "7"


@pytest.mark.slow
def test_after_a_fork_while_another_thread_multiplies_alone_the_child_multiplies() -> None:
    """Without helpers nothing is lost but the lock, which the other thread held."""
    source = (
        "import os, threading\n"
        "import numpy as np\n"
        "from numnet.kernels import compiled, matmul, threads\n"
        "threads.set_threads(1)\n"
        "a, bias = np.ones((400, 400), np.float32), np.zeros(400, np.float32)\n"
        "def work():\n"
        "    out = np.empty_like(a)\n"
        "    compiled.matmul(a, a, bias, out)\n"
        "    assert (out == 400).all()\n"
        "def always():\n"
        "    while True: work()\n"
        "work()\n"
        "threading.Thread(target=always, daemon=True).start()\n"
        "for _ in range(10):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        work()\n"
        "        os._exit(7)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    run = python(source, PACKAGE.parent)
    assert run.stdout.split() == ["7"] * 10, run.stderr


@pytest.mark.slow
def test_an_edited_kernel_is_never_served_from_an_old_file(tmp_path: Path) -> None:
    """The edit is in a file that the kernel's own file only calls into: the check that Numba makes would miss it."""
    shutil.copytree(PACKAGE, tmp_path / "numnet", ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    source = (
        "import numpy as np\n"
        "from numnet.kernels import compiled\n"
        "x = np.ones((3, 50_000), np.float32)\n"
        "compiled.relu(x, x)\n"
        "print(int(x.sum()))\n"
    )
    cache = str(tmp_path / "cache")
    assert python(source, tmp_path, NUMNET_CACHE=cache).stdout == "150000\n"
    threads_file = tmp_path / "numnet" / "kernels" / "threads.py"
    before = threads_file.read_text()
    edited = before.replace("length * part // parts, length * (part + 1)", "length * part // parts, 0 * (part + 1)")
    assert edited != before
    threads_file.write_text(edited)
    (tmp_path / "numnet" / "kernels" / "activations.py").write_text(
        (tmp_path / "numnet" / "kernels" / "activations.py").read_text().replace("else x[i]", "else 2 * x[i]")
    )
    assert python(source, tmp_path, NUMNET_CACHE=cache).stdout == "150000\n", "an empty stretch leaves x alone"
    threads_file.write_text(before)
    assert python(source, tmp_path, NUMNET_CACHE=cache).stdout == "300000\n"


def test_compiled_code_lies_in_a_folder_of_ones_own() -> None:
    folder = jit.cache_folder()
    assert folder is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a file", "open to others", "cannot be made", "relative"])
def test_without_a_folder_kernels_compile_in_memory_with_one_word(tmp_path: Path, how: str) -> None:
    home = tmp_path / "home"
    if how == "a file":
        home.write_text("")
    elif how == "open to others":
        (home / "numnet" / f"kernels-{jit._digest()}").mkdir(parents=True, mode=0o777)
        (home / "numnet" / f"kernels-{jit._digest()}").chmod(0o777)
    elif how == "relative":
        home = Path("home")
    else:
        home = Path("/proc/1/nowhere")
    run = python(ON_ALL_THREADS, PACKAGE.parent, NUMNET_CACHE=str(home))
    assert_one_word(run, "compiled anew in this run")


def assert_one_word(run: subprocess.CompletedProcess[str], said: str) -> None:
    """It did its work, and said one line."""
    assert (run.returncode, run.stderr.count("\n")) == (0, 1), run.stderr
    assert said in run.stderr


NO_HOME = """
import os, pwd
for name in ("HOME", "NUMNET_CACHE", "XDG_CACHE_HOME"): os.environ.pop(name, None)
def getpwuid(user): raise KeyError(user)
pwd.getpwuid = getpwuid
"""
# As on a full disk a folder can be made there, and nothing be written into a file.
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="made with what POSIX has")
@pytest.mark.parametrize("trouble", [NO_HOME, FULL_DISK], ids=["no home", "a full disk"])
def test_a_cache_that_fails_costs_the_keeping_and_not_the_run(trouble: str, tmp_path: Path) -> None:
    run = python(trouble + ON_ALL_THREADS, PACKAGE.parent, NUMNET_CACHE=str(tmp_path))
    assert_one_word(run, "compiled anew in this run")


@pytest.mark.slow
def test_kernels_are_kept_in_their_own_folder_or_nowhere(tmp_path: Path) -> None:
    """Where Numba can't make its own folder inside it, it would take __pycache__, which old code is served from."""
    shutil.copytree(PACKAGE, tmp_path / "numnet", ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    cache = {"NUMNET_CACHE": str(tmp_path / "cache")}
    assert python(ON_ALL_THREADS, tmp_path, **cache).stderr == ""
    for made in (tmp_path / "cache").glob("numnet/*/*"):
        shutil.rmtree(made)
        made.write_text("")
    assert_one_word(python(ON_ALL_THREADS, tmp_path, **cache), "no files can be made in")
    assert not list(tmp_path.rglob("*.nbi"))


@pytest.mark.slow
def test_what_a_power_cut_has_cut_short_is_compiled_and_kept_anew(tmp_path: Path) -> None:
    cache = {"NUMNET_CACHE": str(tmp_path)}
    assert python(ON_ALL_THREADS, PACKAGE.parent, **cache).stderr == ""
    for kind in ("*.nbi", "*.nbc"):  # Numba's indices, then its code
        files = list(tmp_path.rglob(kind))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert_one_word(python(ON_ALL_THREADS, PACKAGE.parent, **cache), "damaged")
        assert python(ON_ALL_THREADS, PACKAGE.parent, **cache).stderr == ""


@pytest.mark.slow
def test_only_settings_that_may_change_the_code_change_its_folder() -> None:
    """Code that checks each index, or that is not optimised, must not be served to who has asked for neither."""

    def folder(**environment: str) -> str:
        return python("from numnet.kernels import jit; print(jit._digest())", PACKAGE.parent, **environment).stdout

    plain = folder()
    assert len(plain) == 17
    for name, value in (("BOUNDSCHECK", "1"), ("OPT", "0"), ("LOOP_VECTORIZE", "0"), ("CPU_NAME", "generic")):
        assert folder(**{f"NUMBA_{name}": value}) != plain, name
    for name, value in (("NUM_THREADS", "1"), ("THREADING_LAYER", "workqueue"), ("DEBUG_CACHE", "0")):
        assert folder(**{f"NUMBA_{name}": value}) == plain, name


def test_a_relative_cache_folder_of_the_system_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG Base Directory Specification says so."""
    monkeypatch.delenv("NUMNET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert jit._cache_home() == Path.home() / ".cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "/tmp/cache")
    assert jit._cache_home() == Path("/tmp/cache")


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core")
def test_fewer_threads_than_wanted_are_told() -> None:
    """The system's limit on threads is the error that Python makes of it."""
    refusing = (
        "import threading\n"
        'def start(self): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = start\n"
    )
    run = python(refusing + ON_ALL_THREADS, PACKAGE.parent, NUMBA_NUM_THREADS="2")
    assert_one_word(run, "the system starts no more threads: 1 of 2 work")


@pytest.mark.slow
def test_the_host_programs_own_cache_folder_is_left_alone() -> None:
    source = (
        "import numba; numba.config.CACHE_DIR = 'mine'\nimport numnet.kernels.compiled\nprint(numba.config.CACHE_DIR)"
    )
    assert python(source, PACKAGE.parent).stdout == "mine\n"
