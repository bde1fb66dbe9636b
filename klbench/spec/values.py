"""The grammar of the numbers in an expression, with Python's precedence.

value    = sum  |  "-" "inf"  |  "[" [value {"," value}] "]"  |  text  |  "{" [row {"," row}] "}"
row      = text ":" "[" [value {"," value}] "]"
text     = a text in quotes, where \\\\, \\", \\', \\n, \\t and \\r are escapes  |  "char"  |  "word"
sum      = product {("+" | "-") product}
product  = signed {("*" | "/") signed}
signed   = ("-" | "+") signed  |  power
power    = atom ["**" signed]
atom     = number  |  {parameter}  |  "(" sum ")"
"""

from __future__ import annotations

import re
from math import inf

from klbench.distributions.constraints import WORDS
from klbench.distributions.expression import Operation, Placeholder, Rows, Text, Value
from klbench.spec.arithmetic import MOST_OPERATIONS, operation
from klbench.spec.numbers import finite, number
from klbench.spec.refusal import Refusal
from klbench.spec.tokens import PARAMETER, VALUES, Token, TokenReader, at

_ROW = 'a row of probabilities by its prefix in quotes: {"": [0.5, 0.5], "0": [0.9, 0.1]}'
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_MEANT = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "r": "\r"}
_NOT_FINITE = ("inf", "nan", "infinity")


class ValueReader(TokenReader):
    """Reads values, by recursive descent: a method per line of the grammar."""

    def __init__(self, text: str, folder: str | None = None) -> None:
        super().__init__(text)
        self._folder = folder
        self._takes_texts = True
        """Whether an argument of what is being read may be a text, so that a bare word is one."""
        self._operations = 0

    def _value(self) -> Value:
        if self._take("["):
            with self._nested():
                return tuple(self._separated(self._value, "]"))
        if self._next.kind == "text" or (self._takes_texts and self._next.text in WORDS):
            return self._text()
        if self._take("{"):
            return self._rows()
        if self._is_minus_infinity():
            self._position += 2
            return -inf
        self._operations = 0
        return self._number_sum()

    def _text(self) -> Text:
        """A text in quotes, or the bare name of a unit."""
        token = self._consume()
        if token.kind != "text":
            return Text(token.text, self._folder)
        wrong = next((m for m in _ESCAPED.finditer(token.text[1:-1]) if m[0][1] not in _MEANT), None)
        if wrong is not None:
            place = Token("text", wrong[0], token.offset + 1 + wrong.start())
            raise self._refusal(f"unexpected {wrong[0]}", "a backslash is written \\\\, a line's end \\n", at=place)
        return Text(_ESCAPED.sub(lambda escaped: _MEANT[escaped[0][1]], token.text[1:-1]), self._folder)

    def _rows(self) -> Rows:
        """Rows of numbers by their prefixes, behind the brace that opens."""
        with self._nested():
            return Rows(tuple(self._separated(self._row, "}")))

    def _row(self) -> tuple[str, tuple[Value, ...]]:
        if self._next.kind != "text":
            raise self._refusal(f"expected a prefix but found {self._next}", _ROW)
        prefix = self._text().text
        self._expect(":", _ROW)
        if self._next.text != "[":
            raise self._refusal(f"expected '[' but found {self._next}", _ROW)
        return prefix, self._value()  # type: ignore[return-value]

    def _is_minus_infinity(self) -> bool:
        return self._next.text == "-" and self._after().text == "inf"

    def _after(self) -> Token:
        """The token behind the next one."""
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    def _number_sum(self) -> Value:
        total = self._product()
        while (sign := self._next).text in ("+", "-"):
            self._consume()
            total = self._operation(sign, total, self._product())
        return total

    def _product(self, *, of_a_weight: bool = False) -> Value:
        """A product; that of a weight ends before the * behind which the distribution stands."""
        result = self._signed()
        while (sign := self._next).text in ("*", "/"):
            if of_a_weight and sign.text == "*" and not self._starts_a_number(ahead=1):
                break
            self._consume()
            result = self._operation(sign, result, self._signed())
        return result

    def _signed(self) -> Value:
        sign = self._next
        if sign.text not in ("-", "+"):
            return self._number_power()
        self._consume()
        with self._nested():
            operand = self._signed()
        return self._operation(sign, operand) if sign.text == "-" else operand

    def _number_power(self) -> Value:
        base, sign = self._number_atom(), self._next
        if not self._take("**"):
            return base
        with self._nested():
            exponent = self._signed()
        return self._operation(sign, base, exponent)

    def _number_atom(self) -> Value:
        token = self._next
        if self._take("("):
            with self._nested():
                inside = self._number_sum()
            self._expect(")", "a bracket is not closed")
            return inside
        if token.kind == "parameter":
            return Placeholder(PARAMETER.fullmatch(self._consume().text)[1])  # type: ignore[index]
        if token.kind != "number":
            raise self._not_a_number(token)
        self._position += 1
        try:
            return finite(number(token.text))
        except Refusal as refusal:
            raise at(token, refusal) from refusal

    def _not_a_number(self, token: Token) -> Refusal:
        help = "numbers are finite; only logits may be -inf" if token.text in _NOT_FINITE else VALUES
        return self._refusal(f"{token} is not a number", help, at=token)

    def _operation(self, sign: Token, *operands: Value) -> Value:
        try:
            result = operation(sign.text, *operands)
        except Refusal as refusal:
            raise at(sign, refusal) from refusal
        if isinstance(result, Operation):
            self._operations += 1
            if self._operations > MOST_OPERATIONS:
                help = f"at most {MOST_OPERATIONS} with grid parameters in one number"
                raise self._refusal("too many operations", help, at=sign)
        return result
