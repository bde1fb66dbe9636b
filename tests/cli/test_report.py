"""``report``, ``run --html``, ``run --plot``, ``frameworks -f html``: what is written where, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.pages.checker import read

Call = Callable[..., Done]


@pytest.fixture
def results(call: Call, fake_run: None, here: Path) -> Path:  # noqa: ARG001
    """A folder of results."""
    assert call("run", "mine.yaml", "-q").status == 0
    return here / "results" / "mine"


def test_a_report_is_one_file(call: Call, results: Path, here: Path) -> None:  # noqa: ARG001
    done = call("report", "results/mine", "-o", "there.html")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("wrote there.html: 1 run, ")
    page = (here / "there.html").read_text()
    assert read(page).one("h1").text == "mine"
    assert "a note on close" in page


@pytest.mark.parametrize("given", ["results", "results/mine/results.csv", "results/mine/"])
def test_a_folder_of_folders_and_a_csv_will_do(call: Call, results: Path, given: str, here: Path) -> None:  # noqa: ARG001
    assert call("report", given, "-q") == Done(0, "", "")
    assert read((here / "report.html").read_text()).one("h1").text == "mine"


def test_on_standard_output_it_is_the_same(call: Call, results: Path, here: Path) -> None:  # noqa: ARG001
    assert call("report", "results/mine").status == 0
    assert call("report", "results/mine", "-o", "-") == Done(0, (here / "report.html").read_text(), "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["mine.yaml"], "mine.yaml is a file, and not results.csv"),
        (["empty"], "there are no results in empty"),
        (["results/mine", "results"], "results/mine is given twice"),
        (["results", "-o", "results.csv"], "'results.csv' does not end in .html"),
        ([], "missing argument"),
    ],
)
def test_what_is_no_folder_of_results_is_refused(
    call: Call,
    results: Path,  # noqa: ARG001
    here: Path,
    arguments: list[str],
    said: str,
) -> None:
    (here / "empty").mkdir()
    done = call("report", *arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not (here / "report.html").exists()


@pytest.mark.parametrize("name", ["results.csv", "spec.yaml", "manifest.json"])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"not what klbench writes"])
def test_files_that_are_not_klbenchs_are_refused_by_name(
    call: Call, results: Path, here: Path, name: str, content: bytes
) -> None:
    (results / name).write_bytes(content)
    (here / "report.html").write_text("an older page")
    done = call("report", "results")
    assert done.status == 2
    assert "results/mine" in done.err
    assert (here / "report.html").read_text() == "an older page"


def test_a_place_that_cannot_be_written_is_said(call: Call, results: Path, here: Path) -> None:  # noqa: ARG001
    done = call("report", "results", "-o", "not/there.html")
    assert done.status == 3
    assert "cannot write to not/there.html" in done.err
    (here / "a.html").mkdir()
    assert call("report", "results", "-o", "a.html").status == 3
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == []


def test_run_html_and_plot_write_beside_the_results(call: Call, fake_run: None, here: Path) -> None:  # noqa: ARG001
    done = call("run", "mine.yaml", "--html", "--plot")
    assert done.status == 0
    assert "wrote results/mine/results.csv, manifest.json, spec.yaml, figures/estimates.svg, report.html" in done.err
    folder = here / "results" / "mine"
    assert (folder / "figures" / "estimates.svg").read_text().startswith("<svg")
    assert call("report", "results/mine", "-o", "-").out == (folder / "report.html").read_text()


def test_pictures_of_an_earlier_run_go_and_others_stay(call: Call, fake_run: None, here: Path) -> None:  # noqa: ARG001
    call("run", "mine.yaml", "--html", "--plot")
    folder = here / "results" / "mine"
    (folder / "figures" / "mine.png").write_text("mine")
    (folder / "figures" / "older.svg").write_text("of a pair that is no more")
    assert call("run", "mine.yaml", "-q").status == 0
    assert not (folder / "report.html").exists()
    assert [path.name for path in (folder / "figures").iterdir()] == ["mine.png"]
    assert call("run", "mine.yaml", "--plot", "-q").status == 0
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["estimates.svg", "mine.png"]


@pytest.mark.parametrize("arguments", [["run", "mine.yaml", "--html"], ["run", "mine.yaml", "--plot"]])
def test_without_matplotlib_nothing_is_measured(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr("klbench.runner.run", lambda *_, **__: pytest.fail("it was measured"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call(*arguments)
    assert done.status == 3
    assert "pip install 'klbench[plot]'" in done.err
    assert not (here / "results").exists()


def test_report_without_matplotlib_says_what_to_install(
    call: Call,
    results: Path,  # noqa: ARG001
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = call("report", "results")
    assert done.status == 3
    assert "pip install 'klbench[plot]'" in done.err
    assert not (here / "report.html").exists()


def test_a_file_where_figures_go_is_refused_before_the_run(call: Call, results: Path) -> None:
    (results / "figures").write_text("mine")
    done = call("run", "mine.yaml", "--plot")
    assert done.status == 3
    assert "figures is a file" in done.err
    assert call("run", "mine.yaml", "--html", "-q").status == 0
    assert (results / "figures").read_text() == "mine"


def test_a_link_where_figures_go_is_refused_before_the_run(call: Call, here: Path, results: Path) -> None:
    (here / "elsewhere").mkdir()
    (results / "figures").symlink_to(here / "elsewhere")
    done = call("run", "mine.yaml", "--plot")
    assert done.status == 3
    assert "figures is a link" in done.err
    assert (results / "figures").is_symlink()


def test_a_shard_has_no_page(call: Call) -> None:
    done = call("run", "mine.yaml", "--shard", "1/2", "--html")
    assert done.status == 2
    assert "give --html to klbench merge" in done.err


def test_the_audit_is_a_page(call: Call) -> None:
    done = call("frameworks", "verl", "-f", "html")
    assert (done.status, done.err) == (0, "")
    assert "klbench frameworks (this page: --format html;" in read(done.out).text
