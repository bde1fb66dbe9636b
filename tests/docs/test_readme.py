"""README.md says what is so: its examples print what it shows, its names exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from klbench.cli.app import app
from klbench.cli.run import Format
from klbench.report import fields
from klbench.report.columns import COLUMNS
from tests.docs.documents import NAMES, ROOT, blocks, commands, links, performed, prose, text, timeless

README = text("README.md")
MAKE = re.compile(r"\bmake ((?:[a-z]+ ?)+)")


def table(header: str) -> list[list[str]]:
    """The cells of the table with this first header, row by row."""
    lines = README[README.index(f"| {header} |") :].splitlines()
    rows = lines[2 : lines.index("")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_examples_print_what_is_shown() -> None:
    for block, output in performed(README):
        assert timeless(block.body) == timeless(output), "python -m tests.docs.documents writes what is printed now"


def test_the_first_commands_are_the_two_that_ci_runs() -> None:
    first = blocks(README)[0]
    assert [command.split("#")[0].strip() for command in commands(first)] == ["make run", "make test"]
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    recipe = re.search(r"^run:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert "klbench run schulman" in recipe[1]
    assert "--check" in recipe[1]


@pytest.mark.parametrize("name", NAMES)
def test_every_target_of_make_exists(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = [*re.findall(r"`make ([a-z]+)`", text(name)), *re.findall(r"^\$ make ([a-z]+)", text(name), re.MULTILINE)]
    assert [target for target in named if f"\n{target}:" not in makefile] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    for target in links(text(name)):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        assert (ROOT / path).exists(), target
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [each.lower().replace(" ", "-") for each in headings], target


def test_the_commands_are_the_commands() -> None:
    shown = [code(row[0])[0].split()[1] for row in table("command")]
    assert shown == [command.name for command in app.registered_commands]


def test_the_options_of_run_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        app(["run", "--help"])
    shown = capsys.readouterr().out
    sentence = README[README.index("`run` takes") : README.index("Data goes to stdout")]
    for spelling in " ".join(code(sentence)).replace("/", " ").split():
        assert re.search(rf"(?<![\w-]){spelling}\b", shown), spelling
    assert "markdown" in list(Format)


def test_the_columns_are_the_columns() -> None:
    rows = table("in the table")
    names = {column.name for column in COLUMNS}
    for row in rows:
        for name in [*code(row[1]), *code(row[2])]:
            assert name in names or "*" in name or name.startswith("--"), name
    shown = [row[0] for row in rows[:-1]]
    assert set(shown) == {field.header for field in fields.RATIOS[0]} - {fields.ESTIMATOR.header}
    assert rows[-1][0].split() == [fields.UNTRUSTED, fields.NO_ERROR_BAR]


def test_the_statuses_are_the_statuses() -> None:
    said = re.search(r"Exit status: (.*?)\.", prose("README.md"))
    assert said
    assert re.findall(r"(\d) ", said[1]) == ["0", "1", "2", "3"]


def test_the_gallery_has_as_many_specs_as_it_says() -> None:
    specs = list((ROOT / "configs").glob("*.yaml"))
    said = {"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13}
    assert [number for word, number in said.items() if f"the {word} built-in specs" in prose("README.md")] == [
        len(specs)
    ]


def test_ci_runs_what_the_readme_says() -> None:
    workflow = Path(ROOT, ".github", "workflows", "klbench.yml").read_text()
    assert "klbench run schulman --check" in workflow
    assert "make test" in workflow
