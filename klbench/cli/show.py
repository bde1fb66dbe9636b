"""Showing results: tables to stdout with the notes of each pair under it, on stderr."""

from __future__ import annotations

import sys

from rich.text import Text

from klbench.cli import output
from klbench.report.bullets import bullets
from klbench.report.console import console_for
from klbench.report.elsewhere import elsewhere
from klbench.report.legend import legend
from klbench.report.narrow import spelled
from klbench.report.summary import Summary, summaries
from klbench.report.table import Tables, heading
from klbench.results import Results


def show_tables(results: Results, *, notes: bool) -> None:
    """Pair by pair: heading, table, notes; the marks explained at the end."""
    all_pairs = list(summaries(results))
    for number, summary in enumerate(all_pairs):
        if number:
            output.text("\n")
        output.data(heading(summary))
        output.data(Tables(summary))
        if notes:
            _show_notes(summary, named=not sys.stdout.isatty())
    output.text("\n")
    width, encoding = console_for(sys.stdout).width, sys.stdout.encoding or "utf-8"
    for sentence in (*legend(all_pairs, width, encoding), *elsewhere(spelled(all_pairs, encoding), width)):
        output.data(Text(sentence, style="dim"))


def show_document(text: str, results: Results, *, notes: bool) -> None:
    """A text for another program to stdout, every note to stderr."""
    output.document(text)
    for summary in summaries(results) if notes else ():
        _show_notes(summary, named=True)


def _show_notes(summary: Summary, *, named: bool) -> None:
    """The notes of a pair; ``named`` after it, where its table is not right above."""
    if summary.notes:
        output.remark(bullets([f"{summary.name}: {note}" if named else note for note in summary.notes]))
