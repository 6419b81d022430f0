"""Going on with a run: which file it goes on from, and what may not have changed in between."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from numnet.data.datasets import Dataset
from numnet.errors import CheckpointError, DamagedError, RecipeError
from numnet.training.checkpoint import Checkpoint, read
from numnet.training.loop import count_steps
from numnet.training.recipes import Recipe
from numnet.training.safe_file import previous_of


class Origin(NamedTuple):
    """Where a run goes on from: the file that was named, the file that was read, and what is in that."""

    named: Path
    file: Path
    checkpoint: Checkpoint

    @property
    def is_named(self) -> bool:
        """Whether the file that was read is the one that was named, and not the one before it."""
        return self.file == self.named

    @property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.checkpoint.recipe()


def find_origin(named: Path) -> Origin:
    """The model file to go on from: the one that is named or, if that is hurt or gone, the one before it.

    Raises CheckpointError where neither is whole, and for a whole one that is of another version, say.
    """
    try:
        return Origin(named, named, read(named))
    except DamagedError as error:
        try:
            return Origin(named, previous_of(named), read(previous_of(named)))
        except (CheckpointError, OSError):
            raise error from None


def refuse_changes(origin: Origin, recipe: str | None, changes: Mapping[str, Any], **others: Any) -> None:
    """Raises RecipeError, naming the differences, where flags ask for another run than the one to go on with.

    recipe : the name asked for, None where none was
    changes : numbers of a recipe that were asked for
    others : further fields of the header, None where they were not asked for
    """
    kept, header = origin.recipe, origin.checkpoint.header
    asked = kept.changed(**changes)
    differences = [
        f"{field.name} {getattr(kept, field.name)}, not {getattr(asked, field.name)}"
        for field in fields(Recipe)
        if getattr(kept, field.name) != getattr(asked, field.name)
    ]
    if recipe is not None and recipe != kept.name:
        differences.append(f"recipe {kept.name}, not {recipe}")
    for name, value in others.items():
        if value is not None and value != getattr(header, name):
            differences.append(f"{name} {getattr(header, name)}, not {value}")
    if differences:
        raise RecipeError(
            f"{origin.file} is of a run with {'; '.join(differences)}: leave these flags out to resume it"
        )


def refuse_other_data(origin: Origin, dataset: Dataset) -> None:
    """Raises CheckpointError unless the data set is the one that the run was trained on, and as long."""
    header, recipe = origin.checkpoint.header, origin.recipe
    data, images = header.data, len(dataset.train)
    if data.get("sha256") != dataset.training_sha256:
        raise CheckpointError(
            f"{origin.file}: its run trains on {data.get('name')}, SHA-256 {str(data.get('sha256'))[:12]}…, "
            f"which {dataset.name} is not; give the folder with --data"
        )
    if count_steps(recipe.steps, recipe.epochs, recipe.batch_size, images) != header.horizon:
        raise CheckpointError(
            f"{origin.file}: {header.horizon} steps are not what its recipe comes to on {images:,} images"
        )
