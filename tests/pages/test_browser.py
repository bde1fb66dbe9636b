"""Pages in Chromium: no error on its console, tables sort, filters filter, and nothing is wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from klbench.identity.audit import audit
from klbench.pages.audit import to_page as to_audit
from klbench.pages.report import to_page
from tests.pages.browser import needs_browser, opened, probed
from tests.pages.runs import SPECS, read_back

pytestmark = needs_browser
CELLS = """
const table = [...document.querySelectorAll("table")].find(each => each.caption.textContent === caption);
const head = [...table.querySelectorAll("th[data-column]")].find(each => each.textContent === header);
const keys = () => [...table.tBodies].flatMap(body => [...body.rows])
  .filter(row => row.dataset.caption === undefined)
  .map(row => row.cells[Number(head.dataset.column)]).map(cell => cell.dataset.sort ?? cell.textContent);
const states = [[null, keys()]];
for (let click = 0; click < 3; click++) {
  head.querySelector("button").click();
  states.push([head.getAttribute("aria-sort"), keys()]);
}
return states;
"""


@pytest.fixture(scope="module")
def report() -> str:
    return to_page([read_back(name) for name in SPECS])


@pytest.fixture(scope="module")
def audited() -> str:
    return to_audit(audit())


def clicked(page: str, caption: str, header: str, folder: Path) -> list[tuple[str | None, list[str]]]:
    """A column before and after each of three clicks on its header."""
    states = probed(page, f"const caption = {caption!r}, header = {header!r}; {CELLS}", folder)
    return [(state, keys) for state, keys in states]


@pytest.mark.parametrize("which", ["report", "audited"])
def test_nothing_stands_on_the_console(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    seen = opened(request.getfixturevalue(which), tmp_path)
    assert seen.console == ()
    assert "</html>" in seen.document


def test_what_is_wrong_would_stand_on_the_console(report: str, tmp_path: Path) -> None:
    """A script that is not the page's own is kept out by its policy, which Chromium says."""
    seen = opened(report.replace("</body>", "<script>document.title = 'mine'</script></body>"), tmp_path)
    assert any("Content Security Policy" in line for line in seen.console)
    assert "<title>mine</title>" not in seen.document


def test_a_table_sorts_by_the_numbers_of_its_rows(report: str, tmp_path: Path) -> None:
    before, rising, falling, after = clicked(report, "Values of shift", "k < 0", tmp_path)
    numbers = [float(key) for key in before[1]]
    assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))
    assert rising == ("ascending", [key for _, key in sorted(zip(numbers, before[1], strict=True))])
    assert falling[0] == "descending"
    assert [float(key) for key in falling[1]] == sorted(numbers, reverse=True)
    assert after == before


def test_missing_numbers_come_last_both_ways(audited: str, tmp_path: Path) -> None:
    _, rising, falling, _ = clicked(audited, "Exact numbers, heavy-tailed", "noise", tmp_path)
    for _, keys in (rising, falling):
        there = [float(key) for key in keys if key]
        assert keys[len(there) :] == [""] * (len(keys) - len(there))
        assert there == sorted(there, reverse=keys is falling[1])
        assert float("inf") in there


def test_blocks_with_captions_are_sorted_each_by_itself(report: str, tmp_path: Path) -> None:
    before, rising, *_ = clicked(report, "Gradients of Gaussians", "follows", tmp_path)
    assert sorted(before[1]) == sorted(rising[1])


def test_filters_show_what_fits(audited: str, tmp_path: Path) -> None:
    probe = """
    const form = document.querySelector("form.filters");
    const shown = () => [...document.querySelectorAll("[data-practice]")].filter(item => !item.hidden);
    const all = shown().length;
    const set = (name, value) => { form.elements[name].value = value; form.dispatchEvent(new Event("input")); };
    set("frameworks", "verl");
    const verl = shown().map(item => item.dataset.frameworks);
    const rows = [...document.querySelectorAll("[data-practices]")].filter(row => !row.hidden).length;
    const said = form.querySelector("output").textContent;
    set("search", "low_var_kl");
    const both = shown().map(item => item.textContent);
    set("search", "there is no such word");
    const none = [shown().length, [...document.querySelectorAll("[data-kind]")].filter(part => !part.hidden).length];
    return {visible: !form.hidden, all, verl, rows, said, both, none};
    """
    found = probed(audited, probe, tmp_path)
    assert found["visible"]
    assert 0 < len(found["verl"]) < found["all"] == len(audit())
    assert all('"verl"' in each for each in found["verl"])
    assert found["said"] == f"{len(found['verl'])} of {found['all']} shown"
    assert found["rows"] > 0
    assert 0 < len(found["both"]) <= len(found["verl"])
    assert all("low_var_kl" in each for each in found["both"])
    assert found["none"] == [0, 0]


@pytest.mark.parametrize("width", [360, 600, 1200])
@pytest.mark.parametrize("which", ["report", "audited"])
def test_nothing_is_wider_than_the_page(which: str, width: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    probe = "return [view.innerWidth, document.documentElement.scrollWidth]"
    assert probed(request.getfixturevalue(which), probe, tmp_path, width) == [width, width]


def test_on_paper_no_table_is_cut(report: str, tmp_path: Path) -> None:
    """As wide as A4 between its margins, 182 mm."""
    probe = """
    return [...document.querySelectorAll("table")].filter(each => each.getBoundingClientRect().right > view.innerWidth)
      .map(each => each.caption.textContent)
    """
    printed = report.replace("@media print", "@media screen")
    assert printed != report
    assert 'class="sorts widest"' in report
    assert probed(printed, probe, tmp_path, 688) == []
