"""A line of choice.jsonl: a run by which a recipe was chosen."""

from dataclasses import dataclass

from numnet.training.recipes import Recipe


@dataclass(frozen=True)
class Choice:
    """A run by which a recipe, `of`, was chosen: its errors of the 5,000 validation images, and its loss, if known."""

    of: str
    data: str
    hidden: list[int]
    dropout: list[float]
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    batch_size: int
    epochs: float
    validation_errors: int
    distortion: float = 0.0
    average: float = 0.0
    validation_loss: float | None = None

    @property
    def setting(self) -> tuple[object, ...]:
        """The numbers that were varied, the epochs last."""
        return self.setting_of(self)

    @staticmethod
    def setting_of(one: "Choice | Recipe") -> tuple[object, ...]:
        """Of a recipe, those of its numbers that `setting` has."""
        rates = (one.learning_rate, one.weight_decay, one.label_smoothing)
        return (tuple(one.hidden), tuple(one.dropout), *rates, one.batch_size, one.distortion, one.epochs)
