"""Results as a Markdown document: for each pair a heading, its table in full and its notes, as GitHub renders them.

It has the columns of the table at a terminal, always the fullest layout. A Markdown table has no captions, so the case
and the target stand in columns of their own, in every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klbench.report.console import UNLIMITED
from klbench.report.elsewhere import elsewhere
from klbench.report.escaping import escaped
from klbench.report.field import headings
from klbench.report.legend import legend
from klbench.report.summary import Chart, Summary, summaries
from klbench.results import Results


def to_markdown(results: Results) -> str:
    """The results as a Markdown document."""
    pairs = list(summaries(results))
    parts = [_section(summary) for summary in pairs]
    said = (*legend(pairs, UNLIMITED), *elsewhere(pairs, UNLIMITED))
    meanings = [f"<sub>{escaped(sentence)}</sub><br>" for sentence in said]
    return "\n".join([f"# {escaped(results.spec.name)}", "", *parts, *meanings]) + "\n"


def _section(summary: Summary) -> str:
    distributions = ", ".join(f"`{text}`" for text in summary.distributions)
    said = ". ".join(filter(None, [distributions, summary.divergence, escaped(summary.gradient), summary.facts]))
    lines = [f"## {escaped(summary.name)}", "", f"{said}.", ""]
    for chart in summary.charts:
        lines += [*markdown_table(chart), ""]
    notes = [f"- {escaped(note)}" for note in summary.notes]
    return "\n".join([*lines, *notes, *[""] * bool(notes)])


def markdown_table(chart: Chart) -> Iterator[str]:
    """The lines of a table, in its fullest layout."""
    layout = chart.layouts[0]
    sides = ("--:" if field.numeric else ":--" for field in layout)
    yield _line([*chart.label_headers, *(header for heading in headings(layout) for header in heading.whole)])
    yield f"|{'|'.join([*[':--'] * len(chart.label_headers), *sides])}|"
    for block in chart.blocks:
        for row in block.rows:
            yield _line([*block.labels, *(field.show(row) for field in layout)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
