"""What came out, in three sentences: how much faster than TensorFlow, where numnet loses, how many goals are met."""

from benchmarks import nets
from benchmarks.report import goals, losses
from benchmarks.report.markdown import section
from benchmarks.report.rows import Results


def summary(results: Results, tables: str) -> str:
    """The sentences that there are samples for, each a paragraph.

    tables : the text of the sections, whose bold figures are counted
    """
    return section(_faster(results), losses.told(tables) if tables else "", goals.tally(results))


def _faster(results: Results) -> str:
    told = []
    for net in nets.NETS:
        times = results.ratios("step", "ms", net=net, threads=2)
        rival = results.fastest(goals.TENSORFLOW, "step", "ms", net=net, threads=2)
        if rival in times:
            found = times[rival]
            told.append(f"{found.median:.2f} times as fast ({found.low:.2f} to {found.high:.2f}) on `{net}`")
    return (
        f"Beside the fastest way with TensorFlow numnet's training step is, on two threads, {' and '.join(told)}."
        if told
        else ""
    )
