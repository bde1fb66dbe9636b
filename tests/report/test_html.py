"""What a notebook shows: the tables of the terminal, escaped, on their own, and as HTML should be."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest

from klbench.report.console import UNLIMITED, rendered
from klbench.report.html import to_html
from klbench.report.legend import legend
from klbench.report.summary import summaries
from klbench.report.table import Tables, heading
from klbench.results import Results
from klbench.runner import run
from klbench.spec.read import read_text
from tests.report.made_up import GRID, K1, made_up

VOID = {"br", "meta"}
GRADIENTS = """\
name: g
measure: gradient
samples: 1000
estimators: [k1, k2, k3]
placements: [loss, reward]
pairs:
  - {name: tokens, q: "Categorical([0.5, 0.3, 0.2])", p: "Categorical([0.2, 0.3, 0.5])"}
  - {name: many, q: "Categorical([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])", p: "Categorical([0.05, 0.15,
     0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])"}
"""
TARGETS = """\
name: t
samples: 1000
estimators: [k1, forward_kl, chi2_pq]
pairs: [{q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0, 0.5]}}]
"""


class Reader(HTMLParser):
    """The elements that are open, and the texts, cell by cell."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.texts += [""] if tag in ("td", "th", "div", "li") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def words(text: str) -> set[str]:
    return set(re.sub(r"[─•]", " ", text).split())


@pytest.fixture(scope="module")
def measured() -> dict[str, Results]:
    return {text[6]: run(read_text(text), device="cpu", threads=1) for text in (GRADIENTS, TARGETS)} | {
        "m": made_up(GRID)
    }


@pytest.mark.parametrize("which", ["g", "t", "m"])
def test_it_says_what_the_terminal_says(measured: dict[str, Results], which: str) -> None:
    results, shown = measured[which], ""
    terminal = ""
    for summary in summaries(results):
        shown += rendered(Tables(summary), like=StringIO())
        terminal += rendered(heading(summary), like=StringIO()) + " ".join(["", *summary.notes, ""])
    said = " ".join([terminal, shown, *legend([*summaries(results)], UNLIMITED)])
    in_html = words(" ".join(read(to_html(results)).texts))
    assert words(said) - in_html == set()
    where = "klbench.to_components_frame(results) has the gradients component by component."
    assert in_html - words(said) <= words(where)
    assert (where in to_html(results)) == (which == "g")


@pytest.mark.parametrize("which", ["g", "t", "m"])
def test_every_row_of_a_table_is_as_wide_as_its_header(measured: dict[str, Results], which: str) -> None:
    for table in re.findall(r"<table.*?</table>", to_html(measured[which])):
        below: list[int] = []  # how many more rows each cell reaches that is several rows high
        widths = []
        for line in re.findall(r"<tr.*?</tr>", table):
            below = [rows - 1 for rows in below if rows > 1]
            spans = [int(span) for span in re.findall(r'colspan="(\d+)"', line)]
            widths.append(len(re.findall("<t[dh] ", line)) - len(spans) + sum(spans) + len(below))
            below += [int(rows) for rows in re.findall(r'rowspan="(\d+)"', line)]
        assert len({*widths}) == 1


def test_what_a_user_named_is_escaped() -> None:
    name = '<script>alert("x")</script> & <b>'
    results = made_up()
    pair = results.spec.pairs[0].model_copy(update={"name": name})
    spec = results.spec.model_copy(update={"pairs": (pair,)})
    estimator = "<i>:k&1"
    cases = tuple(
        replace(case, case=replace(case.case, pair=name), rows=(replace(K1, estimator=estimator),), notes=(name,))
        for case in results.cases
    )
    reader = read(to_html(replace(results, spec=spec, cases=cases)))
    assert {"script", "i"} & reader.tags == set()
    assert sum(name in text for text in reader.texts) == 2
    assert estimator in reader.texts


@pytest.mark.parametrize("which", ["g", "t", "m"])
def test_it_stands_on_its_own(measured: dict[str, Results], which: str) -> None:
    html = to_html(measured[which])
    assert not re.search(r"https?:|//|url\(|@import|\n", html)
    assert read(html).attributes <= {"class", "style", "rowspan", "colspan"}


@pytest.mark.parametrize("page", [(255, 255, 255), (17, 17, 17)], ids=["light", "dark"])
def test_colours_can_be_read(measured: dict[str, Results], page: tuple[int, int, int]) -> None:
    found = {colour for results in measured.values() for colour in re.findall(r"color:(#\w{6})", to_html(results))}
    assert found
    for colour in found:
        letters = tuple(int(colour[index : index + 2], 16) for index in (1, 3, 5))
        light, dark = sorted((luminance(letters), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3  # what accessibility asks of marks and large letters


def luminance(colour: tuple[int, ...]) -> float:
    """The relative luminance of WCAG 2."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
