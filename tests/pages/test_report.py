"""The page of results: valid, alone, complete without scripts, and no name ever becomes markup."""

from __future__ import annotations

import csv
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from io import StringIO
from math import isnan

import pytest

from klbench.errors import RunError
from klbench.figures.canvas import INSTALL
from klbench.pages.report import to_page
from klbench.pages.run import Run
from klbench.report.console import UNLIMITED
from klbench.report.legend import legend
from tests.pages.checker import Element, read
from tests.pages.runs import HOSTILE, SPECS, files, read_back


def table_of(root: Element, caption: str) -> Element:
    (found,) = (each for each in root.all("table") if each.one("caption").text == caption)
    return found


@pytest.mark.parametrize("name", SPECS)
def test_a_run_is_a_valid_page(name: str) -> None:
    run = read_back(name)
    root = read(to_page([run]))
    assert root.one("h1").text == name
    assert root.text.count(run.question) >= 1
    for summary in run.summaries:
        assert summary.name in [each.text for each in root.all("h2")]
        for said in (summary.divergence, summary.facts, *summary.distributions, *summary.notes):
            assert said in root.text


@pytest.mark.parametrize("name", SPECS)
def test_its_tables_have_the_rows_of_the_file(name: str) -> None:
    """Every row of results.csv has its line, whose numbers to sort by are those of the row."""
    run = read_back(name)
    tables = [table for table in read(to_page([run])).all("table") if "component" not in table.one("caption").text]
    found: list[str] = []
    for table in tables:
        for row in table.all("tr"):
            found += [cell.attributes["data-sort"] for cell in row.all("td") if "data-sort" in cell.attributes]
    wanted = [line["stdev_over_true"] for line in csv.DictReader(StringIO(files(name)["results.csv"]))]
    assert [each for each in wanted if each]
    assert set(filter(None, wanted)) <= set(found)


def test_what_is_said_is_what_the_terminal_says() -> None:
    run = read_back("gradients")
    root = read(to_page([run]))
    for sentence in legend(run.summaries, UNLIMITED):
        assert sentence in root.text


def test_it_has_the_manifest_the_spec_and_the_names_of_the_files() -> None:
    run = read_back("gradients")
    root = read(to_page([run]))
    details = root.one("details")
    assert run.manifest["results_sha256"] in details.text
    assert files("gradients")["spec.yaml"] in details.one("pre").text
    assert "results.csv, components.csv, manifest.json, spec.yaml" in details.text


def test_several_runs_have_contents_and_one_legend() -> None:
    runs = [read_back(name) for name in SPECS]
    root = read(to_page([*runs, runs[0]]))
    links = [link.attributes["href"] for link in root.one("nav").all("a")]
    assert links == ["#values", "#grid", "#gradients", "#sequences", "#components", "#values-2", "#how-to-read-it"]
    assert [each.text for each in root.all("h2")].count("How to read it") == 1
    assert len(root.all("svg")) >= 4


def test_the_same_files_are_the_same_bytes() -> None:
    assert to_page([read_back("values")]) == to_page([read_back("values")])


def test_paper_is_light() -> None:
    style = read(to_page([read_back("values")])).one("style").text
    assert style.count("prefers-color-scheme:dark") == style.count("screen and (prefers-color-scheme:dark") == 2


def test_only_its_own_script_may_run() -> None:
    page = to_page([read_back("values")])
    root = read(page)
    own = b64encode(sha256(root.one("script").text.encode()).digest()).decode()
    policy = next(each for each in root.all("meta") if "http-equiv" in each.attributes)
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{own}'" in policy.attributes["content"]


def hostile(text: str) -> Run:
    """A run in which whatever a user or a model may name has this text."""
    run = read_back("gradients")
    results = run.results
    (case,) = results.cases
    rows = tuple(replace(row, estimator=text, follows=text) for row in case.rows)
    cases = (replace(case, case=replace(case.case, pair=text), rows=rows, notes=(text,)),)
    spec = replace(results.spec, name=text, description=text, written=text)  # type: ignore[type-var]
    made = replace(results, spec=spec, cases=cases, device=text)
    return Run(made, {**run.manifest, "command": text, text: text, "versions": {text: text}}, (text,))


@pytest.mark.parametrize("text", [*HOSTILE, "\x00\x1b[31m", "‮drawkcab", "a" * 50])
def test_names_never_become_markup(text: str) -> None:
    root = read(to_page([hostile(text)]))
    assert root.one("h1").text == re.sub("[\x00\x1b]", "\ufffd", text)
    assert {each.name for each in root.all()} <= {each.name for each in read(to_page([read_back("gradients")])).all()}


def test_half_a_character_in_the_manifest_is_no_page_that_cannot_be_written() -> None:
    run = read_back("values")
    page = to_page([replace(run, manifest={**run.manifest, "command": json.loads('"\\ud800"')})])
    assert "\ufffd" in read(page.encode().decode()).one("details").text


def test_without_scripts_everything_is_there() -> None:
    """Nothing is hidden that a script would have to show, and no button stands there that does nothing."""
    root = read(to_page([read_back(name) for name in SPECS]))
    assert not [each for each in root.all() if "hidden" in each.attributes]
    assert not root.all("button")


def test_repeated_labels_are_in_every_row() -> None:
    root = read(to_page([read_back("grid")]))
    table = table_of(root, "Values of shift")
    rows = [row for body in table.all("tbody") for row in body.all("tr")]
    keys = [float(row.all("td")[0].attributes["data-sort"]) for row in rows]
    assert keys == [mu for mu in (0.1, 1, 2) for _ in range(4)]


def test_infinite_and_missing_numbers_can_be_sorted() -> None:
    root = read(to_page([read_back("values")]))
    keys = [each.attributes["data-sort"] for each in root.all("td") if "data-sort" in each.attributes]
    assert "inf" in keys
    assert "" in keys
    assert not any(isnan(float(each)) for each in keys if each)


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(RunError) as refused:
        to_page([read_back("values")])
    assert refused.value.help == (INSTALL,)
    assert refused.value.exit_status == 3
