"""What the report's tables and plots have in common: a rival's samples, its title, and who was the fastest."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.figures import Figure, alike, beside, by_round, median, rounds
from benchmarks.jobs.processes import TRAIN
from benchmarks.jobs.steps import ROOFLINE
from benchmarks.samples import LEFT_OUT, Sample, Store, failure

TITLES = {TRAIN: "`python -m numnet.train`"}


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
        """Each rival's samples of a case, all by one rule: where one is too often disturbed, so are all rounds of all.

        part : names one of several figures in a value, of which then each rival has one a round: the median of the
            round's undisturbed turns, or, where one rival has too few of those, of all turns
        """
        found = self._found(job, part, **case)
        if not part:
            return alike(found)
        calm = alike({name: by_round(_calmest(each)) for name, each in found.items()})
        is_calm = any(s.quiet for each in calm.values() for s in each)
        return calm if is_calm else alike({name: by_round(each) for name, each in found.items()})

    def _found(self, job: str, part: str = "", **case: Any) -> dict[str, list[Sample]]:
        """Each rival's samples of a case; who lacks a part is left out, as is the roofline, which nobody races."""
        found: dict[str, list[Sample]] = {}
        for sample in self.store.of(job, **case):
            if failure(sample) or sample.rival == ROOFLINE or (part and part not in sample.value):
                continue
            self.shown.append(sample)
            found.setdefault(sample.rival, []).append(sample.of(part) if part else sample)
        return found

    def cases(self, job: str) -> list[dict[str, Any]]:
        """Each setting that a job compares rivals in."""
        found = [{name: it for name, it in s.case.items() if name != "turn"} for s in self.store.of(job)]
        return [case for i, case in enumerate(found) if case not in found[:i]]

    def ratios(self, job: str, part: str, **case: Any) -> dict[str, Figure]:
        """How many times slower than numnet each rival is that took its turns between numnet's.

        A turn and numnet's two next to it are watched together, so that it is a rival's own matter whether enough of
        his are undisturbed.
        """
        found = self._found(job, **case)
        return {name: beside(samples, part) for name, samples in found.items() if "numnet" in samples[0].value}

    def values(self, job: str, **case: Any) -> dict[str, list[Any]]:
        """Each rival's values, in the order in which they were measured."""
        return {name: [s.value for s in samples] for name, samples in self.samples(job, **case).items()}

    def absent(self, job: str, columns: int, net: str, /, **case: Any) -> list[list[str]]:
        """A row of so many columns, with the reason, for each rival that could not take part or was refused."""
        there = self.samples(job, **case)
        reasons = {s.rival: s.value.get("refusal") or failure(s) for s in self.store.of("equal", net=net)}
        reasons |= {s.rival: failure(s) for s in self.store.of(job, **case) if failure(s)}
        return [
            [self.title(name), f"-, {reason}", *["-"] * (columns - 2)]
            for name, reason in reasons.items()
            if reason and name not in there
        ]

    def fallen(self, job: str, **case: Any) -> dict[str, list[str]]:
        """Of each rival that has samples, too, the reasons of those that failed."""
        samples = self.store.of(job, **case)
        there = {s.rival for s in samples if not failure(s)}
        found: dict[str, list[str]] = {}
        for s in samples:
            if failure(s) and s.rival in there and LEFT_OUT not in s.case:
                found.setdefault(s.rival, []).append(failure(s))
        return found

    def told_fallen(self, job: str) -> str:
        """A sentence for each of them; empty where no run failed."""
        told = (
            f"{len(reasons)} of the runs of {self.title(name)} failed: {'; '.join(dict.fromkeys(reasons))}."
            for name, reasons in self.fallen(job).items()
        )
        return " ".join(told)

    def watched(self, job: str) -> str:
        """What the noise probe saw of a job, in a sentence; and one for each rival of whose runs some failed."""
        probed = [s for s in self.store.of(job) if s.probe is not None]
        if not probed:
            return f"The noise probe did not watch. {self.told_fallen(job)}"
        disturbed = sum(not s.quiet for s in probed)
        taken = sorted({len(rounds(each)) for each in self._by_case(probed)}) or [0]
        said = f"{taken[0]} rounds" if len(taken) == 1 else f"{taken[0]} to {taken[-1]} rounds"
        return (
            f"Everybody took {said} of a case. The noise probe watched {len(probed):,} turns, of which {disturbed:,} "
            f"were disturbed. {self.told_fallen(job)}"
        )

    def _by_case(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """The samples of each rival in each case."""
        found: dict[str, list[Sample]] = {}
        for s in samples:
            if s.rival != ROOFLINE and not failure(s):
                case = {name: it for name, it in s.case.items() if name != "turn"}
                found.setdefault(f"{s.rival} {sorted(case.items())}", []).append(s)
        return list(found.values())

    def medians(self, job: str, part: str = "", **case: Any) -> dict[str, Figure]:
        """Each rival's median, from the least on."""
        found = {name: median(samples) for name, samples in self.samples(job, part, **case).items()}
        return dict(sorted(found.items(), key=lambda item: item[1].median))

    def fastest(self, prefixes: Iterable[str], job: str, part: str = "", **case: Any) -> str | None:
        """Of the rivals whose name begins so, the one with the least median."""
        chosen = tuple(prefixes)
        return next((name for name in self.medians(job, part, **case) if name.startswith(chosen)), None)

    def machines(self, only_cores: bool = False) -> str:
        """What the samples shown are of, in words: the cores, and the versions of everything."""
        known = self.store.environments()
        texts = sorted({known.get(s.environment, s.environment) for s in self.shown})
        told = dict.fromkeys(text.partition(", numnet")[0] if only_cores else text for text in texts)
        return "; ".join(told).replace("virtual cores, a guest's, of an", "virtual cores of a rented machine, an")

    def title(self, name: str) -> str:
        """A rival's name for people."""
        return self.titles.get(name, name)


def _calmest(samples: Sequence[Sample]) -> list[Sample]:
    """Of each round the undisturbed turns, or all of them where none is."""
    return [s for turns in rounds(samples) for s in [turn for turn in turns if turn.quiet] or turns]
