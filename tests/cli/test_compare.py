"""``klbench compare``: its exit status, its formats, names that are markup, narrow terminals, and the library."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from klbench.compare.comparison import compare
from klbench.compare.documents import records
from klbench.compare.table import Table
from tests.cli.conftest import Done
from tests.compare.doctored import ROWS, write
from tests.pages.checker import read
from tests.report.made_up import made_up

Call = Callable[..., Done]
FAR = {"every": {"seed": 1}, "far/k3": {"stdev_over_true": 1.52}}
SCRIPT = "<script>alert(1)</script>|*x*"


def test_identical_results_are_one_sentence(call: Call, here: Path) -> None:
    write(here / "a")
    write(here / "b")
    assert call("compare", "a", "b") == Done(0, "identical: results.csv is the same, byte for byte (4 rows)\n", "")


@pytest.mark.parametrize("format", ["table", "markdown", "csv", "json", "html"])
def test_a_difference_fails_in_every_format(call: Call, here: Path, format: str) -> None:
    write(here / "a")
    write(here / "b", FAR)
    done = call("compare", "a", "b", "-f", format)
    assert (done.status, done.err) == (1, "failed: 1 number more than 5 errors apart\n")
    assert "different" in done.out
    assert call("compare", "a", "b", "-f", format, "--within", "0.2", "-q").status == 0


def test_strictly_rows_of_one_alone_and_changes_fail(call: Call, here: Path) -> None:
    write(here / "a")
    write(here / "b", {"far/k3": {"bias_over_true": 0.001}}, more=[{**ROWS[0], "estimator": "k2"}])
    assert call("compare", "a", "b").status == 0
    done = call("compare", "a", "b", "--strict")
    assert done.status == 1
    assert done.err == "failed: 1 number changed on the same draws, or in one alone and 1 row in one alone\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("a",), 2, "missing argument"),
        (("a", "none"), 2, "there is no none"),
        (("a", "mine.yaml"), 2, "not a CSV of klbench: no column 'pair'"),
        (("a", "."), 2, "there is no results.csv in ."),
        (("a", "a", "--within", "1 %"), 2, "is no share"),
        (("a", "a", "--within", "1.5"), 2, "is no share"),
        (("a", "a", "-f", "github"), 2, "allowed: table, markdown, csv, json, html"),
        (("a", ""), 2, "is empty"),
    ],
)
def test_a_wrong_call_is_refused(call: Call, here: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    write(here / "a")
    done = call("compare", *arguments)
    assert done.status == status
    assert said in done.err
    assert "Traceback" not in done.err


def test_csv_and_json_have_every_number(call: Call, here: Path) -> None:
    write(here / "a")
    write(here / "b", FAR)
    lines = list(csv.DictReader(StringIO(call("compare", "a", "b", "-f", "csv").out)))
    found = json.loads(call("compare", "a", "b", "-f", "json").out, parse_constant=lambda _: pytest.fail("no number"))
    assert len(lines) == len(found["numbers"]) == len(records(compare("a", "b")))
    assert [line["number"] for line in lines] == [number["number"] for number in found["numbers"]]
    assert [line["number"] for line in lines if line["fails"] == "yes"] == ["stdev_over_true"]
    assert found["holds"] is False
    assert found["told"] == ["far: k3's noise: 1.6950(30) → 1.5200(30), z = -41: different; 10 % less"]


def test_names_are_shown_and_never_obeyed(call: Call, here: Path) -> None:
    write(here / "a")
    write(here / "b", {**FAR, "close/k1": {"pair": SCRIPT}})
    write(here / "c", {"close/k1": {"pair": SCRIPT, "true": 0.9}, "every": {"seed": 2}})
    for pair in (("a", "b"), ("b", "c")):
        text = call("compare", *pair, "-f", "html").out
        page = read(text)  # strict: valid, nothing loaded, no script but the page's own
        assert page.one("h1").text == " → ".join(pair)
        assert "&lt;script&gt;" in text
        assert "prefers-color-scheme:dark" in text
    markdown = call("compare", "a", "b", "-f", "markdown").out
    assert "\\<script>alert(1)\\</script>\\|\\*x\\*" in markdown


def test_a_table_that_does_not_fit_is_sentences(here: Path) -> None:
    write(here / "a")
    write(here / "b", {**FAR, "close/k1": {"true": 0.7}})
    found = compare("a", "b")
    for width, is_table in ((120, True), (80, False), (40, False)):
        console = Console(file=StringIO(), width=width, highlight=False, markup=False)
        console.print(Table(found), crop=False)
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert max(map(len, shown.splitlines())) <= width
        assert ("verdict" in shown) is is_table
        assert "k3" in shown


def test_a_narrow_encoding_is_spelled_out(here: Path) -> None:
    write(here / "a")
    write(here / "b", FAR)
    console = Console(file=StringIO(), width=120, highlight=False, markup=False)
    console.print(Table(compare("a", "b"), "ascii"))
    assert console.file.getvalue().isascii()  # type: ignore[attr-defined]


def test_many_differences_are_counted(here: Path, call: Call) -> None:
    more = [{**ROWS[0], "pair": f"p{number}"} for number in range(60)]
    write(here / "a", more=more)
    write(here / "b", {"every": {"seed": 1}}, more=[{**row, "true": 0.7, "seed": 1} for row in more])
    done = call("compare", "a", "b")
    assert "20 more differences: -f csv has every number" in done.out


def test_results_compare_themselves(tmp_path: Path) -> None:
    results = made_up()
    found = results.compare(made_up())
    assert found.identical == ("results.csv",)
    assert "identical" in found._repr_html_()
    csv_text = results.to_frame().assign(seed=8, bias_over_true=0.9).to_csv(index=False)
    (tmp_path / "b.csv").write_text(csv_text)
    found = results.compare(os.fspath(tmp_path / "b.csv"), within=0.01)
    assert not found.holds()
    assert "<table" in found._repr_html_()
    frame = found.to_frame()
    assert list(frame[frame["fails"]]["number"]) == ["bias_over_true", "bias_over_true"]
    assert repr(found).startswith("<Comparison of made-up and ")
