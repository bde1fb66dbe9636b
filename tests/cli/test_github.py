"""``-f github``: annotations that nothing in a spec can break out of, and a summary that stays below 1 MiB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.cli.github import LARGEST, SUMMARY, command, fitting, summarise
from tests.cli.conftest import SPEC, Done

Call = Callable[..., Done]
MISSED = SPEC.replace("value: 0,", "value: 9,")
HOSTILE = "bad,title=x::%0A::warning::"


@pytest.fixture(autouse=True)
def no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUMMARY, raising=False)


@pytest.mark.usefixtures("fake_run")
def test_a_failed_check_is_an_error_at_its_line_of_the_spec(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text(MISSED)
    done = call("run", "mine.yaml", "--check", "-f", "github", "-q")
    error, notice = done.out.splitlines()
    assert done.status == 1
    assert error == (
        "::error file=mine.yaml,line=7,title=klbench check failed::close, k1: bias_over_true is -0.003(63), "
        "expected 9 within 0.1 + 5 MCSE"
    )
    assert notice == "::notice title=klbench::mine: 1 row; 1 of 3 checks failed"


@pytest.mark.usefixtures("fake_run")
def test_checks_that_hold_are_a_notice(call: Call) -> None:
    done = call("run", "mine.yaml", "--check", "-f", "github", "-q")
    assert (done.status, done.out) == (0, "::notice title=klbench::mine: 1 row; all 3 checks passed\n")


@pytest.mark.usefixtures("fake_run")
def test_without_check_there_is_a_summary_and_no_error(call: Call, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "mine.yaml").write_text(MISSED)
    (here / "summary.md").write_text("# before\n")
    monkeypatch.setenv(SUMMARY, str(here / "summary.md"))
    done = call("run", "mine.yaml", "-f", "github", "-q")
    assert (done.status, done.out) == (0, "::notice title=klbench::mine: 1 row\n")
    markdown = call("run", "mine.yaml", "-f", "markdown", "-q").out
    assert (here / "summary.md").read_text() == f"# before\n{markdown}"


@pytest.mark.usefixtures("fake_run")
def test_a_summary_that_cannot_be_written_is_said(call: Call, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUMMARY, str(here))
    done = call("run", "mine.yaml", "-f", "github", "-q")
    assert done.status == 3
    assert "cannot write the summary" in done.err


@pytest.mark.usefixtures("fake_run")
def test_a_pair_may_be_called_anything(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text(MISSED.replace("name: close", f'name: "{HOSTILE}"'))
    done = call("run", "mine.yaml", "--check", "-f", "github", "-q")
    error, notice = done.out.splitlines()
    assert done.status == 1
    assert error.startswith("::error file=mine.yaml,line=7,title=klbench check failed::bad,title=x::")
    assert "%250A" in error
    assert notice.startswith("::notice title=klbench::")


def test_a_command_is_one_line_whatever_it_says() -> None:
    hostile = "100 %\r\n::error file=x::y\u2028\x1b[31m"
    assert command("error", hostile, {"file": "a:b,c%\n"}) == (
        "::error file=a%3Ab%2Cc%25%0A::100 %25%0D%0A::error file=x::y\N{REPLACEMENT CHARACTER}"
        "\N{REPLACEMENT CHARACTER}[31m\n"
    )


def paragraphs(count: int) -> str:
    return "".join(f"| table {number} ∞ |\n|:--|\n| {'x' * 1000} |\n\n" for number in range(count))


@pytest.mark.parametrize("before", [0, 1000, LARGEST - 5000, LARGEST - 10, LARGEST, LARGEST + 7])
def test_a_summary_stays_below_its_limit(before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * before)
    monkeypatch.setenv(SUMMARY, str(path))
    summarise(paragraphs(2000), Path("results/mine"))
    assert before <= path.stat().st_size <= max(before, 2**20 - 1)
    written = path.read_bytes()[before:].decode()
    if before < LARGEST - 1000:
        assert "results/mine has all results" in written.splitlines()[-1]
    tables = written.count("| table")
    assert written.count("x" * 1000) == tables  # none is cut in two
    if tables:
        assert f"the last {2000 - tables:,} tables and paragraphs" in written
    if before == 0:
        assert path.stat().st_size > LARGEST - 3000


def test_a_document_that_fits_is_whole() -> None:
    text = paragraphs(3)
    assert fitting(text, Path("a"), len(text.encode())) == text
    assert fitting(text, Path("a"), len(text.encode()) - 1) != text
