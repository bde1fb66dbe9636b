"""Builds distribution expressions: ``named``, ``mixture`` and ``power`` each hold theirs to the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from klbench.distributions.catalogue import bind, find
from klbench.distributions.expression import (
    Expression,
    Mixture,
    Named,
    Operation,
    Part,
    Placeholder,
    Power,
    Reference,
    Value,
    placeholders,
    value_text,
)
from klbench.spec.arithmetic import filled
from klbench.spec.refusal import Refusal, refusing
from klbench.tolerances import WEIGHTS_SUM

MOST_COPIES = 10_000


def named(family: str, positional: Sequence[Value], keyword: Mapping[str, Value]) -> Named:
    """A family with its arguments, checked against what the family declares.

    Raises:
        SpecError: no such family or argument, too many or too few of them, or a value outside its constraint.
    """
    return Named(find(family).name, bind(family, positional, keyword))


def mixture(weights: Sequence[Value], components: Sequence[Expression]) -> Expression:
    """A weighted sum, flat: a mixture in a mixture becomes part of it, and a mixture of one is that one.

    Raises:
        Refusal: a weight that is not positive, or weights that do not sum to 1.
    """
    pairs = [pair for weight, part in zip(weights, components, strict=True) for pair in _flattened(weight, part)]
    for weight in (*weights, *(weight for weight, _ in pairs)):  # a product of two may underflow
        if not _waits(weight) and not (isinstance(weight, int | float) and weight > 0):
            raise Refusal(f"the weight {value_text(weight)} is not positive", help=["weights are > 0 and sum to 1"])
    known = [weight for weight, _ in pairs if isinstance(weight, int | float)]
    # fsum: many weights, as of a mixture of mixtures, add up no error of their own
    if len(known) == len(pairs) and abs(fsum(known) - 1) > WEIGHTS_SUM:
        raise Refusal(f"the weights sum to {fsum(known):.12g}", help=["weights are > 0 and sum to 1"])
    if len(pairs) == 1 and known:
        return pairs[0][1]
    return Mixture(tuple(weight for weight, _ in pairs), tuple(part for _, part in pairs))


def _waits(value: Value) -> bool:
    """Whether it is a number once the grid parameters in it have values."""
    return isinstance(value, Placeholder | Operation)


def _flattened(weight: Value, part: Expression) -> list[tuple[Value, Expression]]:
    if not isinstance(part, Mixture) or not all(isinstance(w, int | float) for w in (weight, *part.weights)):
        return [(weight, part)]
    return [(weight * inner, component) for inner, component in zip(part.weights, part.components, strict=True)]  # type: ignore[operator]


def power(base: Expression, copies: Value) -> Expression:
    """Independent copies of ``base``; one copy is ``base`` itself.

    Raises:
        Refusal: not a whole number of copies from 1 to ``MOST_COPIES``, or a power of a power.
    """
    if isinstance(base, Power):
        raise Refusal("a power of a power", help=["write the product of the two: Normal(0, 1)**6"])
    if _waits(copies):
        return Power(base, copies)
    if not isinstance(copies, int | float) or copies != copies // 1 or not 1 <= copies <= MOST_COPIES:
        raise Refusal(
            f"a power of {value_text(copies)}",
            help=[f"independent copies: a whole number from 1 to {MOST_COPIES}, as in Normal(0, 1)**10"],
        )
    return base if copies == 1 else Power(base, int(copies))


def substitute(expression: Expression, parameters: Mapping[str, float]) -> Expression:
    """The expression with numbers for its grid parameters, held to the same rules again.

    Raises:
        Refusal: a parameter without a value, or a value that the distribution does not allow.
    """
    if not placeholders(expression):
        return expression
    match expression:
        case Named(family, arguments):
            values = {name: _filled(value, parameters) for name, value in arguments}
            with refusing():
                return named(family, (), values)
        case Mixture(weights, components):
            parts = [substitute(component, parameters) for component in components]
            return mixture([filled(weight, parameters) for weight in weights], parts)
        case Power(base, copies):
            return power(substitute(base, parameters), filled(copies, parameters))
        case Reference():
            return expression


def _filled(value: Value, parameters: Mapping[str, float]) -> Value:
    return substitute(value, parameters) if isinstance(value, Part) else filled(value, parameters)  # type: ignore[arg-type]
