"""The grammar of the distribution expression.

    sum       = term {"+" term}                a sum needs weights
    term      = [weight "*"] power             a weight is a number or {parameter}
    power     = atom ["**" count]
    atom      = Family "(" [argument {"," argument}] ")"  |  "(" sum ")"
    argument  = [name "="] value
    value     = number  |  {parameter}  |  "[" [value {"," value}] "]"

A parser of its own, so that nothing is ever evaluated, every refusal knows its column, and both the length of a text
and its nesting are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from klbench.distributions.expression import Expression, Placeholder, Value
from klbench.spec import algebra
from klbench.spec.arguments import Argument, Place, bound
from klbench.spec.numbers import finite, number
from klbench.spec.refusal import Refusal, shown

LONGEST_TEXT = 2 * 2**20
LONGEST_NAME = 80
DEEPEST = 16
MOST_FAMILIES = 10_000
"""Components of a mixture, all in all: as many as ``algebra.MOST_COPIES``; each is a density of every sample."""

PARAMETER = re.compile(r"\{\s*([A-Za-z_]\w*)\s*\}", re.ASCII)
WRITTEN = "a distribution is written like Normal(0, 1), 0.5*Normal(0, 1) + 0.5*Normal(2, 1) or Normal(0, 1)**10"
VALUES = "an argument is a number, a list of numbers, or a grid parameter such as {mu}"

_TOKEN = re.compile(
    rf"""(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?)
      | (?P<parameter>{PARAMETER.pattern})
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>\*\*|[-+*(),=\[\]])""",
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*")
_WEIGHTED = "a mixture needs weights: 0.5*Normal(0, 1) + 0.5*Normal(2, 1)"
_INSTEAD = {
    "−": "write the minus sign as -",
    "–": "write the minus sign as -",
    "'": "an argument is a number or a list of numbers, not a text",
    '"': "an argument is a number or a list of numbers, not a text",
    "{": "a grid parameter is a name in braces: {mu}",
    "/": "write the result of the division as a number",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Token:
    """A piece of the text. The last one has the kind ``end``."""

    kind: str
    text: str
    offset: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else shown(self.text)


def tokens(text: str) -> Iterator[Token]:
    """The pieces of a text, without the space between them.

    Raises:
        Refusal: at a character that no expression has.
    """
    offset = _SPACE.match(text).end()  # type: ignore[union-attr]
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None or match.lastgroup is None:
            raise Refusal(f"unexpected {text[offset]!r}", help=[_INSTEAD.get(text[offset], WRITTEN)], offset=offset)
        kind = "parameter" if match["parameter"] else match.lastgroup
        yield Token(kind, match[0], offset)
        offset = _SPACE.match(text, match.end()).end()  # type: ignore[union-attr]
    yield Token("end", "", len(text))


class Parser:
    """Reads one expression from a text by recursive descent, a method per line of the grammar.

    Raises:
        Refusal: with the offset of what is wrong.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise Refusal(f"the expression has {len(text)} characters", help=[f"at most {LONGEST_TEXT}"])
        self._tokens = list(tokens(text))
        self._position = 0
        self._depth = self._families = 0

    def expression(self) -> Expression:
        """The whole text as one expression."""
        found = self._sum()
        if self._next.text == "*":
            raise self._refusal("unexpected '*'", "a weight comes first: 0.5*Normal(0, 1); copies are a power: **10")
        if self._next.kind != "end":
            raise self._refusal(f"unexpected {self._next}", WRITTEN)
        return found

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self, text: str) -> bool:
        """Whether the next token is ``text``; if so it is consumed."""
        found = self._next.text == text
        self._position += found
        return found

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

    def _sum(self) -> Expression:
        start, terms = self._next, [self._term()]
        while self._take("+"):
            terms.append(self._term())
        if self._next.text == "-":
            raise self._refusal("a density cannot be subtracted", _WEIGHTED)
        if len(terms) == 1 and terms[0].weight is None:
            return terms[0].expression
        weights = [self._weight_of(term) for term in terms]
        with _placed(start):
            return algebra.mixture(weights, [term.expression for term in terms])

    def _weight_of(self, term: _Term) -> Value:
        if term.weight is None:
            raise self._refusal("this part of the sum has no weight", _WEIGHTED, at=term.token)
        return term.weight

    def _term(self) -> _Term:
        start = self._next
        if start.text in ("-", "+"):
            raise self._refusal(f"unexpected {start}", "weights are > 0 and sum to 1")
        if start.kind not in ("number", "parameter"):
            return _Term(start, None, self._power())
        weight = self._value()
        self._expect("*", f"a weight is followed by its distribution: {start.text}*Normal(0, 1)")
        return _Term(start, weight, self._power())

    def _power(self) -> Expression:
        base = self._atom()
        if not self._take("**"):
            return base
        token = self._next
        if token.kind not in ("number", "parameter"):
            raise self._refusal(f"a power of {token}", "a power is a whole number of independent copies: **10")
        copies = self._value()
        with _placed(token):
            return algebra.power(base, copies)

    def _atom(self) -> Expression:
        token = self._next
        if self._take("("):
            with self._nested():
                inside = self._sum()
            self._expect(")", "a bracket is not closed")
            return inside
        if token.kind != "name" or len(token.text) > LONGEST_NAME:
            raise self._refusal(f"expected a distribution but found {token}", WRITTEN)
        return self._call()

    def _call(self) -> Expression:
        family = self._consume()
        self._families += 1
        if self._families > MOST_FAMILIES:
            raise self._refusal("the sum has too many parts", f"at most {MOST_FAMILIES}", at=family)
        self._expect("(", f"its arguments follow in brackets: {family.text}(...)")
        arguments = self._separated(self._argument, ")")
        return bound(family.text, arguments, Place(family.offset))

    def _argument(self) -> Argument:
        token = self._next
        if token.kind != "name":
            return Argument(None, self._value(), Place(token.offset))
        self._consume()
        if not self._take("="):
            raise self._refusal(f"{token} is not a number", VALUES, at=token)
        return Argument(token.text, self._value(), Place(token.offset))

    def _value(self) -> Value:
        token = self._next
        if self._take("["):
            with self._nested():
                return tuple(self._separated(self._value, "]"))
        sign = token.text if self._take("-") or self._take("+") else ""
        digits = self._next
        if digits.kind == "parameter" and not sign:
            return Placeholder(PARAMETER.fullmatch(self._consume().text)[1])  # type: ignore[index]
        if digits.kind != "number":
            raise self._refusal(f"{digits} is not a number", VALUES)
        with _placed(token):
            return finite(number(sign + self._consume().text))

    def _separated(self, item: Callable[[], T], closing: str) -> list[T]:
        """Items between commas up to the closing bracket; a comma may follow the last."""
        items: list[T] = []
        while not self._take(closing):
            items.append(item())
            if self._next.text != closing:
                self._expect(",", f"items are separated by commas and end with '{closing}'")
        return items


@dataclass(frozen=True)
class _Term:
    token: Token
    weight: Value | None
    expression: Expression


@contextmanager
def _placed(token: Token) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise Refusal(refusal.message, help=refusal.help, offset=token.offset) from refusal
