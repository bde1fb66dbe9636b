"""Notes on what the tables leave out, and where it is: columns that do not fit, components that are too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klbench.report.field import headings
from klbench.report.summary import Chart, Summary
from klbench.report.table import Drawing, drawing
from klbench.wording import joined


def elsewhere(summaries: Sequence[Summary], width: int) -> Iterator[str]:
    """A sentence on the columns and components that the tables of these pairs leave out at this width."""
    main = [chart for summary in summaries for chart in summary.charts if not chart.spare]
    hidden = list(dict.fromkeys(header for chart in main for header in left_out(chart, width)))
    if hidden:
        needed = max(Drawing.fullest(chart).width for chart in main)
        yield (
            f"not shown, because the terminal is too narrow: {joined(hidden)}. results.csv has them, and a terminal "
            f"of {needed} columns shows them."
        )
    if any(_hides_components(summary, width) for summary in summaries):
        yield "components.csv has the gradients component by component."


def left_out(chart: Chart, width: int) -> Iterator[str]:
    """The headers of the fullest layout whose numbers the one that fits does not show."""
    drawn = drawing(chart, width)
    shown = {column for field in (drawn.layout if drawn else ()) for column in field.columns}
    for heading in headings(chart.layouts[0]):
        for field, header in zip(heading.fields, heading.whole, strict=True):
            if not shown.issuperset(field.columns):
                yield header


def _hides_components(summary: Summary, width: int) -> bool:
    """Whether the pair has components of gradients that none of its tables shows in full."""
    drawings = [drawing(chart, width) for chart in summary.charts if chart.spare]
    return summary.has_components and not any(drawn and drawn.is_fullest for drawn in drawings)
