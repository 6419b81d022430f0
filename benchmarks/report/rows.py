"""What the report's tables and plots have in common: a rival's samples, its title, and who was the fastest."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.figures import Figure, median
from benchmarks.samples import Sample, Store

NUMNET, TEXTBOOK, TRAIN = "numnet_numba", "numnet_textbook", "train"
TITLES = {
    "roofline": "products at the peak of the cores",
    TRAIN: "`python -m numnet.train`",
}


class Results:
    """The samples of the newest run, by job, case and rival."""

    def __init__(self, store: Store) -> None:
        self.store = store
        told = {s.rival: s.value for s in store.of("equal")}
        self.titles = {name: value["title"] for name, value in told.items() if "title" in value} | TITLES
        self.abouts = {name: value["about"] for name, value in told.items() if "about" in value}

    def samples(self, job: str, part: str = "", **case: Any) -> dict[str, list[Sample]]:
        """Each rival's samples; `part` names one of several figures in a sample's value."""
        found: dict[str, list[Sample]] = {}
        for sample in self.store.of(job, **case):
            value = sample.value[part] if part else sample.value
            found.setdefault(sample.rival, []).append(replace(sample, value=value))
        return found

    def medians(self, job: str, part: str = "", **case: Any) -> dict[str, Figure]:
        """Each rival's median, from the least on."""
        found = {name: median(samples) for name, samples in self.samples(job, part, **case).items()}
        return dict(sorted(found.items(), key=lambda item: item[1].median))

    def fastest(self, prefixes: Iterable[str], job: str, part: str = "", **case: Any) -> str:
        """Of the rivals whose name begins so, the one with the least median."""
        chosen = tuple(prefixes)
        return next(name for name in self.medians(job, part, **case) if name.startswith(chosen))

    def title(self, name: str) -> str:
        """A rival's name for people."""
        return str(self.titles.get(name, name))


def of_rounds(samples: Sequence[Sample]) -> list[float]:
    """The values, by round."""
    return [s.value for s in sorted(samples, key=lambda s: s.round)]
