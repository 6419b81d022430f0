"""Objects on lines: what was added is found, what was torn is left out and written over, what is none is refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from numnet.errors import DataError
from numnet.training.json_lines import LineFile, made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = LineFile(path := tmp_path / "lines.jsonl")
    file.add({"a": 1})
    file.add({"a": None, "b": [2.5]})
    return path


def test_what_is_added_is_found_again(path: Path, tmp_path: Path) -> None:
    assert path.read_text() == '{"a": 1}\n{"a": null, "b": [2.5]}\n'
    assert LineFile(path).lines == [{"a": 1}, {"a": None, "b": [2.5]}]
    assert LineFile(tmp_path / "nowhere").lines == []


@pytest.mark.parametrize("torn", ['{"a"', "{", '{"a": 3'])
def test_a_torn_line_is_left_out_and_the_next_takes_its_place(path: Path, torn: str) -> None:
    before = path.read_text()
    path.write_text(before + torn)
    file = LineFile(path)
    assert (file.is_torn, len(file.lines)) == (True, 2)
    assert path.read_text() == before + torn  # whoever reads changes nothing
    file.add({"a": 4})
    assert path.read_text() == before + '{"a": 4}\n'


def test_a_line_without_its_end_is_whole(path: Path) -> None:
    before = path.read_text()
    path.write_text(before.rstrip("\n"))
    file = LineFile(path)
    assert (file.is_torn, len(file.lines)) == (False, 2)
    file.add({"a": 4})
    file.add({"a": 5})
    assert path.read_text() == before + '{"a": 4}\n{"a": 5}\n'


@pytest.mark.parametrize("line", ["nonsense\n", "nonsense", "[1]\n", '{"a": \n', "\n"])
def test_what_is_no_line_is_refused_by_its_place_and_left_alone(path: Path, line: str) -> None:
    before = path.read_text()
    path.write_text(before + line)
    with pytest.raises(DataError, match=r"lines\.jsonl, line 3: .*take the line out"):
        LineFile(path)
    assert path.read_text() == before + line


def test_nan_is_no_json(path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        LineFile(path).add({"a": float("nan")})
    assert len(LineFile(path).lines) == 2


@dataclass(frozen=True)
class Thing:
    name: str
    size: float
    parts: list[str]
    note: str | None = None


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"name": "n", "size": 1}, "parts"),
        ({"name": 3, "size": 1, "parts": []}, "name is 3"),
        ({"name": "n", "size": "1", "parts": []}, "size is '1'"),
        ({"name": "n", "size": 1, "parts": {}}, "parts is {}"),
        ({"name": "n", "size": 1, "parts": [], "note": 1}, "note is 1"),
    ],
)
def test_a_field_that_is_missing_or_of_another_kind_is_named(values: dict[str, Any], word: str) -> None:
    with pytest.raises(TypeError, match=word):
        made(Thing, values)


def test_what_has_no_field_is_left_out() -> None:
    assert made(Thing, {"name": "n", "size": 1, "parts": ["p"], "more": 2}) == Thing("n", 1, ["p"])
