"""What stands under the message of an error: its place, the line of the user's text with a caret, and what to do.

 --> wrong.yaml:5:1
  |
5 | estimatros: [k1, k2, k3]
  | ^
  = did you mean estimators?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klbench.errors import Location

CARET = "^"
LONGEST_LINE = 100
"""So many letters of a source line are shown around the caret: the line fits a wide terminal."""
LONGEST_TEXT = 1000
"""A longer message or hint is cut in its middle: what the user gave is part of it and may have any length."""


def excerpt(location: Location | None, help: Iterable[str], width: int | None = None) -> Iterator[tuple[str, str]]:
    """The lines under the message, each as the gutter at its left and the text beside it.

    ``width`` is that of the page, in letters: a source line is cut to fit, the sentences are not.
    """
    margin = len(str(location.line)) if location else 1
    gutter = " " * margin
    if location:
        room = LONGEST_LINE if width is None else max(min(LONGEST_LINE, width - margin - len(" | ……")), 1)
        line, caret = _window(location.text, location.column - 1, room)
        yield f"{gutter}--> ", clean(str(location))
        yield f"{gutter} |", ""
        yield f"{location.line} | ", line
        yield f"{gutter} | ", " " * caret + CARET
    yield from ((f"{gutter} = ", clean(line)) for line in help)


def clean(text: str) -> str:
    """A message that is safe to show: printable, its line ends kept, and not too long."""
    text = "\n".join(map(_printable, text.splitlines()))
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT // 2]} … {text[-LONGEST_TEXT // 2 :]}"


def _window(line: str, index: int, room: int) -> tuple[str, int]:
    """The part of ``line`` around ``index`` that is shown, and how many cells precede the caret in it."""
    from rich.cells import cell_len

    start = max(0, min(index - room // 2, len(line) - room))
    before, after = _printable(line[start:index]), _printable(line[index : start + room])
    head, tail = "…" * (start > 0), "…" * (start + room < len(line))
    return f"{head}{before}{after}{tail}", cell_len(head + before)


def _printable(text: str) -> str:
    """Without tabs and control characters, which would move the caret's line or speak to the terminal."""
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "�" for letter in text)
