"""The parts of a distribution expression: named families, mixtures and powers. Their arguments are numbers, grid
parameters, and arithmetic of these.

These are values and no more: ``klbench.spec`` reads them from what a user writes and holds them to the rules, so
whoever is given one need not ask again. ``str`` of one is its canonical text, which parses to an equal expression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Placeholder:
    """A grid parameter that stands for a number: ``{mu}``."""

    name: str

    def __str__(self) -> str:
        return f"{{{self.name}}}"


@dataclass(frozen=True)
class Operation:
    """Arithmetic that waits for its grid parameters: ``1 - {w}``; with one operand its negative, ``-{w}``."""

    sign: str
    operands: tuple[Value, ...]

    def __str__(self) -> str:
        if len(self.operands) == 1:
            return f"-{_tight(self.operands[0], _NEGATIVE)}"
        left, right = self.operands
        first, second = _LEAST_TIGHT[self.sign]
        space = " " if self.sign in ("+", "-") else ""
        return f"{_tight(left, first)}{space}{self.sign}{space}{_tight(right, second)}"


class Part:
    """A distribution, which may be an argument of another one: of a policy that is made of it."""


@dataclass(frozen=True)
class Text:
    """A text: the name of a file, a unit, a token.

    Args:
        text: what was written, without its quotes.
        folder: where a file of that name is looked for first; None is the current folder. Neither shown nor compared.
    """

    text: str
    folder: str | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f'"{self.text.translate(_ESCAPES)}"'


@dataclass(frozen=True)
class Rows:
    """Numbers for each prefix of tokens: ``{"": [0.5, 0.5], "0": [0.9, 0.1]}``, in the order they were written."""

    rows: tuple[tuple[str, tuple[Value, ...]], ...]

    def __str__(self) -> str:
        return f"{{{', '.join(f'{Text(prefix)}: {value_text(row)}' for prefix, row in self.rows)}}}"


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})

Value = float | int | Placeholder | Operation | Part | Text | Rows | tuple["Value", ...]

# How tightly a number's text holds together, and how tightly each side of an operation has to, to need no brackets.
_SUM, _PRODUCT, _NEGATIVE, _POWER, _ATOM = range(5)
_TIGHTNESS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}
_LEAST_TIGHT = {
    "+": (_SUM, _PRODUCT),
    "-": (_SUM, _PRODUCT),
    "*": (_PRODUCT, _NEGATIVE),
    "/": (_PRODUCT, _NEGATIVE),
    "**": (_ATOM, _NEGATIVE),
}


def _tightness(value: Value) -> int:
    if isinstance(value, Operation):
        return _NEGATIVE if len(value.operands) == 1 else _TIGHTNESS[value.sign]
    return _NEGATIVE if value_text(value).startswith("-") else _ATOM


def _tight(value: Value, least: int) -> str:
    text = value_text(value)
    return text if _tightness(value) >= least else f"({text})"


def weight_text(weight: Value) -> str:
    """A weight as it stands before the * of its distribution."""
    return _tight(weight, _PRODUCT)


def copies_text(copies: Value) -> str:
    """A number of copies as it stands behind the ** of its distribution."""
    return _tight(copies, _ATOM)


@dataclass(frozen=True)
class Reference(Part):
    """A distribution of the same pair by its name, ``q``; the pair puts it in its place."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Named(Part):
    """A family by torch's class name; the arguments that were given, by torch's names in torch's order."""

    family: str
    arguments: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        return f"{self.family}({', '.join(f'{name}={value_text(value)}' for name, value in self.arguments)})"


@dataclass(frozen=True)
class Mixture(Part):
    """A weighted sum of densities."""

    weights: tuple[Value, ...]
    components: tuple[Expression, ...]

    def __str__(self) -> str:
        pairs = zip(self.weights, self.components, strict=True)
        return " + ".join(f"{weight_text(weight)}*{_grouped(component, Mixture)}" for weight, component in pairs)


@dataclass(frozen=True)
class Power(Part):
    """Independent copies of one distribution; a draw has one more axis, of length ``copies``."""

    base: Expression
    copies: Value

    def __str__(self) -> str:
        return f"{_grouped(self.base, Mixture, Power)}**{copies_text(self.copies)}"


Expression = Named | Mixture | Power | Reference


def _grouped(expression: Expression, *looser: type) -> str:
    return f"({expression})" if isinstance(expression, looser) else str(expression)


def value_text(value: Value) -> str:
    """A value as an expression writes it: the shortest number that reads back the same, 0 and not 0.0.

    >>> value_text((0.0, 0.1, Placeholder("mu")))
    '[0, 0.1, {mu}]'
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value) if isinstance(value, Placeholder | Operation | Part | Text | Rows) else repr(value)


def shortened(expression: Expression) -> str:
    """Its text as an error quotes it, cut where it is long."""
    text = str(expression)
    return text if len(text) <= _LONGEST_QUOTED else f"{text[: _LONGEST_QUOTED - 4]} ..."


_LONGEST_QUOTED = 200


def placeholders(expression: Expression) -> frozenset[str]:
    """The names of the grid parameters in an expression."""
    return frozenset(_placeholder_names(expression))


def _placeholder_names(part: Expression | Value) -> Iterator[str]:
    match part:
        case Placeholder(name):
            yield name
        case tuple():
            for item in part:
                yield from _placeholder_names(item)
        case Operation():
            yield from _placeholder_names(part.operands)
        case Rows(rows):
            for _, row in rows:
                yield from _placeholder_names(row)
        case Named():
            for _, value in part.arguments:
                yield from _placeholder_names(value)
        case Mixture():
            yield from _placeholder_names(part.weights)
            for component in part.components:
                yield from _placeholder_names(component)
        case Power():
            yield from _placeholder_names(part.base)
            yield from _placeholder_names(part.copies)


FILE = "file"
"""The name of the argument that names a file."""


def files_of(expression: Expression) -> tuple[Text, ...]:
    """The files that an expression names, in their order."""
    match expression:
        case Named(_, arguments):
            inner = (files_of(value) for _, value in arguments if isinstance(value, Part))  # type: ignore[arg-type]
            own = (value for name, value in arguments if name == FILE and isinstance(value, Text))
            return (*own, *(one for each in inner for one in each))
        case Mixture(_, components):
            return tuple(one for component in components for one in files_of(component))
        case Power(base, _):
            return files_of(base)
        case Reference():
            return ()


def with_references(expression: Expression, known: Mapping[str, Expression]) -> Expression:
    """The expression with the distributions of these names in the places where they are named."""
    match expression:
        case Reference(name):
            return known.get(name, expression)
        case Named(family, arguments):
            return Named(family, tuple((name, _referring(value, known)) for name, value in arguments))
        case Mixture(weights, components):
            return Mixture(weights, tuple(with_references(component, known) for component in components))
        case Power(base, copies):
            return Power(with_references(base, known), copies)


def _referring(value: Value, known: Mapping[str, Expression]) -> Value:
    return with_references(value, known) if isinstance(value, Part) else value  # type: ignore[arg-type]


def references(expression: Expression | Value) -> frozenset[str]:
    """The names of other distributions in an expression."""
    match expression:
        case Reference(name):
            return frozenset({name})
        case Named(_, arguments):
            return frozenset().union(*(references(value) for _, value in arguments))
        case Mixture(_, components):
            return frozenset().union(*map(references, components))
        case Power(base, _):
            return references(base)
        case _:
            return frozenset()


def size(expression: Expression) -> int:
    """How many numbers an expression holds."""
    match expression:
        case Named(_, arguments):
            return sum(_value_size(value) for _, value in arguments)
        case Mixture(weights, components):
            return _value_size(weights) + sum(map(size, components))
        case Power(base, copies):
            return _value_size(copies) + size(base)
        case Reference():
            return 1


def _value_size(value: Value) -> int:
    if isinstance(value, Operation):
        return _value_size(value.operands)
    if isinstance(value, Part):
        return size(value)  # type: ignore[arg-type]
    if isinstance(value, Rows):
        return sum(_value_size(row) for _, row in value.rows)
    return sum(map(_value_size, value)) if isinstance(value, tuple) else 1
