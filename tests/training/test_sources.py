"""Which code it is: the same digest as long as what trains is the same, wherever it lies and whatever git says."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from numnet.training.sources import NOT_TRAINING, PACKAGE, code_digest, commit, digest_of

Command = Callable[..., "subprocess.CompletedProcess[str]"]

SAID = "from numnet.training.sources import code_digest, commit; print(code_digest(), commit())"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, which a Python that is started beside it imports."""
    return shutil.copytree(PACKAGE, tmp_path / "numnet", ignore=shutil.ignore_patterns("*.gz", "__pycache__"))


@pytest.fixture
def said(numnet_command: Command, copy: Path) -> Callable[[], list[str]]:
    """The digest and the commit, as the copy tells them."""

    def ask() -> list[str]:
        return numnet_command("-c", SAID, cwd=copy.parent).stdout.split()

    return ask


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "b.py").write_text("yz")
    files = [tmp_path / "b.py", tmp_path / "a.py", tmp_path / "gone.py"]
    found = digest_of(tmp_path, files)
    assert found == digest_of(tmp_path, reversed(files))
    (tmp_path / "a.py").write_text("xy")
    (tmp_path / "b.py").write_text("z")  # the same letters
    assert digest_of(tmp_path, files) != found
    assert digest_of(tmp_path, files[:1]) != digest_of(tmp_path, files)


def test_a_copy_without_git_is_the_same_code(said: Callable[[], list[str]]) -> None:
    assert said() == [code_digest(), "None"]


@pytest.mark.parametrize(
    ("name", "is_other"),
    [
        ("nn/loss.py", True),
        ("training/new.py", True),  # which git does not know yet
        ("train.py", True),
        ("explain/update.py", False),
        ("training/board.py", False),
        ("evaluate.py", False),
        ("notes.txt", False),
    ],
)
def test_what_trains_makes_it_other_code_and_nothing_else(
    said: Callable[[], list[str]], copy: Path, name: str, is_other: bool
) -> None:
    with (copy / name).open("a") as file:
        file.write("# changed\n")
    assert (said()[0] != code_digest()) == is_other


def test_a_run_imports_nothing_that_is_left_out(numnet_command: Command, tiny_data: Path, tmp_path: Path) -> None:
    flags = ("--data", tiny_data, "--recipe", "strong", "--kernels", "textbook", "--average", "0.9", "--patience", "1")
    some = ("--epochs", "1", "--batch-size", "50", "--distortion", "1", "--save", tmp_path / "m.npz", "--json")
    run = numnet_command("-X", "importtime", "-m", "numnet.train", *flags, *some)
    assert run.returncode == 0
    imported = {entry.rpartition("|")[2].strip() for entry in run.stderr.splitlines()}
    assert {"numnet.training.loop", "numnet.training.sources"} <= imported
    left_out = {"numnet." + name.removesuffix(".py").replace("/", ".") for name in NOT_TRAINING}
    assert not imported & left_out


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_the_packages_last_with_a_plus_where_files_are_not_as_in_it(
    said: Callable[[], list[str]], copy: Path
) -> None:
    def git(*arguments: str) -> str:
        line = ["git", "-c", "user.name=n", "-c", "user.email=e", *arguments]
        return subprocess.run(line, cwd=copy.parent, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    assert said()[1] == "None"  # a repository that the package is no part of, such as one around .venv
    (copy.parent / ".gitignore").write_text("__pycache__/\n")
    git("add", "numnet", ".gitignore")
    git("commit", "--quiet", "-m", "all")
    first, name = said()[0], git("rev-parse", "--short", "HEAD")
    assert said()[1] == name
    (copy.parent / "results.txt").write_text("")
    git("add", "results.txt")
    git("commit", "--quiet", "-m", "no code")
    assert said() == [first, name]
    (copy / "new.py").write_text("")
    changed = said()
    assert changed[0] != first
    assert changed[1] == f"{name}+"
    git("add", "numnet")
    git("commit", "--quiet", "-m", "new")
    assert said() == [changed[0], git("rev-parse", "--short", "HEAD")]  # committing changes no code


def test_this_package_has_a_digest_of_twelve_digits() -> None:
    assert len(code_digest()) == 12
    assert commit() is None or len((commit() or "").removesuffix("+")) >= 4
