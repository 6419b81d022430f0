"""The file of a sweep's results: what is in it is found again, and what is not its own is refused and left alone."""

import json
import os
from pathlib import Path

import pytest

from numnet.errors import DataError
from numnet.training.grid import Trial
from numnet.training.results import Entry, Results
from numnet.training.standings import Spread, spread, standings
from numnet.training.sweeping import Row

TIMES = ("2026-01-02T03:04:05.678+00:00", "2026-01-02T03:05:05.678+00:00")


def trial(seed: int = 0, learning_rate: float = 0.1) -> Trial:
    return Trial("strong", {"learning_rate": learning_rate}, seed, "numba", None, "6a353b2", "d161")


def entry(which: Trial, *, resumed: bool = False, peak_mib: float = 100.0, **train: float | None) -> Entry:
    return Entry(which, train, None, 0, peak_mib, resumed, *TIMES)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    results = Results(path := tmp_path / "sweep.jsonl")
    for seed in range(3):
        results.add(entry(trial(seed), test_accuracy=0.5 + seed / 8))
    return path


def test_what_is_added_is_found_again(file: Path) -> None:
    found = Results(file)
    assert not found.mended
    assert [one.trial.seed for one in found.finished.values()] == [0, 1, 2]
    assert found.finished[trial(2).key] == entry(trial(2), test_accuracy=0.75)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[1]["trial"] == {
        "recipe": "strong", "changes": {"learning_rate": 0.1}, "seed": 1, "kernels": "numba", "data": None,
        "code": "6a353b2", "data_sha256": "d161",
    }  # fmt: skip


def test_a_failed_run_is_written_down_and_is_to_be_done_again(file: Path) -> None:
    Results(file).add(Entry(trial(7), None, "exit code 2: the loss is nan", 2, 50.0, False, *TIMES))
    assert len(file.read_text().splitlines()) == 4
    assert trial(7).key not in Results(file).finished


@pytest.mark.parametrize("cut", [2, 30, 300])
def test_a_torn_last_line_is_cut_off_and_nothing_else(file: Path, cut: int) -> None:
    content = file.read_bytes()
    assert len(content.splitlines()[-1]) > 300
    file.write_bytes(content[:-cut])
    found = Results(file)
    assert found.mended
    assert len(found.finished) == 2
    found.add(entry(trial(2), test_accuracy=0.75))
    assert file.read_bytes() == content


def test_a_whole_last_line_that_lacks_its_end_counts(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    found = Results(file)
    assert not found.mended
    assert len(found.finished) == 3
    found.add(entry(trial(3), test_accuracy=0.75))
    assert file.read_bytes().startswith(content)
    assert len(Results(file).finished) == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"my notes", "line 1: b'my notes' is not what numnet writes here"),
        (b"my notes\n", "line 1: b'my notes' is not what numnet writes here"),
        (b'{"format": 2, "trial": {}}\n', "line 1: .* is not what numnet writes here"),
        (b'{"format": 1, "trial": {}}\n', "line 1: damaged"),
        (b'{"format": 1, \n', "line 1: damaged"),
        (b'{"format": 1, "trial": 5}\n', "line 1: damaged"),
        (b'{"format": 1, "trial": {"recipe": 3, "changes": {}}}\n', r"line 1: damaged \(recipe is 3\)"),
        (b'{"format": 1, "trial": {"recipe": "strong", "changes": [1]}}\n', r"damaged \(changes is \[1\]\)"),
    ],
)
def test_what_is_no_such_file_is_refused_and_left_as_it_was(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=words):
        Results(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == content


def test_a_damaged_line_amid_others_is_named(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:-20] + b"\n" + lines[2])
    with pytest.raises(DataError, match=r"line 2: damaged.* take the line out"):
        Results(file)


@pytest.mark.skipif(os.name != "posix", reason="the limit on a file's size is Unix's")
def test_a_disk_that_is_full_amid_a_line_leaves_the_file_as_it_was(file: Path) -> None:
    import resource

    results, before = Results(file), file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="no room for a line"):
            results.add(entry(trial(9)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert trial(9).key not in results.finished


# How settings compare


def test_several_numbers_in_short() -> None:
    # 1, 2 and 6: mean 3, squares of the differences 4 + 1 + 9 = 14, over n - 1 = 2 is 7
    assert spread([1, 2, None, 6]) == Spread(3, pytest.approx(7**0.5), 1, 6)
    assert spread([4]) == Spread(4, None, 4, 4)
    assert spread([None]) is None
    assert Spread(1, 2, 0, 3).times(10) == Spread(10, 20, 0, 30)


def test_settings_are_ordered_by_validation_accuracy_whatever_the_test_says() -> None:
    def row(learning_rate: float, seed: int, validation: float | None, test: float, seconds: float) -> Row:
        which, resumed = trial(seed, learning_rate), seconds < 1
        figures = {"validation_accuracy": validation, "test_accuracy": test, "train_seconds": seconds}
        return Row(which, Path("m"), "done", 1, entry=entry(which, resumed=resumed, **figures))

    rows = [
        row(0.1, 0, None, 0.99, 4), row(0.2, 0, 0.80, 0.95, 4), row(0.3, 0, 0.70, 0.1, 4),
        row(0.1, 1, None, 0.99, 4), row(0.2, 1, 0.82, 0.93, 8), row(0.3, 1, 0.98, 0.1, 0.5),
        Row(trial(2, 0.3), Path("m"), "failed", 2, entry=Entry(trial(2, 0.3), None, "why", -9, 1.0, False, *TIMES)),
    ]  # fmt: skip
    found = standings(rows)
    assert [one.test_accuracy for one in found] == [None, None, None]
    assert standings(rows, test=True)[2].test_accuracy == Spread(0.99, 0, 0.99, 0.99)
    assert [one.changes["learning_rate"] for one in found] == [0.3, 0.2, 0.1]
    assert (found[0].runs, found[0].done, found[0].failed) == (3, 2, 1)
    assert found[0].validation_accuracy == Spread(pytest.approx(0.84), pytest.approx(0.28 / 2**0.5), 0.70, 0.98)
    assert found[0].train_seconds == Spread(4, None, 4, 4)  # the other went on from a file: its seconds are not all
    assert found[1].train_seconds == Spread(6, pytest.approx(8**0.5), 4, 8)
    assert found[2].validation_accuracy is None
