"""How long an answer takes: one image, from NumPy to NumPy, and all 10,000 test images at once."""

import numpy as np

from benchmarks import equal, nets
from benchmarks.noise import Probe
from benchmarks.plan import Plan, in_turn
from benchmarks.session import Session, sessions

ONE, ALL = 1000, 1  # predictions in a sample
TESTED = 10_000
WARM_UP = 20
THREADS = 2


def predict(plan: Plan) -> None:
    """Microseconds for one image, median and 99th percentile; images a second of 10,000."""
    case = {"net": "intended", "threads": THREADS}
    allowed = equal.allowed(plan.store, plan.rivals, "tutorial")
    lacking = plan.lacking("predict", case, allowed)
    if not lacking:
        return
    problem = nets.of_recipe("intended", plan.folder, drop=False)  # what is left of dropout when predicting
    with sessions(allowed, problem, THREADS) as (ready, _):
        for session in ready:
            session.predict(1, WARM_UP)
            session.predict(TESTED, 2)
        probe = Probe(THREADS)
        for i in lacking:
            for session in in_turn(ready, i):
                plan.measure("predict", session.name, case, i, probe.watch, _sample, session)


def _sample(session: Session) -> dict[str, float]:
    one = np.array(session.predict(1, ONE)) * 1e6
    (whole,) = session.predict(TESTED, ALL)
    return {"p50": float(np.median(one)), "p99": float(np.quantile(one, 0.99)), "images_per_second": TESTED / whole}
