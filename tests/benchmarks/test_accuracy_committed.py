"""The page of accuracy that is committed: of the lines that are committed, and what was missed is not passed over."""

import re
from pathlib import Path

import pytest

from benchmarks.accuracy.cells import SINCE_CHANGED
from benchmarks.accuracy.lines import Record
from benchmarks.accuracy.page import goals, page
from benchmarks.samples import RESULTS

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def record() -> Record:
    """The committed one."""
    return Record(RESULTS / "accuracy")


def test_the_page_is_what_its_command_writes(record: Record) -> None:
    """But for the marks of code that was changed since; `python -m benchmarks.accuracy --page` writes it anew."""
    committed = (ROOT / "docs" / "accuracy.md").read_text()
    assert committed.replace(SINCE_CHANGED, "") == page(record).replace(SINCE_CHANGED, "")


def test_of_every_goal_that_is_missed_is_said_what_was_tried(record: Record) -> None:
    text = goals(record)
    missed = re.findall(r"^\| (.*?) \|.*\*\*missed\*\*", text, re.MULTILINE)
    assert missed == re.findall(r"^- (.*?): ..", text, re.MULTILINE)
