"""The grammar of the distribution expression; that of its numbers is in ``klbench.spec.values``.

    sum       = term {"+" term}                a sum needs weights
    term      = [weight "*"] power             a weight is a product of numbers; a sum of them stands in brackets
    power     = atom ["**" count]              a count is a number, {parameter}, or arithmetic in brackets
    atom      = Family "(" [argument {"," argument}] ")"  |  "(" sum ")"
    argument  = [name "="] (value | power | "q")

A parser of its own, so that nothing is ever evaluated, every refusal knows its column, and both the length of a text
and its nesting are bounded. A bracket with a name in it is around distributions, one without is around numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from klbench.distributions.catalogue import takes_texts
from klbench.distributions.expression import Expression, Reference, Value
from klbench.distributions.family import Parameter
from klbench.spec import algebra
from klbench.spec.arguments import Argument, Place, bound
from klbench.spec.arithmetic import SIGNS
from klbench.spec.refusal import refusing
from klbench.spec.tokens import WRITTEN, Token, placed
from klbench.spec.unquoted import parameter_of, refusal_of
from klbench.spec.values import ValueReader

LONGEST_NAME = 80
MOST_FAMILIES = 10_000
"""Components of a mixture, all in all: as many as ``algebra.MOST_COPIES``; each is a density of every sample."""

NAMED_IN_A_PAIR = ("q",)
"""The distributions that others of the same pair may name."""

_NOT_NAMED = ("p", "sampler")

_WEIGHTED = "a mixture needs weights: 0.5*Normal(0, 1) + 0.5*Normal(2, 1)"
_COPIES = "a power is a whole number of independent copies: **10, **{n} or **(2*{n})"


class Parser(ValueReader):
    """Reads one expression from a text by recursive descent, a method per line of the grammar.

    Raises:
        Refusal: with the offset of what is wrong.
    """

    _written = WRITTEN

    def __init__(self, text: str, folder: str | None = None) -> None:
        super().__init__(text, folder)
        self._families = 0

    def expression(self) -> Expression:
        """The whole text as one expression."""
        expression = self._sum()
        if self._next.text == "*":
            raise self._refusal("unexpected '*'", "a weight comes first: 0.5*Normal(0, 1); copies are a power: **10")
        if self._next.kind != "end":
            raise self._refusal(f"unexpected {self._next}", WRITTEN)
        return expression

    def whole_argument(self) -> Value:
        """The whole text as one argument, a value or a policy.

        Raises:
            Refusal: with the offset of what is wrong.
        """
        value = self._value_or_policy()
        if self._next.kind != "end":
            raise self._refusal(f"unexpected {self._next}", f"in arithmetic there are {SIGNS}")
        return value

    def _sum(self) -> Expression:
        start, terms = self._next, [self._term()]
        while self._take("+"):
            terms.append(self._term())
        if self._next.text == "-":
            raise self._refusal("a density cannot be subtracted", _WEIGHTED)
        if len(terms) == 1 and terms[0].weight is None:
            return terms[0].expression
        weights = [self._weight_of(term) for term in terms]
        with placed(start):
            return algebra.mixture(weights, [term.expression for term in terms])

    def _weight_of(self, term: _Term) -> Value:
        if term.weight is None:
            raise self._refusal("this part of the sum has no weight", _WEIGHTED, at=term.token)
        return term.weight

    def _term(self) -> _Term:
        start = self._next
        if not self._starts_a_number():
            return _Term(start, None, self._power())
        self._operations = 0
        weight = self._product(of_a_weight=True)
        self._expect("*", "a weight is followed by its distribution: 0.5*Normal(0, 1); a sum of numbers needs brackets")
        return _Term(start, weight, self._power())

    def _power(self) -> Expression:
        base = self._atom()
        if not self._take("**"):
            return base
        token = self._next
        if not self._starts_a_number() or token.text in ("-", "+"):
            raise self._refusal(f"a power of {token}", _COPIES)
        self._operations = 0
        copies = self._number_atom()
        with placed(token):
            return algebra.power(base, copies)

    def _atom(self) -> Expression:
        token = self._next
        if self._take("("):
            with self._nested():
                inside = self._sum()
            self._expect(")", "a bracket is not closed")
            return inside
        if token.text in NAMED_IN_A_PAIR and self._after().text != "(":
            return Reference(self._consume().text)
        if token.kind != "name" or len(token.text) > LONGEST_NAME:
            raise self._refusal(f"expected a distribution but found {token}", WRITTEN)
        return self._call()

    def _call(self) -> Expression:
        family = self._consume()
        self._families += 1
        if self._families > MOST_FAMILIES:
            raise self._refusal("the sum has too many parts", f"at most {MOST_FAMILIES}", at=family)
        self._expect("(", f"its arguments follow in brackets: {family.text}(...)")
        outside, self._takes_texts = self._takes_texts, takes_texts(family.text)
        position = count()
        arguments = self._separated(lambda: self._argument(family.text, next(position)), ")")
        self._takes_texts = outside
        return bound(family.text, arguments, Place(family.offset))

    def _argument(self, family: str, position: int) -> Argument:
        token, name = self._next, None
        if token.kind == "name" and self._after().text == "=":
            name = self._consume().text
            self._expect("=", "an argument by name is written name=value")
        with refusing(offset=token.offset):
            parameter = parameter_of(family, name, position)
        self._refuse_a_bare_word(parameter)
        return Argument(name, self._value_or_policy(), Place(token.offset))

    def _refuse_a_bare_word(self, parameter: Parameter | None) -> None:
        """Refuse a word where the argument is a text, and a text is in quotes."""
        token = self._next
        is_one = token.kind == "name" and self._after().text != "("
        if parameter is None or not is_one or token.text in (*NAMED_IN_A_PAIR, *_NOT_NAMED):
            return
        refusal = refusal_of(self._source, token.text, parameter, token.offset)
        if refusal is not None:
            raise refusal

    def _value_or_policy(self) -> Value:
        """A value, or a distribution that another one is made of: its name is followed by a bracket, or it is q."""
        token = self._next
        if token.text in _NOT_NAMED:
            raise self._refusal(f"{token} cannot be named here", "p and sampler may name q, and q nothing")
        if token.kind != "name" or not (self._after().text == "(" or token.text in NAMED_IN_A_PAIR):
            return self._value()
        with self._nested():
            return self._power()


@dataclass(frozen=True)
class _Term:
    token: Token
    weight: Value | None
    expression: Expression
