"""The text of docs/benchmark.md: a summary, what it is of, the sections that there are samples for, how it was done."""

from benchmarks.report import goals, products, race, sections
from benchmarks.report.markdown import number, prose, section
from benchmarks.report.rows import Results
from benchmarks.report.summary import summary
from benchmarks.run import CAP
from benchmarks.samples import SLOWER, THREADS


def page(results: Results) -> str:
    """The text of docs/benchmark.md."""
    beside, judged = tables(results), goals.section(results)
    return section(head(results, beside), beside, judged, how(results)) + "\n"


def tables(results: Results) -> str:
    """The sections in whose tables numnet stands beside others."""
    return section(*(make(results) for job, make in SECTIONS if results.has(job)))


# The job that a section is about, and what writes it.
SECTIONS = (
    ("step", sections.steps),
    ("process", sections.processes),
    ("race", race.race),
    ("predict", sections.predictions),
    ("neighbour", sections.neighbours),
    ("batch", sections.sweeps),
    ("products", products.section),
    ("install", sections.installs),
    ("equal", sections.equal_work),
)


def head(results: Results, beside: str) -> str:
    """What came out, and what this page is, of what machine, versions and code.

    beside : the text of the tables
    """
    commits = sorted({s.commit for s in results.shown})
    return section(
        "# numnet beside the frameworks",
        summary(results, beside),
        prose("""Written by `make bench` from the samples in [benchmarks/results](../benchmarks/results). In bold is
            where numnet loses, in every table: a whole interval on the wrong side of numnet's own."""),
        prose(f"""Measured on {results.machines()}, at commit{"s" * (len(commits) > 1)} {", ".join(commits)}.
            On a rented machine a neighbour on the other half of a core can halve its speed at any time: absolute times
            drift, and ratios of turns that follow each other hold."""),
    )


def how(results: Results) -> str:
    """How it was measured, and what the noise probe made of it."""
    return section(HOW, _gate(results), _minutes(results), COMMANDS)


def _minutes(results: Results) -> str:
    """How long the jobs took, each in its newest run."""
    parts: dict[str, dict[tuple[str, str], float]] = {}
    for sample in results.store.samples:
        if sample.job == "minutes":
            runs, run = parts.setdefault(sample.rival, {}), (sample.commit, sample.environment)
            runs[run] = runs.pop(run, 0.0) + sample.value  # now the last
    minutes = {job: list(runs.values())[-1] for job, runs in parts.items()}
    told = ", ".join(f"{job} {number(found)}" for job, found in minutes.items())
    commits = {list(runs)[-1][0] for job, runs in parts.items() if job != "equal"}  # which fewer files have a say in
    apart = f", in runs of {len(commits)} commits" if len(commits) > 1 else ""
    return f"All jobs together took {sum(minutes.values()):.0f} minutes{apart}: {told}." if minutes else ""


def _gate(results: Results) -> str:
    """How much the noise probe rejects."""
    watched = {job: [s for s in results.store.of(job) if s.probe is not None] for job in WATCHED}
    shares = [sum(not s.quiet for s in samples) / len(samples) for samples in watched.values() if samples]
    if not shares:
        return ""
    ratios = [
        ratio
        for job, part in COMPARED.items()
        for case in results.cases(job)
        for ratio in results.ratios(job, part, **case).values()
    ]
    quiet = [ratio.quiet for ratio in ratios]
    return prose(f"""How much the probe rejects: of the turns of these jobs it called {min(shares):.0%} to
        {max(shares):.0%} disturbed, so that of the {len(quiet)} ratios to numnet in steps, sweeps and answers
        {sum(quiet)} are of undisturbed turns alone. The others are of the calmest three quarters, six turns at
        least, and what keeps them fair is that all took turns.""")


COMPARED = {"step": "ms", "batch": "ms", "width": "ms", "predict": "p50"}  # jobs, and the figure that is compared
WATCHED = (*COMPARED, "products")
HOW = f"""## How it was measured, and how to repeat it

- Each rival is one file in [benchmarks/rivals](../benchmarks/rivals), written as the source advises that it names, in a
  process of its own, bound to as many cores as it has threads. Work is checked on `tutorial` and on
  `intended`, on {THREADS} threads and in batches of 128, and nobody's steps are timed on a net where his were not found
  equal. On one thread, in the sweeps, in answers and in the race the same files are at work, and not checked again.
- All rivals of a case are ready in memory at once, warmed up, and take turns, in an order that is drawn for each round,
  numnet before and after each: about 0.3 seconds each, or one call where a rival's calls take longer, as an epoch of
  Keras's does.
- Steps, sweeps, answers and products are watched: before and after each turn a fixed product is timed on all cores in
  use at once. Where it takes {SLOWER - 1:.0%} more than the least that it is known to take on as many cores here,
  somebody else was at work. A case goes on until each rival has had six undisturbed turns beside numnet's, or {CAP}
  rounds or its minutes are over. Whole processes, the race and the ladder are not watched; their tables say so.
- A column of times is of medians over undisturbed rounds, or, where somebody has fewer than six of them, over the
  calmest three quarters of everybody's; a ratio to numnet is of a rival's undisturbed turns, or, where there are fewer
  than six, of the calmest three quarters of them. Which those are the probe alone says, and six rounds count at least:
  where no more were taken, all of them do. Intervals are order statistics, which assume nothing of how times are
  distributed, but that rounds are independent of each other; a machine that is slow for minutes makes them narrower
  than they should be.
- Every sample is kept as a line of JSON with its commit, its machine and what the probe took."""

COMMANDS = """```sh
make bench-install                                  # .venv-bench, with every rival, some GB
make bench                                          # everything that is lacking, then this page
make bench JOB=step RIVALS=numnet_numba,jax_scan    # a part
make bench-quick                                    # a look at a change, under 8 minutes, writes no page
make bench-check                                    # holds this code against the committed results
```"""
