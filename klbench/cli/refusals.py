"""How an error looks: what is wrong, where (file, line, column, the line itself and a caret), and what to do.

error: unknown key 'estimatros' of a spec
 --> wrong.yaml:5:1
  |
5 | estimatros: [k1, k2, k3]
  | ^
  = did you mean estimators?
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from klbench.cli import output
from klbench.errors import KlbenchError, Location, RunError, SpecError
from klbench.report.console import on_stderr

LONGEST_LINE = 100
"""Of a source line, so much is shown around the caret."""
LONGEST_TEXT = 1000
"""Of a message, in case what was given is part of it and is long."""


def show_error(error: KlbenchError) -> None:
    """Print an error that klbench foresaw."""
    message, help = (error.message, error.help) if isinstance(error, SpecError | RunError) else (str(error), ())
    _print(message, getattr(error, "location", None), help)


def show_usage_error(error: Any) -> None:
    """Print what typer refused in the call itself: an unknown option, a missing argument."""
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    _print(message[:1].lower() + message[1:], None, [f"see {context.command_path} --help"] if context else [])


def show_bug(error: Exception) -> None:
    """Print an error nobody foresaw."""
    help = ["this is a bug in klbench", "KLBENCH_TRACEBACK=1 shows where it happened; please report it"]
    _print(f"{type(error).__name__}: {error}", None, help)


def _print(message: str, location: Location | None, help: Iterable[str]) -> None:
    lines = [Text.assemble(("error", "bold red"), (f": {_clean(message)}", "bold"))]
    margin = len(str(location.line)) if location else 1
    if location:
        lines += _source(location, margin)
    lines += [Text.assemble(" " * (margin + 1), ("= ", "blue"), _clean(each)) for each in help]
    try:
        on_stderr().print(Text("\n").join(lines), soft_wrap=True)
    except OSError:  # there is nowhere left to say it: the exit status has to do
        output.abandon(sys.stderr)


def _source(location: Location, margin: int) -> Iterator[Text]:
    line, caret = _window(location.text, location.column - 1)
    gutter = " " * margin
    yield Text.assemble(gutter, ("--> ", "blue"), _clean(str(location)))
    yield Text(f"{gutter} |", style="blue")
    yield Text.assemble((f"{location.line} | ", "blue"), line)
    yield Text.assemble((f"{gutter} | ", "blue"), " " * caret, ("^", "bold red"))


def _window(line: str, index: int) -> tuple[str, int]:
    """The part of ``line`` around ``index`` that is shown, and how many cells precede the caret in it."""
    start = max(0, min(index - LONGEST_LINE // 2, len(line) - LONGEST_LINE))
    before, after = _printable(line[start:index]), _printable(line[index : start + LONGEST_LINE])
    head, tail = "…" * (start > 0), "…" * (start + LONGEST_LINE < len(line))
    return f"{head}{before}{after}{tail}", cell_len(head + before)


def _clean(text: str) -> str:
    text = "\n".join(map(_printable, text.splitlines()))
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2]} … {text[-LONGEST_TEXT // 2 :]}"


def _printable(text: str) -> str:
    """Without tabs and control characters, which would move the caret's line or speak to the terminal."""
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "�" for letter in text)
