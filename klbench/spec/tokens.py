"""The pieces of a written expression, and a reader that goes along them: brackets matched, nesting bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, TypeVar

from klbench.distributions.catalogue import takes_texts
from klbench.spec.refusal import Refusal, shown
from klbench.spec.unquoted import path_at, without_quotes

LONGEST_TEXT = 2 * 2**20
MOST_TOKENS = 500_000
"""Room for a vocabulary of 100,000; more take seconds to read."""
DEEPEST = 16

PARAMETER = re.compile(r"\{\s*([A-Za-z_]\w*)\s*\}", re.ASCII)
WRITTEN = "a distribution is written like Normal(0, 1), 0.5*Normal(0, 1) + 0.5*Normal(2, 1) or Normal(0, 1)**10"
VALUES = "an argument is a number, a list of numbers, a grid parameter such as {mu}, or arithmetic of these: 1 - {mu}/2"

_TOKEN = re.compile(
    rf"""(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?)
      | (?P<parameter>{PARAMETER.pattern})
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>\*\*|[-+*/(),=:}}\[\]]|\{{(?=\s*["']))""",
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*")
_NO_TEXT = "an argument is a number or a list of numbers, not a text"
_INSTEAD = {
    "−": "write the minus sign as -",
    "–": "write the minus sign as -",
    "'": "a text ends with the quote it begins with",
    '"': "a text ends with the quote it begins with",
    "{": "a grid parameter is a name in braces: {mu}",
    "^": "a power is written **",
    "×": "write * for a product",
    "·": "write * for a product",
    "÷": "write / for a quotient",
}

T = TypeVar("T")


class Token(NamedTuple):
    """A piece of the text. The last one has the kind ``end``."""

    kind: str
    text: str
    offset: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else shown(self.text)


def tokens(text: str, written: str) -> Iterator[Token]:
    """The pieces of a text, without the space between them; ``written`` says how it is written.

    Raises:
        Refusal: at a character that no expression has.
    """
    offset, rows = _SPACE.match(text).end(), 0  # type: ignore[union-attr]
    before, calls = "", [""]
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        of_rows = match is not None and match[0] in (":", "}")
        if match is None or match.lastgroup is None or (of_rows and not rows):
            path = path_at(text, offset) if calls[-1] and takes_texts(calls[-1]) else None
            if path is not None:
                raise without_quotes(*path)
            raise Refusal(f"unexpected {text[offset]!r}", help=[_INSTEAD.get(text[offset], written)], offset=offset)
        if match.lastgroup == "text" and not rows and calls[-1] and not takes_texts(calls[-1]):
            raise Refusal(f"unexpected {match[0][0]!r}", help=[_NO_TEXT], offset=offset)
        rows += (match[0] == "{") - (match[0] == "}")
        if match[0] == "(":
            calls.append(before)
        elif match[0] == ")":
            calls[1:] = calls[1:-1]
        before = match[0] if match.lastgroup == "name" else ""
        kind = "parameter" if match["parameter"] else match.lastgroup
        yield Token(kind, match[0], offset)
        offset = _SPACE.match(text, match.end()).end()  # type: ignore[union-attr]
    yield Token("end", "", len(text))


class TokenReader:
    """Goes along the tokens of one text.

    Raises:
        Refusal: with the offset of what is wrong.
    """

    _written = VALUES
    """How what it reads is written, for whoever wrote a letter that is nowhere in it."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise Refusal(f"the expression has {len(text)} characters", help=[f"at most {LONGEST_TEXT}"])
        self._source = text
        self._tokens = list(islice(tokens(text, self._written), MOST_TOKENS + 1))
        if len(self._tokens) > MOST_TOKENS:
            help = f"at most {MOST_TOKENS} of them in an expression"
            raise self._refusal("too many numbers and signs", help, at=self._tokens[-1])
        self._named = _brackets_with_names(self._tokens)
        self._position = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _holds_a_name(self, ahead: int = 0) -> bool:
        """Whether a name, such as a distribution's, starts here or is inside the bracket that opens here."""
        position = min(self._position + ahead, len(self._tokens) - 1)
        return self._tokens[position].kind == "name" or position in self._named

    def _starts_a_number(self, ahead: int = 0) -> bool:
        """Whether a number may start here: a bracket with no name in it holds arithmetic."""
        token = self._tokens[min(self._position + ahead, len(self._tokens) - 1)]
        if token.text == "(":
            return not self._holds_a_name(ahead)
        return token.kind in ("number", "parameter") or token.text in ("-", "+")

    def _take(self, text: str) -> bool:
        """Whether the next token is ``text``; if so it is consumed."""
        is_next = self._next.text == text
        self._position += is_next
        return is_next

    def _consume(self) -> Token:
        token = self._next
        self._position += token.kind != "end"
        return token

    def _expect(self, text: str, help: str) -> None:
        if not self._take(text):
            raise self._refusal(f"expected '{text}' but found {self._next}", help)

    def _refusal(self, message: str, help: str, at: Token | None = None) -> Refusal:
        return Refusal(message, help=[help], offset=(at or self._next).offset)

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal("nested too deeply", f"at most {DEEPEST} levels of brackets")
        yield
        self._depth -= 1

    def _separated(self, item: Callable[[], T], closing: str) -> list[T]:
        """Items between commas up to the closing bracket; a comma may follow the last."""
        items: list[T] = []
        while not self._take(closing):
            items.append(item())
            if self._next.text != closing:
                self._expect(",", f"items are separated by commas and end with '{closing}'")
        return items


@contextmanager
def placed(token: Token) -> Iterator[None]:
    """Turns a refusal without a place into one at ``token``."""
    try:
        yield
    except Refusal as refusal:
        raise at(token, refusal) from refusal


def at(token: Token, refusal: Refusal) -> Refusal:
    """The refusal, at ``token``."""
    return Refusal(refusal.message, help=refusal.help, offset=token.offset)


def _brackets_with_names(tokens: list[Token]) -> frozenset[int]:
    """The positions of the round brackets in which a name stands, however deep."""
    named: set[int] = set()
    open_: list[int] = []
    for position, token in enumerate(tokens):
        if token.text == "(":
            open_.append(position)
        elif token.text == ")" and open_:
            closed = open_.pop()
            if closed in named and open_:
                named.add(open_[-1])
        elif token.kind == "name" and open_:
            named.add(open_[-1])
    for position, inner in zip(reversed(open_[:-1]), reversed(open_[1:]), strict=True):  # those that nothing closes
        if inner in named:
            named.add(position)
    return frozenset(named)
