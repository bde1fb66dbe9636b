"""Default names of pairs: ``Normal(0, 1) vs Normal({mu}, 1)``."""

from __future__ import annotations

from klbench.distributions.catalogue import find
from klbench.distributions.expression import (
    Expression,
    Mixture,
    Named,
    Part,
    Power,
    Reference,
    Rows,
    Text,
    Value,
    copies_text,
    value_text,
    weight_text,
)

LONGEST_NAME = 100

_MOST_ITEMS = 5
_MOST_ROWS = 3


def pair_name(q: Expression, p: Expression, sampler: Expression | None = None) -> str:
    """The name of a pair without a name, at most ``LONGEST_NAME`` characters."""
    name = f"{brief(q)} vs {brief(p, q)}" + (f" from {brief(sampler, q)}" if sampler else "")
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def brief(expression: Expression, q: Expression | None = None) -> str:
    """An expression for a reader: without the names of arguments in their usual place, long lists cut.

    An argument that is ``q`` is called that.
    """
    match expression:
        case Named(family, arguments):
            usual = _parameters(family)[: len(arguments)] == tuple(name for name, _ in arguments)
            written = [
                _brief_value(value, q) if usual else f"{name}={_brief_value(value, q)}" for name, value in arguments
            ]
            return f"{family}({', '.join(written)})"
        case Mixture(weights, components):
            pairs = zip(weights, components, strict=True)
            return " + ".join(f"{weight_text(weight)}*{_grouped(part)}" for weight, part in pairs)
        case Power(base, copies):
            return f"{_grouped(base)}**{copies_text(copies)}"
        case Reference(name):
            return name


def _grouped(expression: Expression) -> str:
    return f"({brief(expression)})" if isinstance(expression, Mixture) else brief(expression)


def _brief_value(value: Value, q: Expression | None = None) -> str:
    if isinstance(value, Part):
        return "q" if value == q else brief(value, q)  # type: ignore[arg-type]
    if isinstance(value, Rows):
        rows = [f"{Text(prefix)}: {_brief_value(row)}" for prefix, row in value.rows[:_MOST_ROWS]]
        return f"{{{', '.join(rows)}{', ...' if len(value.rows) > _MOST_ROWS else ''}}}"
    if not isinstance(value, tuple):
        return value_text(value)
    items = [_brief_value(item) for item in value[:_MOST_ITEMS]]
    return f"[{', '.join(items)}{', ...' if len(value) > _MOST_ITEMS else ''}]"


def _parameters(family: str) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in find(family).parameters)
