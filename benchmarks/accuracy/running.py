"""Run what the record lacks: seeds of recipes by numnet.sweep, committees by numnet.evaluate, rivals in processes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.accuracy.lines import Record, Run, numbers
from benchmarks.accuracy.table import (
    CONTESTS,
    MNIST,
    OWN,
    RIVAL_HOURS,
    SETTINGS,
    TEST_IMAGES,
    Committee,
    Setting,
    known,
)
from numnet.console import cores
from numnet.data.datasets import load_dataset, load_folder
from numnet.errors import CheckpointError, DataError
from numnet.training.board import Lines
from numnet.training.checkpoint import read
from numnet.training.grid import Trial
from numnet.training.recipes import RECIPES, find_recipe
from numnet.training.results import Results
from numnet.training.safe_file import sole_writer
from numnet.training.sweeping import Sweep

SAVE_EVERY = "5m"  # so that a run of an hour loses little, and writing does not show in the times
FASHION_LABELS = (9, 2, 1, 1, 6, 1, 4, 6, 5, 7)  # of its first test images: MNIST's are 7, 2, 1, 0, 4, …


class Interrupted(Exception):
    """Ctrl-C or SIGTERM ended a sweep, which has kept what there is; the argument is the signal's number."""


@dataclass(frozen=True)
class Runner:
    """Runs what is lacking.

    models : the folder of the model files    fashion : the folder with Fashion-MNIST's files, where there is one
    own : that with people's own digits
    """

    record: Record
    models: Path
    fashion: Path | None = None
    own: Path | None = None

    def settings(self, settings: Sequence[Setting]) -> list[str]:
        """Run the seeds that some settings lack; what failed, in words.

        The timed ones one by one, each on all cores and from its beginning, also where one was interrupted; then the
        others, as many at a time as there are cores.
        """
        failed: list[str] = []
        for setting in settings:
            if setting.timed and self.record.lacking(setting):
                self._warm_up(setting)
                failed += self._sweep([setting], jobs=1)
        return failed + self._sweep([setting for setting in settings if not setting.timed], jobs=cores())

    def _sweep(self, settings: Sequence[Setting], *, jobs: int) -> list[str]:
        todo = [(setting, seed) for setting in settings for seed in self.record.lacking(setting)]
        if not todo:
            return []
        names = ", ".join(dict.fromkeys(setting.recipe for setting, _ in todo))
        print(f"{names}: {len(todo)} runs", file=sys.stderr, flush=True)
        self.models.mkdir(parents=True, exist_ok=True)
        for setting in settings:
            self.record.note(setting, data_sha256(self._data(setting)))
        trials = [self._trial(setting, seed) for setting, seed in todo]
        with sole_writer(self.record.runs_file):
            results = Results(self.record.runs_file)
            # What the record lacks is to be run also where the file has it: of another machine, or of parts.
            anew = bool(self.record.since) or any(trial.key in results.finished for trial in trials)
            anew |= any(setting.timed for setting in settings)
            sweep = Sweep(
                trials, results, self.models, jobs=jobs, cores=cores(), save_every=SAVE_EVERY, anew=anew
            )  # fmt: skip
            sweep.run(Lines())
        if sweep.received:
            raise Interrupted(sweep.received)
        return [f"{row.name}: {row.entry.error}" for row in sweep.rows if row.state == "failed" and row.entry]

    def _trial(self, setting: Setting, seed: int) -> Trial:
        data = self._data(setting)
        folder = None if data is None else str(data)
        return Trial(setting.recipe, setting.changes, seed, "numba", folder, self.record.code, data_sha256(data))

    def _data(self, setting: Setting) -> Path | None:
        """The folder that a setting's data lie in; None for the bundled MNIST."""
        return None if setting.data == MNIST else self.fashion

    def _warm_up(self, setting: Setting) -> None:
        """Have every kernel of a recipe compiled and in the cache, so that no timed run compiles."""
        print(f"{setting.recipe}: compiling what is not in the cache", file=sys.stderr, flush=True)
        _printed("-m", "numnet.train", *self._trial(setting, 0).flags(), "--dry-run", "--json")

    def committee(self, committee: Committee) -> list[str]:
        """Have a committee answer, unless its line is there; what stands in the way, in words."""
        if committee.recipe not in RECIPES:
            return []
        members = self.record.runs(Setting(committee.recipe, committee.seeds))
        name = " ".join(("committee of", committee.recipe, *committee.flags))
        if len(members) < committee.seeds:
            return [f"{name}: {len(members)} of {committee.seeds} seeds have been run"]
        if self.record.committee(committee, members):
            return []
        if gone := [run.model for run in members if not _is_of(run)]:
            return [f"{name}: no {', '.join(gone)}, or it is of another run; --anew runs its seeds again"]
        try:
            answer = _printed("-m", "numnet.evaluate", *(run.model for run in members), *committee.flags, "--json")
        except Failed as failure:
            return [f"{name}: {failure}"]
        line = {"recipe": committee.recipe, "flags": committee.flags, "members": [run.sha256 for run in members]}
        self.record.add("committees", {**line, "errors": answer["wrong"], "evaluate": answer})
        return []

    def own_digits(self, folder: Path) -> list[str]:
        """Have the networks read people's own digits, one by one and each recipe's together; what failed, in words.

        Those that this very code has had read them are not asked again.
        """
        failed: list[str] = []
        for setting in known(SETTINGS):
            if setting.recipe in OWN and setting.data == MNIST:
                runs = [run for run in self.record.runs(setting) if _is_of(run)]
                failed += [words for members in _groups(runs) for words in self._read_own(folder, members)]
        return failed

    def _read_own(self, folder: Path, members: Sequence[Run]) -> list[str]:
        sha256 = [run.sha256 for run in members]
        if not self.record.lacks_own(sha256):
            return []
        script = str(Path(__file__).parent.parent / "own_digits.py")
        try:
            found = _printed(script, str(folder), *(run.model for run in members), "--json")
        except Failed as failure:
            return [f"people's own digits: {failure}"]
        figures = {name: found[name] for name in ("accuracy", "pictures")}
        self.record.add("own", {"members": sha256, **figures, "mean_over_hands": found["mean over hands"]})
        return []

    def distortion(self) -> list[str]:
        """Time distortions, unless this code has been timed here; what failed, in words."""
        if not self.record.lacks_distortion():
            return []
        try:
            self.record.add("distortion", {"microseconds": _printed("-m", "benchmarks.accuracy.distorting")})
        except Failed as failure:
            return [f"distortion: {failure}"]
        return []

    def rivals(self) -> list[str]:
        """Have every rival train with every recipe of its part that numnet has; why one could not, in words."""
        tasks = [task for task in CONTESTS if task[1] in RECIPES]
        return [words for task in tasks for words in self.rival(*task)]

    def rival(self, name: str, recipe: str, count: int) -> list[str]:
        """Have a rival train with a recipe's numbers, for each of so many seeds that has no line; what failed.

        One step before, of which nothing is kept, reads its libraries from the disk: numnet's were read as well.
        """
        seeds = [seed for seed in range(count) if self.record.lacks_rival(name, find_recipe(recipe), seed)]
        if not seeds:
            return []
        print(f"{name}: {recipe}, a step to get ready", file=sys.stderr, flush=True)
        with suppress(Failed):  # what is wrong is said, and kept, where it counts
            _printed("-m", "benchmarks.accuracy.contest", name, recipe, "--steps", "1", hours=RIVAL_HOURS)
        return [words for seed in seeds for words in self._contest(name, recipe, seed)]

    def _contest(self, name: str, recipe: str, seed: int) -> list[str]:
        print(f"{name}: {recipe}, seed {seed}", file=sys.stderr, flush=True)
        line = {"rival": name, "recipe": recipe, "seed": seed, "numbers": numbers(find_recipe(recipe))}
        try:
            began = time.perf_counter()
            line |= _printed("-m", "benchmarks.accuracy.contest", name, recipe, "--seed", str(seed), hours=RIVAL_HOURS)
            line["seconds"] = round(time.perf_counter() - began, 3)  # as of numnet's runs: the process's whole life
        except Failed as failure:
            line["failed"] = str(failure)
        self.record.add("rivals", line)
        return [f"{name}, {recipe}: {line['failed']}"] if "failed" in line else []


def _groups(runs: Sequence[Run]) -> list[Sequence[Run]]:
    """Each by itself, and all together."""
    return [*([run] for run in runs), *([runs] if len(runs) > 1 else [])]


def _is_of(run: Run) -> bool:
    """Whether a run's model file is there, and has the very parameters that the run ended with."""
    try:
        return read(Path(run.model)).network("textbook").parameters_sha256() == run.sha256
    except CheckpointError:
        return False


class Failed(DataError):
    """A process that was to measure something did not end well; its last words."""


def _printed(*arguments: str, hours: float | None = None) -> dict[str, Any]:
    """The object that a Python process prints; raises Failed where there is none."""
    command = (sys.executable, *arguments)
    limit = None if hours is None else hours * 3600
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {hours:g} hours") from None
    if run.returncode:
        words = [line.strip() for line in run.stderr.splitlines() if line.strip()]
        raise Failed(words[-1] if words else f"exit code {run.returncode}")
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


@cache
def data_sha256(folder: Path | None) -> str:
    """Of a data set's files, by which its runs are known, wherever it lies; None is the bundled MNIST."""
    return load_dataset(folder).sha256


def check_fashion(folder: Path) -> None:
    """Raises DataError unless a folder holds a data set of Fashion-MNIST's shape and with its labels."""
    found = load_folder(folder)
    shape = (found.classes, found.inputs, len(found.test))
    if shape != (10, 784, TEST_IMAGES) or tuple(found.test.labels[: len(FASHION_LABELS)]) != FASHION_LABELS:
        raise DataError(
            f"--fashion {folder}: {shape} classes, inputs and test images, or other labels; expected Fashion-MNIST"
        )


def runnable(settings: Sequence[Setting], fashion: Path | None) -> list[Setting]:
    """The settings that numnet has the recipe of, and this machine the data."""
    return [setting for setting in known(tuple(settings)) if setting.data == MNIST or fashion]
