"""The page: from samples that were made up, whole, in part, and with rivals that failed; each figure worked by hand."""

from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")
pytest.importorskip("matplotlib", reason="plots need matplotlib")

from benchmarks.report import ladder, plots, readme, roofline
from benchmarks.report import page as report
from benchmarks.report.rows import Results
from benchmarks.samples import Sample, Store

ROUNDS = 6
STEP = {"numnet_textbook": 6.0, "tensorflow_loop": 5.0, "jax_scan": 1.0, "roofline": 1.5}
RACE = {"numnet_numba": 4.0, "keras_fit": 17.0}
PREDICT = {"numnet_numba": 90.0, "jax_scan": 180.0}
WHOLE = {"train": 3.0, "numnet_numba": 3.5, "tensorflow_loop": 12.0, "keras_fit": 20.0}


def rung(name: str, round: int, gflops: float, peak: float, kind: str, shape: list[int]) -> dict[str, object]:
    """A line of the ladder's, on one thread."""
    return {
        "rung": 1 + (name == "openblas"), "name": name, "title": name, "reason": "So.", "kind": kind, "shape": shape,
        "flops": 48, "threads": 1, "slice": None, "compile_seconds": None, "assembly": None, "seconds": 1 / gflops,
        "gflops": gflops, "peak_gflops": peak, "round": round, "function": None,
    }  # fmt: skip


def fill(store: Store, *jobs: str) -> None:  # noqa: PLR0912  a list of samples
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
                case, slow = {"net": net, "threads": threads}, (3 - threads) * (1 + i / 10)
                for turn in (0, 1):
                    add("step", "numnet_numba", case | {"turn": turn}, i, {"ms": 2.0 * slow})
                for name, value in STEP.items():
                    told = {"ms": value * slow, "ms_of_ink": 0.5 * value * slow, "numnet": 2.0 * slow}
                    add("step", name, case, i, told)
        for net in ("tutorial", "intended"):
            add("step", "torch_compiled", {"net": net, "threads": 2}, 0, {"failed": "no compiler"})
        for name, value in WHOLE.items():
            # the last run is the slow one, which no median is to follow
            until, last = 7.0 if i == ROUNDS - 1 else 1.0, {"imported": 0.5, "compiled": 1.0}
            whole = {"seconds": value, "mib": 100 * value, "cpu_seconds": value, "accuracy": 0.92, "stages": last}
            whole |= {"until": until} if name != "train" else {"stages": None}
            for cache in ("warm", "empty"):
                add("process", name, {"cache": cache}, i, whole)
        for name, seconds in RACE.items():
            settings = {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}
            marks = [[seconds / 2, 0.97], [seconds + i, 0.981]]
            add("race", name, {"target": 0.98}, i, {"marks": marks, "met": i < 5, "settings": settings})
        for name, value in PREDICT.items():
            beside = {} if name == "numnet_numba" else {"numnet": 90.0}
            told = {"p50": value, "p99": 2 * value, "images_per_second": 1e5}
            add("predict", name, {"net": "intended"}, i, told | beside)
            add("neighbour", name, {"net": "intended"}, i, {"alone": 2.0, "busy": 4.0})
            add("batch", name, {"batch": 128}, i, {"ms": value} | beside)
            add("width", name, {"width": 64}, i, {"ms": value} | beside)
        add("endurance", "early", {"net": "tutorial"}, i, 2.0)
        add("endurance", "late", {"net": "tutorial"}, i, 2.02)
        add("start", "import", {}, i, 0.1)
        add("start", "help", {}, i, 0.1)
    add("install", "numnet", {}, 0, {"megabytes": 280.0, "packages": 5, "largest": "llvmlite"})
    row = {"flops": 48, "numnet": 1e-6, "openblas": 8e-7, "peak_gflops": 100.0}
    for threads in (1, 2):
        for i in range(ROUNDS):
            add("products", "numnet", {"threads": threads, "kind": "forward", "shape": "128 x 128 x 10"}, i, row)
    calls = [["matmul", 200, 1.0], ["matmul", 100, 0.5], ["adam", 0, 0.25], ["relu", 0, 0.1]]
    peaks = {
        "peak_gflops": 100.0,
        "read_gigabytes": 20.0,
        "update_gigabytes": 10.0,
        "gathering": 0.1,
        "parameters": 100,
    }
    for net in ("tutorial", "intended"):
        add("parts", "numnet", {"net": net, "threads": 2}, 0, {"step": 2.0, "calls": calls, "between": 0.15} | peaks)
    climbed = [rung("openblas", i, gflops, 100.0, "forward", [2, 3, 4]) for i, gflops in enumerate((50.0, 50.0, 105.0))]
    add("ladder", "numnet", {"rounds": 9}, 0, climbed)


JOBS = (
    "equal", "step", "process", "race", "predict", "neighbour", "batch", "width", "endurance", "start", "install",
    "products", "ladder", "parts",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    store = Store(tmp_path_factory.mktemp("samples"))
    fill(store, *JOBS)
    return Results(store)


@pytest.fixture(scope="module")
def whole_page(whole: Results) -> str:
    return report.page(whole)


def line(text: str, start: str) -> str:
    """The first line that begins so."""
    return next(each for each in text.splitlines() if each.startswith(start))


def test_steps_are_ranked_and_their_ratios_are_those_of_the_rounds(whole_page: str) -> None:
    page = whole_page
    assert line(page, "| JAX_SCAN").startswith("| JAX_SCAN | **1.25** | **0.50 (0.50 to 0.50)** | **2.5** |")
    assert line(page, "| TENSORFLOW_LOOP").startswith("| TENSORFLOW_LOOP | 6.25 | 2.50 (2.50 to 2.50) |")
    assert page.index("| JAX_SCAN | **1.25**") < page.index("| NUMNET_NUMBA | 2.5 | 1 |")
    assert "| torch_compiled | -, no compiler | - | - | - | - |" in page


def test_the_stages_of_a_process_are_medians_of_its_runs(whole_page: str) -> None:
    assert line(whole_page, "| TENSORFLOW_LOOP | 12 |").split(" | ")[3] == "1"


def test_who_is_refused_stands_there_with_the_reason(whole_page: str) -> None:
    assert whole_page.count("| SCIKIT | -, no dropout | - |") == 2  # its step of `intended`, and its neighbour
    assert "| SCIKIT |  | 0e+00 | refused: no dropout |" in whole_page


def test_a_run_that_missed_the_mark_counts_as_endless(whole_page: str) -> None:
    """Five of six runs met it, after 4, 5, 6, 7 and 8 seconds: the median of those and one without end is 6.5."""
    assert line(whole_page, "| NUMNET_NUMBA | 6.5").startswith("| NUMNET_NUMBA | 6.5 (4 to ∞) | 5 of 6 |")


def test_goals_are_met_or_missed_by_their_figures(whole_page: str) -> None:
    page = whole_page
    assert line(page, "| a step of `tutorial`, against TENSORFLOW_LOOP").endswith(
        "| 2.5 times (2.5 to 2.5) | at least 3 times: **missed** | at least 4 times: **missed** |"
    )
    whole_run = line(page, "| `python -m numnet.train`, against")
    assert whole_run.endswith("| 4 times (4 to 4) | - | at least 4 times: met |")
    assert line(page, "| `python -m numnet.train`, warm cache").endswith(
        "| at most 3 s: met | at most 2.5 s: **missed** |"
    )
    assert line(page, "| memory of `python -m numnet.train`").endswith(
        "| 25% (25% to 25%) | at most 25%: met | at most 25%: met |"
    )
    assert line(page, "| memory of numnet's row").endswith(
        "| 29% (29% to 29%) | at most 25%: **missed** | at most 25%: **missed** |"
    )
    assert line(page, "| a step of `tutorial` after 100,000").endswith(
        "| +1.0% (+1.0% to +1.0%) | within 5%: met | the same: met |"
    )
    assert "least 0.80 (a @ b 128 x 128 x 10)" in line(page, "| each product on 1 thread")
    assert "33%" in line(page, "| seconds to 98 %, against KERAS_FIT")


def test_the_roofline_is_the_highest_peak_of_the_run(whole_page: str) -> None:
    """Step's products at 1.5 ms, their least on two threads; numnet's step takes 2 to 3 ms, in the middle 2.5."""
    page = whole_page
    assert line(page, "| the dense roofline").startswith("| the dense roofline | 1.5 | 0.60 | 3 | 0.60 |")
    dense = line(page, "| a step of `tutorial`, as many times as long as the dense")
    assert dense.endswith("| 1.67 times (1.33 to 2.00) | at most 1 times: **missed** | - |")
    without = line(page, "| a step of `tutorial`, as many times as long as the roofline without")
    assert without.endswith("| 3.33 times (2.67 to 4.00) | - | at most 1.25 times: **missed** |")
    assert "on 1 thread 111 GFLOP/s, the highest of 21, which 0 of 15 dense products exceeded" in page


@pytest.mark.parametrize(("seconds", "above"), [(1 / 100, 1), (1 / 221, 1), (1 / 222, 2)])
def test_a_peak_that_a_product_exceeds_is_none(seconds: float, above: int, tmp_path: Path) -> None:
    """The step's 332.4 MFLOP in 1.5 ms are 221.6 GFLOP/s; OpenBLAS is above it, numnet at 100, 221 or 222."""
    store = Store(tmp_path)
    fill(store, "step")
    row = {"flops": 1e9, "numnet": seconds, "openblas": 1 / 300, "peak_gflops": 90.0}
    case = {"threads": 2, "kind": "forward", "shape": "128 x 128 x 10"}
    pixels = case | {"kind": "pixels forward", "shape": "128 x 784 x 512"}
    for one in (case, pixels):
        store.add(Sample("products", "numnet", one, 0, row, 4e-4, commit="abc"))
    results = Results(store)
    found = roofline.find(results, 2)
    assert found
    assert (found.above, found.is_valid) == (above, False)
    page = report.page(results)
    assert line(page, "| the dense roofline").startswith(
        "| the dense roofline | invalid | invalid | 3 | 0.60 | invalid |"
    )
    goal = line(page, "| a step of `tutorial`, as many times as long as the dense")
    assert goal.endswith("| invalid | at most 1 times: invalid | - |")


def test_the_page_begins_with_what_came_out(whole: Results, whole_page: str) -> None:
    """TENSORFLOW_LOOP takes 5 ms where numnet takes 2; every goal that must be reached stands in the first column."""
    _, faster, lost, met = whole_page.split("\n\n")[:4]
    times = "2.50 times as fast (2.50 to 2.50)"
    assert faster.endswith(f"is, on two threads, {times} on `tutorial` and {times} on `intended`.")
    assert lost.startswith("numnet loses in ")
    musts = [
        row.split(" | ")[2] for row in whole_page.partition("## The goals")[2].splitlines() if row.count(" | ") == 3
    ]
    count = sum(cell.endswith(": met") for cell in musts)
    assert met.startswith(f"Of what must be reached {count} of ")
    assert met in readme.summary(whole)


def test_a_miss_is_explained_by_shares_of_the_profile_or_not_at_all(whole_page: str) -> None:
    """Of a profiled step of 2 ms its products take 1 and 0.5, Adam 0.25, the rest 0.1 and 0.15; 2.5 of 3 times."""
    assert "the products with pixels, zeros skipped, 50%; the other products 25%, at 0% of the peak" in whole_page
    assert "Adam 12%, 0.011 GB/s where changing as many bytes again and again reaches 10;" in whole_page
    assert "activations, masks, sums and loss 5%; between kernels 8%" in whole_page
    assert (
        "the goal comes to 83% of what numnet's step takes; numnet's products alone are 75% of a profiled step"
        in whole_page
    )
    unknown = next(each for each in whole_page.splitlines() if each.endswith(": not known"))
    assert "one image through `Network.predict`, median" in unknown
    assert "seconds to 98 %" not in unknown


def test_the_race_is_explained_by_its_own_stages_and_epochs(tmp_path: Path) -> None:
    """Of three runs; the tutorial's program has other stages."""
    store = Store(tmp_path)
    fill(store, "process")
    for i in range(3):
        marks = [[3.0 + i, 0.97], [6.0 + i, 0.981]]
        settings = {"batch_size": 256, "epochs": 2, "learning_rate": 4e-3}
        told = {"stages": {"imported": 0.25, "built": 0.8 + i}, "marks": marks, "met": True, "settings": settings}
        store.add(Sample("race", "numnet_numba", {"target": 0.98}, i, told, commit="abc"))
    goal = line(report.page(Results(store)), "- seconds to 98 %:")
    assert goal.endswith("of each stage are: imported 0.25, built 1.8, epoch 1 4, epoch 2 7")


def test_the_readmes_summary(whole: Results) -> None:
    """JAX_SCAN has half numnet's time on each net and number of threads, in three columns twice."""
    assert "A step of training (“2 threads, ms” 2 of" in readme.summary(whole)
    assert "| TENSORFLOW_LOOP | 6.25; 2.50 times | 6.25; 2.50 times | 12 | 1,200 |" in readme.summary(whole)


@pytest.mark.parametrize("jobs", [(), ("equal",), ("equal", "step"), ("equal", "process"), ("equal", "race", "start")])
def test_a_part_of_the_samples_makes_a_part_of_the_page(jobs: tuple[str, ...], tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, *jobs)
    page = report.page(Results(store))
    assert ("## A step of training" in page) == ("step" in jobs)
    assert ("## Seconds to 98%" in page) == ("race" in jobs)
    readme.summary(Results(store))


def test_the_ladder_compares_within_rounds_and_shares_are_of_one_peak(tmp_path: Path) -> None:
    """OpenBLAS at 50, 60 and 120, "own" at 25, 60 and 90: 0.5, 1 and 0.75 times it; the highest peak is 150."""
    speeds = {"openblas": (50.0, 60.0, 120.0), "own": (25.0, 60.0, 90.0)}
    lines = [
        rung(name, i, gflops, 100.0 + 25 * i, kind, shape)
        for kind, shape in (("dx", [128, 256, 512]), ("forward", [128, 512, 256]))
        for name, rounds in speeds.items()
        for i, gflops in reversed(list(enumerate(rounds)))
    ]
    store = Store(tmp_path)
    store.add(Sample("ladder", "numnet", {"rounds": 9}, 0, lines, commit="abc"))
    page = ladder.page(Results(store))
    assert line(page, "| openblas") == "| openblas | 16.7 | 60 | 40.0% | 1.00 (1.00 to 1.00) |"
    assert line(page, "| own") == "| own | 16.7 | 60 | 40.0% | 0.75 (0.50 to 1.00) |"
    assert page.index("### a @ b, 128 x 512 x 256") < page.index("### a @ b.T, 128 x 256 x 512")


@pytest.mark.slow
def test_plots_are_drawn(whole: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "PICTURES", tmp_path)
    plots.draw_all(whole)
    names = {"benchmark-step.png", "benchmark-batch.png", "benchmark-width.png", "benchmark-race.png"}
    assert {file.name for file in tmp_path.iterdir()} == names
