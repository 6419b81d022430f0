"""What the report's tables and plots have in common: a rival's samples, its title, and who was the fastest."""

from collections.abc import Iterable
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
    """The samples to be reported, by job, case and rival."""

    def __init__(self, store: Store) -> None:
        self.store = store
        told = [s for s in store.of("equal") if "title" in s.value]
        self.titles = {s.rival: str(s.value["title"]) for s in told} | TITLES
        self.abouts = {s.rival: str(s.value["about"]) for s in told}
        self.shown: list[Sample] = []  # whatever a figure of the page is of

    def has(self, *jobs: str) -> bool:
        """Whether each of some jobs has samples."""
        return all(self.store.of(job) for job in jobs)

    def samples(self, job: str, part: str = "", **case: Any) -> dict[str, list[Sample]]:
        """Each rival's samples; `part` names one of several figures in a sample's value. Failures are left out."""
        found: dict[str, list[Sample]] = {}
        for sample in self.store.of(job, **case):
            if failure(sample):
                continue
            self.shown.append(sample)
            value = sample.value[part] if part else sample.value
            found.setdefault(sample.rival, []).append(replace(sample, value=value))
        return found

    def values(self, job: str, **case: Any) -> dict[str, list[Any]]:
        """Each rival's values, in the order in which they were measured."""
        return {name: [s.value for s in samples] for name, samples in self.samples(job, **case).items()}

    def failures(self, job: str, **case: Any) -> str:
        """A line with the reason for each rival that could not take part; empty where all could."""
        reasons = {s.rival: failure(s) for s in self.store.of(job, **case) if failure(s)}
        lines = [f"- {self.title(name)}: {reason}" for name, reason in reasons.items()]
        return "\n".join(["Could not take part:", "", *lines]) if lines else ""

    def medians(self, job: str, part: str = "", **case: Any) -> dict[str, Figure]:
        """Each rival's median, from the least on."""
        found = {name: median(samples) for name, samples in self.samples(job, part, **case).items()}
        return dict(sorted(found.items(), key=lambda item: item[1].median))

    def fastest(self, prefixes: Iterable[str], job: str, part: str = "", **case: Any) -> str | None:
        """Of the rivals whose name begins so, the one with the least median."""
        chosen = tuple(prefixes)
        return next((name for name in self.medians(job, part, **case) if name.startswith(chosen)), None)

    def title(self, name: str) -> str:
        """A rival's name for people."""
        return self.titles.get(name, name)


def failure(sample: Sample) -> str:
    """Why a sample is none; empty where it is one."""
    return str(sample.value.get("failed", "")) if isinstance(sample.value, dict) else ""
