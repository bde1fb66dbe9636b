"""Arithmetic in an expression: ``1 - {w}/2``, folded to a number wherever every operand is one.

Everything is float64, as the arguments it is for. One of five operations on two numbers is evaluated, or a minus sign,
and nothing else; each result is a finite real number, or refused.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from klbench.distributions.expression import Operation, Placeholder, Rows, Value
from klbench.spec.refusal import Refusal

MOST_OPERATIONS = 100
"""Of one number that depends on grid parameters: the operations are kept as a tree, as deep as there are of them."""
SIGNS = "+ - * / **, brackets, and a minus sign before a number"
_LARGEST = "a finite number: at most 1.8e308 in float64"

_OPERATIONS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": math.pow,  # never complex, and no integer of a million digits, which Python's own may be
}


def operation(sign: str, *operands: Value) -> Value:
    """``left sign right``, or ``-operand``: a number where all operands are numbers, else what is to be computed.

    Raises:
        Refusal: the result is not a finite real number.
    """
    numbers = [operand for operand in operands if isinstance(operand, int | float)]
    if len(numbers) < len(operands):
        if sign == "/" and operands[-1] == 0:
            raise _refused(sign, operands[0], operands[-1], "is a division by zero", "a divisor that is not 0")
        return Operation(sign, operands)
    return -numbers[0] if len(numbers) == 1 else _computed(sign, *numbers)


def _computed(sign: str, left: float, right: float) -> float:
    try:
        result = _OPERATIONS[sign](float(left), float(right))
    except ZeroDivisionError:
        raise _refused(sign, left, right, "is a division by zero", "a divisor that is not 0") from None
    except OverflowError:
        result = math.inf
    except ValueError:  # math.pow: a root of a negative number, or a negative power of 0
        if left == 0:
            raise _refused(sign, left, right, "is a division by zero", "a power of 0 that is not negative") from None
        help = "a power of a negative number is a whole number"
        raise _refused(sign, left, right, "is not a real number", help) from None
    if not math.isfinite(result):
        raise _refused(sign, left, right, "is too large", _LARGEST)
    return result


def _refused(sign: str, left: Value, right: Value, what: str, help: str) -> Refusal:
    return Refusal(f"{Operation(sign, (left, right))} {what}", help=[help])


def filled(value: Value, parameters: Mapping[str, float]) -> Value:
    """The value with numbers for its grid parameters, computed.

    Raises:
        Refusal: a parameter without a value, or a result that is not a finite real number.
    """
    match value:
        case tuple():
            return tuple(filled(item, parameters) for item in value)
        case Rows(rows):
            return Rows(tuple((prefix, tuple(filled(item, parameters) for item in row)) for prefix, row in rows))
        case Placeholder(name):
            return _looked_up(name, parameters)
        case Operation():
            return _filled(value, parameters)
        case _:
            return value


def _filled(whole: Operation, parameters: Mapping[str, float]) -> Value:
    try:
        return _evaluated(whole, parameters)
    except Refusal as refusal:
        raise Refusal(f"{refusal.message}, in {whole}", help=refusal.help) from refusal


def _evaluated(value: Value, parameters: Mapping[str, float]) -> Value:
    if isinstance(value, Operation):
        return operation(value.sign, *(_evaluated(operand, parameters) for operand in value.operands))
    return _looked_up(value.name, parameters) if isinstance(value, Placeholder) else value


def _looked_up(name: str, parameters: Mapping[str, float]) -> float:
    if name not in parameters:
        raise Refusal(f"the grid has no parameter {name}", help=[f"add it: grid: {{{name}: [...]}}"])
    return parameters[name]
