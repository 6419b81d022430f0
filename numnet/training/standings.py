"""How the settings of a sweep compare: mean and spread over seeds, the best on the validation images first."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numnet.training.grid import changes_in_words
from numnet.training.sweeping import Row


class Spread(NamedTuple):
    """Several numbers in short.

    deviation : the standard deviation with n - 1, None of a single number
    """

    mean: float
    deviation: float | None
    least: float
    most: float

    def times(self, factor: float) -> "Spread":
        """The same in another unit."""
        deviation = None if self.deviation is None else factor * self.deviation
        return Spread(factor * self.mean, deviation, factor * self.least, factor * self.most)


def spread(numbers: Iterable[float | None]) -> Spread | None:
    """Numbers in short, leaving out those that are not known; None where none is."""
    known = [number for number in numbers if number is not None]
    if not known:
        return None
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return Spread(statistics.fmean(known), deviation, min(known), max(known))


@dataclass(frozen=True)
class Standing:
    """What a setting came to over its seeds.

    runs, done, failed : how many there are, have a result, and failed
    validation_accuracy : 0 to 1; None where no run tells
    test_accuracy : the same, and None where nobody asked for it
    train_seconds : of the runs that went through in one piece; None where none did
    peak_mib : MiB
    """

    changes: Mapping[str, Any]
    runs: int
    done: int
    failed: int
    validation_accuracy: Spread | None
    test_accuracy: Spread | None
    train_seconds: Spread | None
    peak_mib: Spread | None


def standings(rows: Sequence[Row], *, test: bool = False) -> list[Standing]:
    """One for each setting, by the mean validation accuracy; those without one last, in the grid's order.

    The test accuracy has no say: who chooses by it has no images left to say how good the choice is.
    test : whether it is told at all
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(" ".join(changes_in_words(row.trial.changes)), []).append(row)
    found = [_standing(group, test) for group in groups.values()]
    return sorted(found, key=lambda one: -one.validation_accuracy.mean if one.validation_accuracy else 1.0)


def _standing(rows: Sequence[Row], test: bool) -> Standing:
    entries = [row.entry for row in rows if row.entry]
    results = [entry.train for entry in entries if entry.train is not None]
    return Standing(
        changes=rows[0].trial.changes,
        runs=len(rows),
        done=len(results),
        failed=sum(row.state == "failed" for row in rows),
        validation_accuracy=spread(result.get("validation_accuracy") for result in results),
        test_accuracy=spread(result.get("test_accuracy") for result in results if test),
        train_seconds=spread(
            entry.train.get("train_seconds") for entry in entries if entry.train and not entry.resumed
        ),
        peak_mib=spread(entry.peak_mib for entry in entries),
    )
