"""How an error looks: what is wrong, where (file, line, column, the line itself and a caret), and what to do.

error: unknown key 'estimatros' of a spec
 --> wrong.yaml:5:1
  |
5 | estimatros: [k1, k2, k3]
  | ^
  = did you mean estimators?

At a terminal sentences are broken between words, and go on under where they began.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any

from rich.text import Text

from klbench.cli import output
from klbench.errors import KlbenchError, Location, choice_of, nearest
from klbench.excerpt import CARET, clean, excerpt
from klbench.report.console import UNLIMITED, on_stderr


def show_error(error: KlbenchError) -> None:
    """Print an error that klbench foresaw."""
    _print(error.message, error.location, error.help)


def show_usage_error(error: Any) -> None:
    """Print what typer refused in the call itself: an unknown option, a missing argument."""
    context = getattr(error, "ctx", None)
    message, meant = _meant(" ".join(error.format_message().replace("Value error, ", "").split()).rstrip("."))
    see = [f"see {context.command_path} --help"] if context else []
    _print(message[:1].lower() + message[1:], None, [*meant, *see])


_NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"
_ONE_OF = re.compile(r"(?P<said>.*'(?P<given>[^']*)') is not one of (?P<allowed>'.*')")
_UNKNOWN = re.compile(r"(?P<said>No such (?:option|command):? '?(?P<given>[^' ]+)'?)[. ]*(?P<allowed>.*)")


def _meant(message: str) -> tuple[str, Sequence[str]]:
    """What typer says without the names it allows, and the help that is in them: what was meant, or all of them."""
    if match := _ONE_OF.fullmatch(message):
        return match["said"], choice_of(match["given"], re.findall(r"'([^']*)'", match["allowed"]))
    if match := _UNKNOWN.fullmatch(message):
        near = nearest(match["given"], re.findall(r"[\w-]*[a-z][\w-]*", match["allowed"]))
        return match["said"], [f"did you mean {near}?"] if near else []
    return message.replace(_NO_INTEGER, "give a whole number"), []


def show_bug(error: Exception) -> None:
    """Print an error nobody foresaw."""
    help = ["this is a bug in klbench", "KLBENCH_TRACEBACK=1 shows where it happened; please report it"]
    _print(f"{type(error).__name__}: {error}", None, help)


def _print(message: str, location: Location | None, help: Iterable[str]) -> None:
    console = on_stderr()
    lines = [*_beside(Text("error: ", "bold red"), clean(message), "bold", console.width)]
    for gutter, text in excerpt(location, help, console.width):
        style = "bold red" if text.strip() == CARET else ""
        width = console.width if gutter.endswith("= ") else UNLIMITED
        lines += _beside(Text(gutter, "blue"), text, style, width)
    try:
        console.print(Text("\n").join(lines), soft_wrap=True)
    except OSError:  # there is nowhere left to say it: the exit status has to do
        output.abandon(sys.stderr)


def _beside(label: Text, said: str, style: str, width: int) -> Iterator[Text]:
    """What is said beside its label, in as many lines as it takes; never broken inside a word."""
    room = max(width - len(label), 1)
    for paragraph in said.splitlines() or [""]:
        for line in _wrapped(paragraph, room) if len(paragraph) > room else [paragraph]:
            yield Text.assemble(label, (line, style))
            label = Text(" " * len(label))


def _wrapped(text: str, room: int) -> list[str]:
    return wrap(text, room, break_long_words=False, break_on_hyphens=False)
