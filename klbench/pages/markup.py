"""Making HTML: elements of other elements and of texts. What is a text is escaped, by whoever it was named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "input", "meta"})
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that HTML may not have, and halves of characters, which UTF-8 has not."""
_INSTEAD = "\ufffd"
Attribute = str | int | bool | None


class Markup(str):
    """A piece of HTML. Every other text is shown letter by letter."""

    __slots__ = ()


NOTHING = Markup("")


def text(content: str) -> Markup:
    """A text as HTML that shows it; HTML stays as it is."""
    return content if isinstance(content, Markup) else Markup(escape(_FORBIDDEN.sub(_INSTEAD, content)))


def together(parts: Iterable[str], apart: str = "") -> Markup:
    """Parts one after the other."""
    return Markup(text(apart).join(map(text, parts)))


def element(name: str, /, *inside: str, **attributes: Attribute) -> Markup:
    """``<name attribute="...">inside</name>``.

    Args:
        name: of the element.
        inside: HTML, or texts, which are escaped.
        attributes: by name, with _ for - and one more _ behind a word of Python's; True for one without a value, False
            and None for none.
    """
    given = "".join(_attribute(name, value) for name, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{together(inside)}</{name}>")


def _attribute(name: str, value: Attribute) -> str:
    written = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {written}" if value is True else f' {written}="{text(str(value))}"'


def lines(parts: Iterable[str]) -> Markup:
    """Blocks, each on a line of its own, so that a difference of two pages can be read."""
    return together(filter(None, parts), "\n")


class Ids:
    """The ids of one page, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, wished: str) -> str:
        """The wished id, or with a number behind it where that is taken."""
        found, number = wished, 1
        while found in self._given:
            number += 1
            found = f"{wished}-{number}"
        self._given.add(found)
        return found
