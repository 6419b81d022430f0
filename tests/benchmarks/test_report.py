"""The page: from samples that were made up, whole, in part, and with rivals that failed; each figure worked by hand."""

from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")
pytest.importorskip("matplotlib", reason="plots need matplotlib")

from benchmarks.report import __main__ as report
from benchmarks.report import ladder, plots, readme
from benchmarks.report.rows import Results
from benchmarks.samples import Sample, Store

ROUNDS = 6
STEP = {"numnet_numba": 2.0, "numnet_textbook": 6.0, "tensorflow_loop": 5.0, "jax_scan": 1.0, "roofline": 1.5}
RACE = {"numnet_numba": 4.0, "keras_fit": 17.0}
PREDICT = {"numnet_numba": 90.0, "jax_scan": 180.0}
WHOLE = {"train": 3.0, "numnet_numba": 3.5, "tensorflow_loop": 12.0, "keras_fit": 20.0}


def fill(store: Store, *jobs: str) -> None:
    """Samples of some jobs, of a machine on which nobody is disturbed."""

    def add(job: str, rival: str, case: dict, round: int, value: object) -> None:  # type: ignore[type-arg]
        if job in jobs:
            store.add(Sample(job, rival, case, round, value, 4e-4, commit="abc"))

    for name in {*STEP, *WHOLE} - {"roofline", "train"}:
        told = {"title": name.upper(), "about": "as one does", "refusal": "", "error": 1e-6}
        for net in ("tutorial", "intended"):
            add("equal", name, {"net": net}, 0, told)
    add("equal", "scikit_learn", {"net": "tutorial"}, 0, {"title": "SCIKIT", "about": "", "refusal": "", "error": 0.0})
    add("equal", "scikit_learn", {"net": "intended"}, 0, {"refusal": "no dropout"})
    for i in range(ROUNDS):
        for net in ("tutorial", "intended"):
            for threads in (1, 2):
                for name, value in STEP.items():
                    add("step", name, {"net": net, "threads": threads}, i, value * (3 - threads) * (1 + i / 10))
                add("step", "torch_compiled", {"net": net, "threads": threads}, i, {"failed": "no compiler"})
        for name, value in WHOLE.items():
            whole = {"seconds": value, "mib": 100 * value, "cpu_seconds": value, "accuracy": 0.92, "stages": None}
            for cache in ("warm", "empty"):
                add("process", name, {"cache": cache}, i, whole)
        for name, seconds in RACE.items():
            settings = {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}
            marks = [[seconds / 2, 0.97], [seconds + i, 0.981]]
            add("race", name, {"target": 0.98}, i, {"marks": marks, "met": i < 5, "settings": settings})
        for name, value in PREDICT.items():
            add("predict", name, {"net": "intended"}, i, {"p50": value, "p99": 2 * value, "images_per_second": 1e5})
            add("neighbour", name, {"net": "intended"}, i, {"alone": 2.0, "busy": 4.0})
            add("batch", name, {"batch": 128}, i, value)
            add("width", name, {"width": 64}, i, value)
        add("endurance", "early", {"net": "tutorial"}, i, 2.0)
        add("endurance", "late", {"net": "tutorial"}, i, 2.02)
        add("start", "import", {}, i, 0.1)
        add("start", "help", {}, i, 0.1)
    add("install", "numnet", {}, 0, {"megabytes": 280.0, "packages": 5, "largest": "llvmlite"})
    row = {"kind": "forward", "shape": [2, 3, 4], "flops": 48, "numnet": [1e-6] * 6, "openblas": [8e-7] * 6}
    for threads in (1, 2):
        add("products", "numnet", {"threads": threads}, 0, [row | {"threads": threads}])
    rung = {
        "rung": 1, "name": "openblas", "title": "OpenBLAS", "reason": "It is the reference.", "kind": "forward",
        "shape": [2, 3, 4], "flops": 48, "threads": 1, "slice": None, "compile_seconds": None, "assembly": None,
        "seconds": 1e-3, "gflops": 50.0, "peak_gflops": 100.0, "round": 0,
    }  # fmt: skip
    add("ladder", "numnet", {}, 0, [rung])


JOBS = (
    "equal", "step", "process", "race", "predict", "neighbour", "batch", "width", "endurance", "start", "install",
    "products", "ladder",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    store = Store(tmp_path_factory.mktemp("samples"))
    fill(store, *JOBS)
    return Results(store)


def line(text: str, start: str) -> str:
    """The first line that begins so."""
    return next(each for each in text.splitlines() if each.startswith(start))


def test_steps_are_ranked_and_their_ratios_are_those_of_the_rounds(whole: Results) -> None:
    page = report.page(whole)
    assert line(page, "| JAX_SCAN").startswith("| JAX_SCAN | 1.25 | **0.50 (0.50 to 0.50)** | 2.5 |")
    assert line(page, "| TENSORFLOW_LOOP").startswith("| TENSORFLOW_LOOP | 6.25 | 2.50 (2.50 to 2.50) |")
    assert page.index("| JAX_SCAN | 1.25") < page.index("| NUMNET_NUMBA | 2.5 | 1 |")
    assert "- torch_compiled: no compiler" in page


def test_who_is_refused_stands_there_with_the_reason(whole: Results) -> None:
    assert line(report.page(whole), "| SCIKIT").endswith("| 0e+00 | refused: no dropout |")


def test_a_run_that_missed_the_mark_counts_as_endless(whole: Results) -> None:
    """Five of six runs met it, after 4, 5, 6, 7 and 8 seconds: the median of those and one without end is 6.5."""
    assert line(report.page(whole), "| NUMNET_NUMBA | 6.5").startswith("| NUMNET_NUMBA | 6.5 (4 to 8) | 5 of 6 |")


def test_goals_are_met_or_missed_by_their_figures(whole: Results) -> None:
    page = report.page(whole)
    assert line(page, "| a step of `tutorial`, against TENSORFLOW_LOOP").endswith(
        "2.50 times (2.50 to 2.50) | **missed** |"
    )
    assert line(page, "| `python -m numnet.train`, warm cache").endswith("| 3.0 s | met |")
    assert line(page, "| its memory, against TENSORFLOW_LOOP").endswith("| 25% | met |")
    assert line(page, "| a step after 100,000").endswith("| +1.0% | met |")
    assert line(page, "| each product on 1 thread").endswith("least 0.80 (forward 2 x 3 x 4) | **missed** |")
    assert line(page, "| seconds to 98 %, against KERAS_FIT").endswith("| 33% of 19.5 s | **missed** |")


def test_the_readmes_summary(whole: Results) -> None:
    assert "| TENSORFLOW_LOOP | 6.25; 2.50 times | 6.25; 2.50 times | 12 | 1,200 |" in readme.summary(whole)


@pytest.mark.parametrize("jobs", [(), ("equal",), ("equal", "step"), ("equal", "process"), ("equal", "race", "start")])
def test_a_part_of_the_samples_makes_a_part_of_the_page(jobs: tuple[str, ...], tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, *jobs)
    page = report.page(Results(store))
    assert ("## A step of training" in page) == ("step" in jobs)
    assert ("## Seconds to 98%" in page) == ("race" in jobs)
    readme.summary(Results(store))


def test_the_ladder_has_its_shares(whole: Results) -> None:
    assert line(ladder.page(whole), "| OpenBLAS") == "| OpenBLAS | 1 | 50 | 50.0% | 1.00 |"


@pytest.mark.slow
def test_plots_are_drawn(whole: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "PICTURES", tmp_path)
    plots.draw_all(whole)
    names = {"benchmark-step.png", "benchmark-batch.png", "benchmark-width.png", "benchmark-race.png"}
    assert {file.name for file in tmp_path.iterdir()} == names
