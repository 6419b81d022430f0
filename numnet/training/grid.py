"""What a sweep is to run: seeds, the settings of a grid, and a trial for each pair of the two.

This file imports nothing heavy, so that a command can refuse what makes no sense at once.
"""

import difflib
import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from numnet.errors import RecipeError

MOST_RUNS = 10_000  # of a sweep: beyond it any number is a slip of the hand
NAME_LENGTH = 150  # of a file's name, at most: 255 bytes are what file systems take, and a writer adds to it


@dataclass(frozen=True)
class Trial:
    """One run of a sweep: all that its result is a function of, so two trials that are equal need one run.

    changes : numbers of the recipe that the grid replaces, by name
    data : the folder of the data set, wherever it lies just now; None is the bundled MNIST
    code : sources.code_digest of what runs
    data_sha256 : Dataset.sha256 of what it runs on; "" where nobody has looked
    """

    recipe: str
    changes: Mapping[str, Any]
    seed: int
    kernels: str
    data: str | None
    code: str
    data_sha256: str = ""

    @property
    def key(self) -> str:
        """The same text for the same trial, also after a way through a file, and when its data were moved."""
        known = {name: value for name, value in asdict(self).items() if name != "data"}
        return json.dumps(known, sort_keys=True)

    @property
    def file_name(self) -> str:
        """What its model file is called: for people first, and with eight digits that no other trial has."""
        readable = "-".join([self.recipe, *changes_in_words(self.changes), f"seed{self.seed}"])
        safe = re.sub(r"[^\w.,=+-]", "_", readable)[:NAME_LENGTH]
        return f"{safe}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}.npz"

    def flags(self) -> list[str]:
        """The trial as flags of numnet.train."""
        flags = [f"--recipe={self.recipe}", f"--seed={self.seed}", f"--kernels={self.kernels}", *flags_of(self.changes)]
        return flags if self.data is None else [*flags, f"--data={self.data}"]


def flags_of(changes: Mapping[str, Any]) -> list[str]:
    """Numbers of a recipe as flags of numnet.train; in one word each, so that -1 is not taken for a flag."""
    return [f"--{name.replace('_', '-')}={in_words(value)}" for name, value in changes.items()]


def changes_in_words(changes: Mapping[str, Any]) -> list[str]:
    """Numbers of a recipe as people name them: learning_rate=0.001, hidden=512,256."""
    return [f"{name}={in_words(value)}" for name, value in changes.items()]


def in_words(value: Any) -> str:
    """A number, a name, or several with commas between."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds in 0..4 (both ends in), in 0,3,7 or in a mix, each once; raises RecipeError for anything else."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,20})(?:\.\.(\d{1,20}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not first <= last < 2**64:
            raise RecipeError(f"--seeds {text}: {part!r}; expected seeds from 0 to 2**64 - 1, such as 0..4 or 0,3,7")
        _refuse_too_many(len(seeds) + last - first + 1)
        seeds |= dict.fromkeys(range(first, last + 1))
    return tuple(seeds)


def parse_axis(text: str) -> tuple[str, tuple[str, ...]]:
    """The name and the values in learning_rate=1e-3,3e-4 or, where values have commas, in hidden=512,256;800,400.

    A name is spelled with _ throughout. Raises RecipeError for what is not built so.
    """
    name, equals, values = text.partition("=")
    parts = values.split(";" if ";" in values else ",")
    texts = tuple(part.strip() for part in (parts[:-1] if values.endswith(";") else parts))
    if not (name.strip() and equals and texts and all(texts)):
        raise RecipeError(f"--grid {text}: expected a name and its values, such as learning_rate=1e-3,3e-4")
    return name.strip().replace("-", "_"), texts


def check_name(name: str, known: Sequence[str]) -> None:
    """Raises RecipeError, with the nearest name, for a number that is not among the known ones."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        raise RecipeError(f"--grid {name}: a recipe has no such number; {hint}")


def settings(axes: Sequence[tuple[str, Sequence[Any]]]) -> list[dict[str, Any]]:
    """Each value of each axis with each of all the others, the last axis changing first; one empty one without axes.

    Raises RecipeError for an axis that is given twice.
    """
    names = [name for name, _ in axes]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RecipeError(f"--grid {min(twice)} is given twice: give all its values at once")
    product: list[dict[str, Any]] = []
    for values in itertools.product(*(values for _, values in axes)):
        _refuse_too_many(len(product) + 1)
        product.append(dict(zip(names, values, strict=True)))
    return product


def trials(
    recipe: str,
    grid: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    *,
    kernels: str,
    data: str | None,
    code: str,
    data_sha256: str,
) -> list[Trial]:
    """Every setting with every seed, each trial once; all settings with the first seed come first.

    So a sweep that is left early has something to say about each setting.
    """
    _refuse_too_many(len(grid) * len(seeds))
    found = (Trial(recipe, setting, seed, kernels, data, code, data_sha256) for seed in seeds for setting in grid)
    return list({trial.key: trial for trial in found}.values())


def _refuse_too_many(runs: int) -> None:
    if runs > MOST_RUNS:
        raise RecipeError(f"more than {MOST_RUNS:,} runs; expected fewer: give fewer seeds or values")
