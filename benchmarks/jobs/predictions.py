"""How long an answer takes: one image, from NumPy to NumPy, and all 10,000 test images at once."""

from functools import partial

import numpy as np

from benchmarks import equal, nets
from benchmarks.pairs import Value, take_turns
from benchmarks.plan import Plan
from benchmarks.rival import NUMNET
from benchmarks.samples import THREADS
from benchmarks.session import Session, sessions

ONE, ALL = 1000, 1  # predictions in a turn
TESTED = 10_000
WARM_UP = 20
MINUTES = 2.0
# Who predicts by the very code of another is not measured again.
SAME = {
    "tensorflow_loop": "tensorflow_xla",
    "keras_steps": "keras_fit",
    "jax_scan": "jax_jit",
}


def predict(plan: Plan) -> None:
    """Microseconds for one image, median and 99th percentile; images a second of 10,000."""
    case = {"net": "intended", "threads": THREADS}
    # what is left of dropout when predicting: so who has none may take part
    able = equal.allowed(plan.store, plan.rivals, "tutorial")
    allowed = [name for name in able if SAME.get(name) not in able]
    others = [name for name in allowed if name != NUMNET]
    if NUMNET not in allowed or plan.is_done("predict", case, others or allowed):
        return
    with sessions(allowed, nets.of_recipe("intended", plan.folder, drop=False), THREADS, _prepare) as (blocks, reasons):
        plan.refuse("predict", case, reasons)
        if NUMNET in blocks:
            take_turns(plan, "predict", case, blocks, "p50", MINUTES)


def _prepare(session: Session) -> "partial[Value]":
    session.compile_answers()
    session.predict(1, WARM_UP)
    session.predict(TESTED, 2)
    return partial(_sample, session)


def _sample(session: Session) -> Value:
    one = np.array(session.predict(1, ONE)) * 1e6
    (whole,) = session.predict(TESTED, ALL)
    return {"p50": float(np.median(one)), "p99": float(np.quantile(one, 0.99)), "images_per_second": TESTED / whole}
