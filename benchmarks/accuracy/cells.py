"""How the figures of the page are written."""

from collections.abc import Iterable

from benchmarks.accuracy import table as asked
from benchmarks.accuracy.figures import accuracy_of, interval
from benchmarks.report.markdown import number
from numnet.training.standings import Spread

SINCE_CHANGED = "\\*"  # behind a commit: what trains is no longer as it was then


def percent(wrong: float) -> str:
    """The accuracy that so many errors leave; three digits behind the point only where a mean needs them."""
    return f"{100 * accuracy_of(wrong):.{2 if wrong == int(wrong) else 3}f} %"


def seconds(found: float | None) -> str:
    """A tenth of a second counts below a hundred of them."""
    return "-" if found is None else f"{found:.1f}" if found < 100 else number(found)


def ends(wrong: float) -> str:
    """The 95 % interval of the accuracy that so many errors leave."""
    return "{:.2f} to {:.2f}".format(*(100 * end for end in interval(wrong)))


def mean(found: Spread | None) -> str:
    """Of what is known of some runs."""
    return "-" if found is None else number(found.mean)


def most(found: Spread | None) -> str:
    """The largest of what is known of some runs."""
    return "-" if found is None else number(found.most)


def commit(name: str | None, code: str, current: str) -> str:
    """Where code can be found again, and whether it is still the current one; its digest where there was no git."""
    return f"{name or code}{SINCE_CHANGED * (code != current)}"


def commits(names: Iterable[str]) -> str:
    """Each once."""
    return ", ".join(sorted(set(names)))


def on(data: str) -> str:
    """Such as " on Fashion-MNIST"; nothing for MNIST."""
    return "" if data == asked.MNIST else f" on {data}"


def bold(state: str) -> str:
    """What was missed stands out."""
    return f"**{state}**" if state == "missed" else state
