"""The jobs, by name, in the order in which they are run: what each measures is said in its own file."""

from collections.abc import Callable

from benchmarks.jobs import conditions, kernels, predictions, processes, races, steps
from benchmarks.plan import Plan

JOBS: dict[str, Callable[[Plan], None]] = {
    "equal": steps.verify,
    "step": steps.step,
    "predict": predictions.predict,
    "process": processes.process,
    "install": processes.install,
    "race": races.race,
    "batch": steps.batch,
    "width": steps.width,
    "start": conditions.start,
    "neighbour": conditions.neighbour,
    "endurance": conditions.endurance,
    "products": kernels.products,
    "ladder": kernels.ladder,
}
