"""The grammar of the numbers in an expression, with Python's precedence.

value    = sum  |  "-" "inf"  |  "[" [value {"," value}] "]"
sum      = product {("+" | "-") product}
product  = signed {("*" | "/") signed}
signed   = ("-" | "+") signed  |  power
power    = atom ["**" signed]
atom     = number  |  {parameter}  |  "(" sum ")"
"""

from __future__ import annotations

from math import inf

from klbench.distributions.expression import Operation, Placeholder, Value
from klbench.spec.arithmetic import MOST_OPERATIONS, operation
from klbench.spec.numbers import finite, number
from klbench.spec.refusal import Refusal
from klbench.spec.tokens import PARAMETER, VALUES, Token, TokenReader, at

_NOT_FINITE = ("inf", "nan", "infinity")


class ValueReader(TokenReader):
    """Reads values, by recursive descent: a method per line of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._operations = 0

    def _value(self) -> Value:
        if self._take("["):
            with self._nested():
                return tuple(self._separated(self._value, "]"))
        if self._is_minus_infinity():
            self._position += 2
            return -inf
        self._operations = 0
        return self._number_sum()

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
