"""The jobs, by name, in the order in which they are run: what each measures is said in its own file."""

from collections.abc import Callable

from benchmarks.jobs import conditions, kernels, predictions, processes, races, steps
from benchmarks.plan import Plan

JOBS: dict[str, Callable[[Plan], None]] = {
    "equal": steps.verify,
    "step": steps.step,
    "process": processes.process,
    "search": races.search,
    "race": races.race,
    "predict": predictions.predict,
    "products": kernels.products,
    "ladder": kernels.ladder,
    "parts": kernels.parts,
    "start": processes.start,
    "install": processes.install,
    "neighbour": conditions.neighbour,
    "batch": steps.batch,
    "width": steps.width,
    "endurance": conditions.endurance,
}
