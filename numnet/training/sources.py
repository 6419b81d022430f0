"""Which code this is: a digest of the source files that a run depends on and, for people, their commit."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
BESIDE_TRAINING = ("board", "committee", "grid", "json_lines", "results", "standings", "sweeping", "views")
# Of the package: what no run imports, and no benchmark either, so that work on it makes no other code of theirs.
NOT_TRAINING = (
    "explain", "learn", "lab", "evaluate.py", "predict.py", "plot.py", "doctor.py", "export.py", "sweep.py",
    *(f"training/{name}.py" for name in BESIDE_TRAINING),
)  # fmt: skip
DIGITS = 12  # hex ones, of a digest: 48 bits tell all the versions apart that anybody will have


def code_digest() -> str:
    """A digest of every source file that training may run, as it is on the disk now: what a new process will import.

    The same at another commit that leaves these files alone, in a copy without git, and before and after a commit.
    """
    left_out = {PACKAGE / name for name in NOT_TRAINING}
    files = (file for file in PACKAGE.rglob("*.py") if left_out.isdisjoint((file, *file.parents)))
    return digest_of(PACKAGE, files)


def digest_of(folder: Path, files: Iterable[Path]) -> str:
    """Twelve hex digits of the SHA-256 of some files in a folder, of their names and what is in them."""
    digest = hashlib.sha256()
    names = {file.relative_to(folder).as_posix(): file for file in files if file.is_file()}
    for name in sorted(names):
        content = names[name].read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:DIGITS]


def commit() -> str | None:
    """The last commit that changed the package, with a + behind it where some source file is not as committed.

    None where there is no git, or the package is no part of what it keeps.
    """
    name = _git("log", "-1", "--format=%h", "--", ".")
    changes = _git("status", "--porcelain", "--untracked-files=all", "--", "*.py")
    return f"{name}{'+' * bool(changes)}" if name and changes is not None else None


def _git(*arguments: str) -> str | None:
    """What git prints; None where it refuses or is not there."""
    try:
        run = subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None
