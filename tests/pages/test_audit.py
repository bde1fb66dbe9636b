"""The page of the audit: everything is there without scripts, and every filter has what it needs."""

from __future__ import annotations

import json

from klbench.frameworks.catalogue import chosen
from klbench.identity.audit import STANDARD, audit
from klbench.pages.audit import to_page
from klbench.report.entries import default_place
from klbench.report.frameworks import LEGEND, alike_on, number_rows, ordered
from klbench.report.verdict import verdict
from tests.pages.checker import read


def test_it_is_a_valid_page_with_all_that_is_shipped() -> None:
    practices = audit()
    root = read(to_page(practices))
    for practice in practices:
        assert verdict(practice) in root.text
        for entry in practice.entries:
            assert entry.qualified in [code.text for code in root.all("code")]
    for sentence in LEGEND:
        assert sentence in root.text
    assert [form for form in root.all() if "hidden" in form.attributes] == [root.one("form")]


def test_what_it_filters_by_stands_on_each() -> None:
    practices = audit()
    root = read(to_page(practices))
    numbered = {str(item.number): item.practice for group in ordered(practices).values() for item in group}
    items = [item for item in root.all("li") if "data-practice" in item.attributes]
    assert {item.attributes["data-practice"] for item in items} == set(numbered)
    for item in items:
        practice = numbered[item.attributes["data-practice"]]
        assert json.loads(item.attributes["data-frameworks"]) == list(
            dict.fromkeys(entry.framework for entry in practice.entries)
        )
        assert json.loads(item.attributes["data-placement"]) == [default_place(practice.entry)]
    for select in root.all("select"):
        offered = {option.attributes["value"] for option in select.all("option")} - {""}
        assert offered == {
            value for item in items for value in json.loads(item.attributes[f"data-{select.attributes['name']}"])
        }


def test_its_numbers_are_those_of_the_document() -> None:
    practices = audit()
    numbered = [item for group in ordered(practices).values() for item in group]
    root = read(to_page(practices))
    for standard in STANDARD:
        (table,) = (each for each in root.all("table") if each.one("caption").text == f"Exact numbers, {standard.name}")
        rows = [
            [cell.text.strip() for cell in row.all() if cell.name in ("th", "td")]
            for row in table.one("tbody").all("tr")
        ]
        written = number_rows(numbered, standard.name)
        assert [row[1:] for row in rows] == [list(row[1:]) for row in written]
        links = [row.attributes["data-practices"] for row in table.one("tbody").all("tr")]
        alike = alike_on(numbered, standard.name).values()
        assert links == [" ".join(str(item.number) for item in group) for group in alike]


def test_a_part_of_the_audit_is_a_page_too() -> None:
    root = read(to_page(audit(chosen(["verl"])), lacking="no figure: pip install 'klbench[plot]'"))
    assert "no figure: pip install 'klbench[plot]'" in root.text
