"""Results in a notebook: the tables of the terminal as a piece of HTML, with their notes and what their marks mean.

It stands on its own, with no script and no address in it. Colours are only those that can be read on a light and on a
dark page; everything else has the colours of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from klbench.report.console import UNLIMITED
from klbench.report.field import DISAGREES, NO_ERROR_BAR, REGRESSED, UNTRUSTED, Field, Heading, headings
from klbench.report.legend import legend
from klbench.report.numbers import aligned
from klbench.report.summary import Block, Chart, Summary, summaries
from klbench.report.table import said
from klbench.results import Results

_AMBER, _RED, _GREEN, _BLUE = "#b8860b", "#d9534f", "#3a9d5d", "#3b8fc4"
"""Each has a contrast of 3 or more to white and to the near black of dark pages."""
_COLOURS = {"yellow": _AMBER, "red": _RED, "green": _GREEN, "cyan": _BLUE}
_MARKS = {UNTRUSTED: _AMBER, NO_ERROR_BAR: _AMBER, DISAGREES: _RED, REGRESSED: _BLUE}
_QUIET = "opacity:.65"
_LINE = "1px solid rgba(128,128,128,.5)"
_CELL = "padding:.1em .6em;border:0;background:none;white-space:pre;vertical-align:top;"
_NUMBERS = "font-family:monospace;text-align:right;"
_WORDS = "text-align:left;"


def to_html(results: Results) -> str:
    """The results as one HTML element; names from the user are escaped."""
    pairs = list(summaries(results))
    said = [*legend(pairs, UNLIMITED), *_elsewhere(pairs)]
    meanings = "".join(f"<div>{escape(sentence)}</div>" for sentence in said)
    parts = "".join(_section(summary) for summary in pairs)
    return f'<div class="klbench">{parts}<div style="{_QUIET};font-size:smaller">{meanings}</div></div>'


def _elsewhere(pairs: Iterable[Summary]) -> Iterator[str]:
    """The sentence on where components are if there are too many for a table."""
    if any(summary.has_components and not any(chart.spare for chart in summary.charts) for summary in pairs):
        yield "klbench.to_components_frame(results) has the gradients component by component."


def _section(summary: Summary) -> str:
    lines = [*summary.distributions, *filter(None, [summary.gradient])]
    about = "".join(f"<div>{escape(line)}</div>" for line in lines)
    notes = "".join(f"<li>{escape(note)}</li>" for note in summary.notes)
    return (
        f'<div style="margin-top:1em"><b>{escape(summary.name)}</b>&ensp;{escape(summary.divergence)}</div>{about}'
        f'<div style="{_QUIET}">{escape(summary.facts)}</div>'
        + "".join(map(_table, summary.charts))
        + (f"<ul>{notes}</ul>" if notes else "")
    )


def _table(chart: Chart) -> str:
    layout = chart.layouts[0]
    labels = () if chart.captioned else chart.label_headers
    header = "".join(map(_row, _header(labels, headings(layout))))
    cells = zip(*(_cells(field, chart.blocks) for field in layout), strict=True)
    body = "".join(_block(block, chart, len(layout), cells) for block in chart.blocks)
    style = f"border-collapse:collapse;margin:.5em 0;border:0;border-bottom:{_LINE}"
    return f'<table style="{style}"><thead>{header}</thead><tbody>{body}</tbody></table>'


def _header(labels: Sequence[str], names: Sequence[Heading]) -> Iterator[Sequence[str]]:
    """One line of headers, or two if several columns share a name."""
    lines = 2 if any(name.is_joint for name in names) else 1
    tall = f' rowspan="{lines}"' if lines > 1 else ""
    first = [_head(text, _WORDS, tall) for text in labels]
    for name in names:
        wide = f' colspan="{len(name.fields)}"' if name.is_joint else tall
        side = "text-align:center;" if name.is_joint else _side(name.fields[0])
        first.append(_head(name.name, side, wide))
    yield first
    if lines > 1:
        joint = [name for name in names if name.is_joint]
        yield [
            _head(text, _side(field)) for name in joint for text, field in zip(name.headers, name.fields, strict=True)
        ]


def _side(field: Field) -> str:
    return "text-align:right;" if field.numeric else _WORDS


def _block(block: Block, chart: Chart, width: int, cells: Iterator[Sequence[str]]) -> str:
    """The rows of a block, taken from ``cells``, with its caption above or its labels beside them."""
    rows = [[*next(cells)] for _ in block.rows]
    if not chart.captioned:
        rows[0] = [*(_cell(text, _WORDS, span=f' rowspan="{len(rows)}"') for text in block.labels), *rows[0]]
        return "".join(map(_row, rows))
    caption = _cell(block.caption, f"{_WORDS}font-style:italic;", span=f' colspan="{width}"')
    return "".join(map(_row, [[caption] * bool(block.caption), *rows]))


def _cells(field: Field, blocks: Sequence[Block]) -> list[str]:
    """A column, from top to bottom, its decimal points one below the other."""
    rows = [row for block in blocks for row in block.rows]
    texts = [*said(field, blocks)]
    kind = _NUMBERS if field.numeric else _WORDS
    texts = aligned(texts) if field.numeric else texts
    return [_cell(text, kind + _style(field.style(row))) for text, row in zip(texts, rows, strict=True)]


def _style(rich: str) -> str:
    """A style in Rich's words as CSS."""
    bold = "font-weight:bold;" if "bold" in rich else ""
    quiet = f"{_QUIET};" if "dim" in rich else ""
    return bold + quiet + "".join(f"color:{css};" for name, css in _COLOURS.items() if name in rich)


def _row(cells: Sequence[str]) -> str:
    return f'<tr style="background:none">{"".join(cells)}</tr>' if cells else ""


def _head(text: str, style: str, span: str = "") -> str:
    return f'<th{span} style="{_CELL}border-bottom:{_LINE};vertical-align:bottom;{style}">{escape(text)}</th>'


def _cell(text: str, style: str, span: str = "") -> str:
    inside = escape(text)
    for mark, colour in _MARKS.items():
        inside = inside.replace(mark, f'<span style="color:{colour}">{mark}</span>')
    return f'<td{span} style="{_CELL}{style}">{inside}</td>'
