"""Letters spelled out before a table is laid out: its columns stay below their headers."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from math import inf, nan

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from klbench.report.console import rendered
from klbench.report.narrow import spelled
from klbench.report.summary import summaries
from klbench.report.table import Tables, heading
from klbench.results import Results
from tests.report import made_up_gradients
from tests.report.made_up import GRID, K1, K2, made_up

NO_VARIANCE = replace(K2, estimator="k3", bias_over_true_mcse=nan, stdev_over_true_mcse=inf, exact_stdev_over_true=inf)
RESULTS = {
    "values": made_up(GRID, rows=lambda _: (K1, K2, NO_VARIANCE), notes=("k̂ says ∞",)),
    "gradients": made_up_gradients.made_up(),
}


def drawn(content: object, encoding: str) -> str:
    return rendered(spelled(content, encoding), like=StringIO())  # type: ignore[arg-type]


@pytest.mark.parametrize("results", RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_table_has_its_columns_where_their_headers_are(results: Results, encoding: str) -> None:
    for summary in summaries(results):
        wide, narrow = (drawn(Tables(summary), each).splitlines() for each in ("utf-8", encoding))
        assert len(wide) == len(narrow)
        ruler = next(line for line in narrow if set(line) in ({"-"}, {"─"}))
        assert max(map(len, narrow)) == len(ruler)  # what is spelled out has its room
        columns = [len(line.split()) for line in wide]
        spaced = [len(line.replace("grad ", "grad").split()) for line in narrow]
        assert spaced == columns


def test_every_letter_of_what_is_shown_can_be_written() -> None:
    for results in RESULTS.values():
        for summary in summaries(results):
            for part in (heading(summary), Tables(summary)):
                assert drawn(part, "ascii").replace("─", "-").isascii()


def test_wide_encodings_change_nothing() -> None:
    content = Group("‖")
    assert spelled(content, "UTF-8") is content
    assert spelled(content, "utf8") is content


def test_whatever_is_shown_here_is_spelled() -> None:
    table = Table(Column("‖"), Column(Text("∞")))
    table.add_row("±", Text("k̂"))
    text = drawn(Group(Padding(table, 1), Text.assemble(("σσ", "bold"), "p²")), "ascii")
    assert text.isascii()
    for part in ("||", "inf", "+-", "khat", "sigma"):
        assert part in text


def test_a_style_stays_on_its_letters() -> None:
    text = spelled(Text.assemble("±", ("∞", "bold"), " ‖", ("x²", "red"), style="dim"), "ascii")
    assert text.plain == "+-inf ||x^2"
    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [("inf", "bold"), ("x^2", "red")]
    assert text.style == "dim"


def test_a_list_has_lines_of_ascii() -> None:
    table = Table("a", "b", box=SIMPLE_HEAD, show_edge=False)
    table.add_row("1", "2")
    assert {*drawn(table, "utf-8").splitlines()[1]} == {"─"}
    assert {*drawn(table, "ascii").splitlines()[1]} == {"-"}
