"""The page's rules on disturbed rounds, losses and verdicts: each on few samples, its figures worked by hand."""

from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl", reason="the benchmark suite's own library is not installed")

from benchmarks.figures import Figure
from benchmarks.report import ladder, losses, products, reasons
from benchmarks.report import page as report
from benchmarks.report.markdown import marked, verdict
from benchmarks.report.rows import Results
from benchmarks.samples import Sample, Store

ROUNDS = 6


def line(text: str, start: str) -> str:
    """The first line that begins so."""
    return next(each for each in text.splitlines() if each.startswith(start))


def test_numnets_own_figures_are_of_the_rounds_that_its_rivals_are_of(tmp_path: Path) -> None:
    """In each round numnet takes 2 ms undisturbed and 4 disturbed, 3 by their median; the rival's turn is disturbed."""
    store = Store(tmp_path)
    for i in range(ROUNDS):
        case = {"net": "tutorial", "threads": 2}
        for turn, probe in enumerate((4e-4, 9e-4)):
            value = {"ms": 2.0 + 2 * turn}
            store.add(Sample("step", "numnet_numba", case | {"turn": turn}, i, value, probe, commit="abc"))
        store.add(Sample("step", "jax_scan", case, i, {"ms": 6.0, "numnet": 3.0}, 9e-4, commit="abc"))
    page = report.page(Results(store))
    assert line(page, "| numnet_numba").startswith("| numnet_numba | 3")
    assert line(page, "| jax_scan").startswith("| jax_scan | 6")


def test_whole_ticks_are_near_on_either_side_and_three_at_least(tmp_path: Path) -> None:
    """Ticks of 4 ms: 23.94 is 6, 12.2 and 11.8 are 3; 8.07 is but 2, and 13.5, 12.3 and 11.7 are near none."""
    store = Store(tmp_path)
    for i, value in enumerate((23.94, 12.2, 11.8, 8.07, 13.5, 12.3, 11.7)):
        for net, longer in (("tutorial", 0.0), ("intended", 30.0)):  # of those none is near any
            case = {"net": net, "threads": 2}
            store.add(Sample("step", "keras_fit", case, i, {"ms": value + longer, "numnet": 3.0}, commit="abc"))
    assert "keras_fit on 2 threads 3 of 14." in report.page(Results(store))


@pytest.mark.parametrize(
    ("late", "within", "same"),
    [
        ((0.99, 1.0, 1.015), "met", "met"),
        ((0.97, 1.0, 1.01), "met", "undecided"),
        ((1.03, 1.035, 1.04), "met", "**missed**"),
        ((0.95, 1.05, 1.16), "undecided", "undecided"),  # 1 in an interval so wide says nothing
        ((1.06, 1.1, 1.2), "**missed**", "**missed**"),
    ],
)
def test_noise_does_not_make_a_late_step_the_same(
    late: tuple[float, float, float], within: str, same: str, tmp_path: Path
) -> None:
    """Of three rounds the interval is from the least to the largest; early steps take 2 ms."""
    store = Store(tmp_path)
    for i, value in enumerate(late):
        store.add(Sample("endurance", "early", {"net": "tutorial"}, i, 2.0, commit="abc"))
        store.add(Sample("endurance", "late", {"net": "tutorial"}, i, 2 * value, commit="abc"))
    goal = line(report.page(Results(store)), "| a step of `tutorial` after 100,000")
    assert goal.endswith(f"| within 5%: {within} | the same: {same} |")


def test_every_column_of_a_process_tells_who_is_ahead(tmp_path: Path) -> None:
    """Of three runs: an empty cache costs numnet 8 to 10 s; who keeps none takes 7 with either."""
    store = Store(tmp_path)
    ours = {"seconds": 5.0, "until": 2.0, "mib": 200.0, "cpu_seconds": 6.0, "accuracy": 0.91}
    theirs = {"seconds": 7.0, "until": 1.9, "mib": 300.0, "cpu_seconds": 5.9, "accuracy": 0.92}
    for i in range(3):
        for name, value in (("numnet_numba", ours), ("torch_eager", theirs), ("train", ours | {"seconds": 1.0})):
            store.add(Sample("process", name, {"cache": "warm"}, i, value, commit="abc"))
        empty = ours | {"seconds": 8.0 + i}
        store.add(Sample("process", "numnet_numba", {"cache": "empty"}, i, empty, commit="abc"))
    page = report.page(Results(store))
    assert line(page, "| torch_eager |") == "| torch_eager | 7 | **the same** | **1.9** | **5.9** | 300 | 92.00% |"
    assert line(page, "| `python -m numnet.train` | 1").startswith("| `python -m numnet.train` | 1 | the same |")
    assert (
        "numnet loses in 3 figures of the tables: The whole program (“empty cache” 1 of 3, “until step 143” 1 of 3, "
        "“CPU seconds” 1 of 3)."
    ) in page


def test_losses_are_the_figures_in_bold_by_column() -> None:
    """Of two tables in one section; a reason and numnet's own 1 are no figures."""
    text = """## A step

| batch | 1 | 8 |
| --- | ---: | ---: |
| numnet | 1 | - |
| a | 2 (**0.5**) | 3 (1.5) |
| c | -, no compiler | - |

| batch | 1 |
| --- | ---: |
| b | **2** |
"""
    assert losses.lost_in(text) == [("A step", "batch 1", 2, 2)]
    assert losses.told("| a |\n| --- |\n") == "In no figure of the tables does numnet lose."


@pytest.mark.parametrize(
    ("low", "median", "high", "said"),
    [(1.1, 1.2, 1.3, "met"), (0.8, 1.2, 1.3, "undecided"), (0.8, 0.9, 1.3, "undecided"), (0.7, 0.8, 0.9, "**missed**")],
)
def test_a_goal_inside_its_interval_is_undecided(low: float, median: float, high: float, said: str) -> None:
    found = Figure(median, low, high, 6, True)
    assert verdict(found, 1.0, at_most=False) == said
    assert verdict(Figure(2 - median, 2 - high, 2 - low, 6, True), 1.0, at_most=True) == said
    assert verdict(found._replace(rounds=0), 1.0, at_most=True) == "not measured"


def test_where_every_row_was_disturbed_it_is_said_once() -> None:
    header, rows = ("", "ms", "times"), [("a", "1.5°", "1"), ("b", "**2**°", "-")]
    once = marked(header, rows, [("c", "-, no compiler", "-")])
    assert once.startswith("Every figure")
    assert "°" not in once
    assert "| c | -, no compiler | - |" in once


def test_where_any_figure_was_undisturbed_the_signs_stay() -> None:
    """Each row has a disturbed figure, but one of the four is not."""
    some = marked(("", "ms", "times"), [("a", "1.5°", "3°"), ("b", "2.5°", "4")])
    assert some.startswith("° marks")
    assert "| a | 1.5° | 3° |" in some
    assert "| b | 2.5° | 4 |" in some


def test_a_row_of_products_is_of_the_calmest_where_one_of_its_numbers_of_threads_must_be(tmp_path: Path) -> None:
    """On one thread six rounds of 14 are quiet, at 2; on two none are: both count 11, six of 2 and five of 4."""
    store = Store(tmp_path)
    for i in range(14):
        value = {"flops": 48e9, "numnet": 1.0, "openblas": 2.0 if i < 6 else 4.0, "peak_gflops": 100.0}
        for threads in (1, 2):
            case = {"threads": threads, "kind": "forward", "shape": "128 x 128 x 10"}
            store.add(
                Sample("products", "numnet", case, i, value, 4e-4 if i < 6 and threads == 1 else 9e-4, commit="abc")
            )
        store.add(Sample("products", "numnet", {"threads": 2}, i, "", 4e-4, commit="abc"))  # what quiet is
    row = line(products.section(Results(store)), "| a @ b 128 x 128 x 10")
    assert row == "| a @ b 128 x 128 x 10 | 48 | 2.00 (2.00 to 4.00) | 48 | 2.00 (2.00 to 4.00) |"


def test_how_much_the_probe_rejects_is_counted(tmp_path: Path) -> None:
    """Of 18 turns 6 are disturbed; the ratios are those of one rival in two cases and of another in one of them."""
    store = Store(tmp_path)
    for i in range(6):
        for name, net, probe in (("a", "tutorial", 4e-4), ("a", "intended", 9e-4), ("b", "intended", 4e-4)):
            value = {"ms": 1.0, "numnet": 1.0}
            store.add(Sample("step", name, {"net": net, "threads": 2}, i, value, probe, commit="abc"))
    told = report.how(Results(store))
    assert "33% to 33% disturbed, so that of the 3 ratios to numnet in steps, sweeps and answers 2 are of" in told


def test_a_ratio_is_of_a_rivals_own_undisturbed_turns(tmp_path: Path) -> None:
    """Of eight turns a's six undisturbed ones are 2 times numnet's; b has five, at 3, and one of the others, at 9."""
    store = Store(tmp_path)
    for i in range(8):
        for name, calm, slow in (("a", 6, 2.0), ("b", 5, 3.0)):
            probe, ratio = (4e-4, slow) if i < calm else (9e-4, 9.0)
            case = {"net": "tutorial", "threads": 2}
            store.add(Sample("step", name, case, i, {"ms": ratio, "numnet": 1.0}, probe, commit="abc"))
    ratios = Results(store).ratios("step", "ms", net="tutorial")
    assert (ratios["a"].median, ratios["a"].high, ratios["a"].quiet) == (2.0, 2.0, True)
    assert (ratios["b"].median, ratios["b"].high, ratios["b"].quiet) == (3.0, 9.0, False)


def test_of_a_round_the_undisturbed_turns_count_where_everybody_has_six_such_rounds(tmp_path: Path) -> None:
    """numnet's two turns are 2 ms and, disturbed, 4; in six rounds a rival is undisturbed, or but in five."""
    for calm, told in ((6, 2.0), (5, 3.0)):
        store = Store(tmp_path / str(calm))
        for i in range(6):
            case = {"net": "tutorial", "threads": 2}
            for turn, probe in enumerate((4e-4, 9e-4)):
                value = {"ms": 2.0 + 2 * turn}
                store.add(Sample("step", "numnet_numba", case | {"turn": turn}, i, value, probe, commit="abc"))
            probe = 4e-4 if i < calm else 9e-4
            store.add(Sample("step", "jax_scan", case, i, {"ms": 6.0, "numnet": 3.0}, probe, commit="abc"))
        assert Results(store).medians("step", "ms", net="tutorial")["numnet_numba"].median == told


def test_the_races_settings_stand_there_with_their_trials(tmp_path: Path) -> None:
    store, of_256 = Store(tmp_path), {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}
    for seed, accuracy in enumerate((0.983, 0.981, 0.982)):
        store.add(Sample("search", "numnet_numba", of_256, seed, accuracy, commit="abc"))
    for name, met in (("jax_scan", True), ("keras_fit", False)):
        store.add(Sample("trial", name, of_256, 0, {"seconds": 7.0, "met": met}, commit="abc"))
    race = {"marks": [[6.0, 0.981]], "met": True, "settings": of_256}
    store.add(Sample("race", "jax_scan", {"target": 0.98}, 0, race, commit="abc"))
    page = report.page(Results(store))
    assert "| 256, 3 epochs, 0.004 | 98.10% | cleared |" in page
    assert "| keras_fit | not met |\n| jax_scan | 7 |" in page
    assert line(page, "| jax_scan |").endswith("| 1 of 1 | 256, 3 epochs, 0.004 | 98.10% |")


def test_a_run_that_crashed_is_one_that_did_not_meet_the_mark(tmp_path: Path) -> None:
    """Of five runs in 6 s two crash, so that the median is of the slower; of three processes one."""
    store, settings = Store(tmp_path), {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}
    for i in range(5):
        run = {"marks": [[6.0 + i, 0.981]], "met": True, "settings": settings}
        store.add(
            Sample("race", "jax_scan", {"target": 0.98}, i, run if i < 3 else {"failed": "no room"}, commit="abc")
        )
    done = {"seconds": 5.0, "until": 2.0, "mib": 200.0, "cpu_seconds": 6.0, "accuracy": 0.91}
    for i in range(3):
        store.add(Sample("process", "jax_scan", {"cache": "warm"}, i, done if i else {"failed": "hung"}, commit="abc"))
    page = report.page(Results(store))
    assert line(page, "| jax_scan | 8 (6 to ").endswith("| 3 of 5 | 256, 3 epochs, 0.004 | 98.10% |")
    assert "2 of the runs of jax_scan failed: no room." in page
    assert "1 of the runs of jax_scan failed: hung." in page


def test_a_goal_counts_numnets_crashes(tmp_path: Path) -> None:
    """Three of five runs are in time, in 3 s, and two crash; without those the interval would end at 3."""
    store, settings = Store(tmp_path), {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}
    for i in range(5):
        run = {"marks": [[3.0, 0.981]], "met": True, "settings": settings, "stages": {}}
        found = run if i < 3 else {"failed": "no room"}
        store.add(Sample("race", "numnet_numba", {"target": 0.98}, i, found, commit="abc"))
    assert line(report.page(Results(store)), "| seconds to 98 % |") == (
        "| seconds to 98 % | 3 s (3 to ∞) | at most 5 s: undecided | at most 5 s: undecided |"
    )


@pytest.mark.parametrize("job", ["step", "predict", "batch", "neighbour"])
def test_who_falls_in_the_middle_is_told_of(job: str, tmp_path: Path) -> None:
    store, case = Store(tmp_path), {"net": "intended", "threads": 2, "batch": 8, "width": 64}
    figures = dict.fromkeys(("ms", "p50", "p99", "images_per_second", "alone", "busy", "numnet"), 2.0)
    for i in range(3):
        store.add(Sample(job, "numnet_numba", case, i, figures, 4e-4, commit="abc"))
        value = figures if i < 2 else {"failed": "its process ended"}
        store.add(Sample(job, "jax_scan", case, i, value, 4e-4, commit="abc"))
    assert "1 of the runs of jax_scan failed: its process ended." in report.page(Results(store))


def test_of_two_climbs_the_longer_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for rounds, title in ((9, "the long climb"), (3, "a look")):
        rung = {
            "kind": "forward", "shape": [8, 8, 8], "threads": 1, "name": "openblas", "rung": 1, "title": title,
            "reason": "", "function": "", "compile_seconds": 0, "slice": None, "assembly": None, "seconds": 1.0,
            "gflops": 1.0, "peak_gflops": 2.0,
        }  # fmt: skip
        lines = [rung | {"round": i} for i in range(rounds)]
        store.add(Sample("ladder", "numnet", {"rounds": rounds}, 0, lines, commit="abc"))
    text = ladder.page(Results(store))
    assert "the long climb" in text
    assert "a look" not in text


def test_what_a_clock_found_is_told_in_place_of_guesses(tmp_path: Path) -> None:
    """Of an answer products take 60 + 20 µs and ReLU 5; of compiling in 7 s functions take 4; a copy is 10 % or 2 %."""
    store = Store(tmp_path)
    calls = [["matmul", 1568, 60.0], ["relu", 0, 5.0], ["matmul", 20, 20.0]]
    functions = [[name, 1, seconds] for name, seconds in zip("abcdef", (2.0, 1.0, 0.4, 0.3, 0.2, 0.1), strict=True)]
    for question, value in (
        ("predict", {"numba": {"answer": 140.0, "calls": calls, "between": 50.0}}),
        ("compile", {"seconds": 7.0, "functions": functions}),
        ("pack", {"products": [{"seconds": 1.0, "packing": 0.1}, {"seconds": 1.0, "packing": 0.02}]}),
        ("train", {"stages": {"start": 0.2, "end": 6.0}, "first": 2.3, "later": 3.2, "between": 0.15, "after": 3.3}),
    ):
        store.add(Sample("clock", "numnet", {"of": question}, 0, value, commit="abc"))
    for cache, seconds in (("warm", 0.5), ("empty", 8.0)):
        run = {"data_seconds": 0.3, "compile_seconds": seconds, "train_seconds": 4.0, "seconds": 6.0, "mib": 230.0}
        store.add(Sample("process", "train", {"cache": cache}, 0, run, commit="abc"))
    results = Results(store)
    assert "products 80, activations 5, between them, with the clocks themselves, 50, and 140" in reasons.of_one_image(
        results
    )
    assert reasons.of_compiling(results).endswith(
        "it took 7 s: `a` 2, `b` 1, `c` 0.4, `d` 0.3, `e` 0.2, 1 other functions 0.1, and what is no function's own, "
        "as importing and writing files, 3"
    )
    told = reasons.of_process(results)
    assert "are: start 0.2, end 6; a step takes 3.2 ms there, one of the first hundred 2.3, and between two" in told
    product = {"flops": 1e9, "numnet": 0.02, "openblas": 0.01, "peak_gflops": 100.0}
    case = {"threads": 1, "kind": "forward", "shape": "512 x 512 x 512"}
    store.add(Sample("products", "numnet", case, 0, product, commit="abc"))
    assert "takes 2.0% to 10.0% of a large product" in reasons.of_products(results, 1)


def test_what_was_left_out_is_a_row_with_its_reason(tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = {"seconds": 5.0, "until": 2.0, "mib": 200.0, "cpu_seconds": 6.0, "accuracy": 0.91}
    store.add(Sample("process", "numnet_numba", {"cache": "warm"}, 0, runs, commit="abc"))
    store.add(Sample("process", "jax_jit", {"cache": "warm"}, 0, {"failed": "left out for time: JAX"}, commit="abc"))
    assert line(report.page(Results(store)), "| jax_jit").startswith("| jax_jit | -, left out for time: JAX | - |")


def test_an_empty_cache_is_told_with_the_race(tmp_path: Path) -> None:
    """Of three runs each: until step 143 numnet takes 2 s, with an empty cache 11."""
    store = Store(tmp_path)
    for i in range(3):
        for cache, until in (("warm", 2.0), ("empty", 11.0)):
            run = {"seconds": 5.0, "until": until, "mib": 200.0, "cpu_seconds": 6.0, "accuracy": 0.91}
            store.add(Sample("process", "numnet_numba", {"cache": cache}, i, run, commit="abc"))
    marks = {"marks": [[6.0, 0.981]], "met": True, "settings": {"batch_size": 256, "epochs": 3, "learning_rate": 4e-3}}
    store.add(Sample("race", "numnet_numba", {"target": 0.98}, 0, marks, commit="abc"))
    assert "so many seconds come on top until step 143 of `tutorial`: numnet_numba 9." in report.page(Results(store))


@pytest.mark.parametrize(("version", "told"), [("2.0+cpu", "the build for CPUs."), ("2.0", "the usual build, which")])
def test_which_pytorch_was_weighed_is_told_by_its_version(version: str, told: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    weight = {"megabytes": 700.0, "packages": 10, "largest": "torch", "version": version}
    store.add(Sample("install", "PyTorch", {}, 0, weight, commit="abc"))
    assert f"PyTorch is {version}, {told}" in report.page(Results(store))


def test_a_slow_answer_is_told_what_its_weights_and_calls_take(tmp_path: Path) -> None:
    """500,000 weights of 4 bytes are 2 MB: 100 µs at 20 GB/s."""
    store = Store(tmp_path)
    told = {"p50": 150.0, "p99": 300.0, "images_per_second": 1e5}
    store.add(Sample("predict", "numnet_numba", {"net": "intended"}, 0, told, commit="abc"))
    profile = {
        "step": 2.0, "calls": [["matmul", 100, 1.0], ["matmul", 50, 0.5], ["adam", 0, 0.25]], "between": 0.25,
        "peak_gflops": 100.0, "read_gigabytes": 20.0, "update_gigabytes": 30.0, "gathering": 0.1, "parameters": 500_000,
    }  # fmt: skip
    store.add(Sample("parts", "numnet", {"net": "intended", "threads": 2}, 0, profile, commit="abc"))
    call = {"flops": 2, "numnet": 5e-6, "openblas": 2e-6, "peak_gflops": 100.0}
    kind, shape = products.CALL
    store.add(Sample("products", "numnet", {"threads": 2, "kind": kind, "shape": shape}, 0, call, commit="abc"))
    reason = line(report.page(Results(store)), "- one image through")
    assert "reads 2 MB of weights, which takes 100 µs at the 20 GB/s of a pass that only reads" in reason
    assert "each of its products costs 5 µs" in reason


def test_what_only_noise_leaves_open_has_no_other_reason(tmp_path: Path) -> None:
    """1.5 to 3 times as long beside a neighbour: neither 2 nor 2.5 is decided."""
    store = Store(tmp_path)
    for i, busy in enumerate((3.0, 4.2, 6.0)):
        case = {"net": "intended", "threads": 2}
        store.add(Sample("neighbour", "numnet_numba", case, i, {"alone": 2.0, "busy": busy}, commit="abc"))
    reason = line(report.page(Results(store)), "- with a busy neighbour")
    assert (
        reason == "- with a busy neighbour on one core, times as long: undecided: the interval of their rounds "
        "has the goal within it"
    )


def test_the_minutes_are_of_each_jobs_newest_run(tmp_path: Path) -> None:
    """`step` was run in two parts, of 3 and 4 minutes, and `race` again with other code: 5 minutes, not 9."""
    store = Store(tmp_path)
    for job, part, minutes, code in (("step", 0, 3.0, "a"), ("race", 0, 9.0, "a"), ("step", 1, 4.0, "a")):
        store.add(Sample("minutes", job, {}, part, minutes, commit=code))
    store.add(Sample("minutes", "race", {}, 0, 5.0, commit="b"))
    assert "All jobs together took 12 minutes, in runs of 2 commits: step 7, race 5." in report.how(Results(store))
