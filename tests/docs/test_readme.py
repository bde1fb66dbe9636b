"""README.md says what is so: its examples print what it shows, its names exist, its links lead somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from klbench.cli.app import app
from klbench.cli.options import Format
from klbench.frameworks import catalogue as shipped
from klbench.report import fields
from klbench.report.columns import COLUMNS
from klbench.report.field import DISAGREES, MEASURED, NO_ERROR_BAR, ROUNDING, UNTRUSTED, Field
from tests.docs.documents import (
    NAMED,
    NAMES,
    ROOT,
    blocks,
    commands,
    counted,
    links,
    performed,
    printed,
    prose,
    text,
    timeless,
)

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
        found = (ROOT / name).parent / path
        assert found.exists(), target
        headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE) if heading else []
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


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        ("of values", {*fields.VALUES.ratios[0], replace(fields.NOISE_RATIO, group="noise/k1's")}),
        ("of gradients", {*fields.GRADIENTS.ratios[0], ROUNDING}),
    ],
)
def test_the_columns_are_the_columns(header: str, layout: set[Field]) -> None:
    names = {column.name for column in COLUMNS}
    rows = table(header)
    for row in rows:
        assert {name for name in [*code(row[1]), *code(row[2])] if not name.startswith("--")} <= names
    shown = {field.group if field.header == MEASURED else field.header for field in layout} - {fields.ESTIMATOR.header}
    assert {row[0] for row in rows} | {"exact"} == shown | {"exact"}


def test_the_marks_are_the_marks() -> None:
    section = README[README.index("## Reading the tables") : README.index("| of values |")]
    assert re.findall(r"[†‡✗ʳ]", section) == [UNTRUSTED, NO_ERROR_BAR, DISAGREES]


def test_the_frameworks_are_as_many_as_it_says() -> None:
    assert set(NAMED) <= set(shipped.frameworks())
    written = text("README.md")
    assert counted(written) == written, "python -m tests.docs.documents writes how many there are"
    assert counted(written.replace(f"{len(shipped.entries())} entries", "1 entries")) == written
    assert counted(written.replace(f"and {len(shipped.frameworks()) - len(NAMED)} others", "and 2 others")) == written


RAISES = "raise RuntimeError('imported')\n"


@pytest.mark.parametrize("command", ["validate mine.yaml", "explain mine:kl", "list estimators"])
def test_a_module_is_not_imported_by_other_commands(command: str, own_module: Path) -> None:
    assert "RuntimeError" not in printed(f"klbench {command}", own_module)


@pytest.mark.parametrize("command", ["run mine.yaml", "identify mine:kl"])
def test_what_a_module_raises_is_shown_as_its_own(command: str, own_module: Path) -> None:
    shown = printed(f"klbench {command}", own_module)
    assert "RuntimeError: imported" in shown
    assert "mine.py:1:" in shown
    assert "Traceback" not in shown


@pytest.fixture
def own_module(tmp_path: Path) -> Path:
    """A folder with a module that cannot be imported, and a spec that names a function of it."""
    (tmp_path / "mine.py").write_text(RAISES)
    spec = "name: mine\nsamples: 10\nestimators: ['mine:kl']\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    (tmp_path / "mine.yaml").write_text(spec)
    return tmp_path


def test_the_statuses_are_the_statuses() -> None:
    said = re.search(r"Exit status: (.*?)\.", prose("README.md"))
    assert said
    assert re.findall(r"(\d) ", said[1]) == ["0", "1", "2", "3"]


def test_the_gallery_has_as_many_specs_as_it_says() -> None:
    specs = list((ROOT / "configs").glob("*.yaml"))
    said = {"seventeen": 17, "twenty-seven": 27, "twenty-eight": 28, "twenty-nine": 29, "thirty": 30}
    assert [said[word] for word in re.findall(r"the ([\w-]+) built-in specs", prose("README.md"))] == [len(specs)]
    assert [said[word] for word in re.findall(r"A gallery of ([\w-]+) specs", prose("CHANGELOG.md"))] == [len(specs)]


def test_ci_runs_what_the_readme_says() -> None:
    workflow = Path(ROOT, ".github", "workflows", "klbench.yml").read_text()
    assert "klbench run schulman --check" in workflow
    assert "klbench run gradients --check" in workflow
    assert "make test" in workflow
