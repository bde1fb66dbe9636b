"""What is written to a terminal and to anything else."""

from __future__ import annotations

import re
from io import StringIO

import pytest

from klbench.report.console import rendered
from klbench.report.summary import summaries
from klbench.report.table import Tables, heading
from tests.report.made_up import made_up

COLOUR = re.compile(r"\x1b\[[0-9;]*3\d")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def test_a_terminal_gets_colour_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = next(summaries(made_up()))
    assert COLOUR.search(rendered(heading(summary), like=Terminal()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(rendered(heading(summary), like=Terminal()))


def test_a_pipe_gets_every_column_and_no_escape_whatever_the_environment_says() -> None:
    text = rendered(Tables(next(summaries(made_up()))), like=StringIO())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 80
    assert all(line == line.rstrip() for line in text.splitlines())


def test_markup_and_emoji_are_letters() -> None:
    assert rendered("[bold]:smile:[/bold]", like=StringIO()) == "[bold]:smile:[/bold]\n"
