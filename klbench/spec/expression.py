"""Reads a distribution expression from the text or the mapping that the user writes.

Every refusal knows where it belongs: an offset into the text, or a path into the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from klbench.distributions.catalogue import takes_texts
from klbench.distributions.constraints import is_number, is_prefix
from klbench.distributions.expression import Expression, Rows, Text, Value
from klbench.distributions.shape import form
from klbench.errors import Location
from klbench.spec.arguments import Argument, Place, bound
from klbench.spec.grammar import Parser
from klbench.spec.refusal import Refusal, Step, refusing, shown
from klbench.spec.tokens import PARAMETER, VALUES, WRITTEN
from klbench.spec.unquoted import parameter_of

_MAPPING = "as a mapping: {Normal: {loc: 0, scale: 1}}"


def parse(text: str) -> Expression:
    """The expression that ``text`` writes.

    Raises:
        SpecError: the text is none, located in itself (``expression:1:5``).
    """
    try:
        return read(text)
    except Refusal as refusal:
        raise refusal.at(Location("expression", 1, (refusal.offset or 0) + 1, text)) from refusal


def from_mapping(mapping: Mapping[str, object]) -> Expression:
    """The expression that a mapping writes: ``{"Normal": {"loc": 0, "scale": 1}}``, or a list of positional arguments.

    Raises:
        SpecError: the mapping writes none.
    """
    try:
        return read(mapping)
    except Refusal as refusal:
        raise refusal.at(None) from refusal


def read(written: object, folder: str | None = None) -> Expression:
    """The expression that a text or a mapping writes; files that it names are looked for in ``folder`` first.

    Raises:
        Refusal: with the path into the mapping, or the offset into the text, of what is wrong.
    """
    if isinstance(written, str):
        expression = Parser(written, folder).expression()
    elif isinstance(written, Mapping):
        expression = _from_mapping(written, folder)
    else:
        raise Refusal(f"{shown(written)} is not a distribution", help=[WRITTEN])
    with refusing():
        form(expression)
    return expression


def _from_mapping(mapping: Mapping[str, object], folder: str | None) -> Expression:
    if len(mapping) != 1:
        raise Refusal(f"a distribution is a mapping with one family, not {len(mapping)}", help=[_MAPPING])
    ((family, arguments),) = mapping.items()
    if _is_rows(arguments):
        given = [_argument(folder, family, None, 0, arguments, Place(path=(family,)))]
    elif isinstance(arguments, Mapping):
        given = [_argument(folder, family, name, name, value) for name, value in arguments.items()]
    elif isinstance(arguments, list | tuple):
        given = [_argument(folder, family, None, index, value) for index, value in enumerate(arguments)]
    else:
        raise Refusal(f"the arguments of {family} are {shown(arguments)}", help=[_MAPPING], path=(family,))
    return bound(family, given, Place(path=(family,)))


def _is_rows(value: object) -> bool:
    """Whether a mapping is of rows by their prefixes."""
    return isinstance(value, Mapping) and len(value) > 0 and all(map(is_prefix, value))


def _argument(
    folder: str | None, family: str, name: str | None, step: Step, value: object, place: Place | None = None
) -> Argument:
    place = place or Place(path=(family, step))
    with refusing(*place.path, at_key=True):
        parameter_of(family, name, 0)
    if isinstance(value, str) and _is_a_text(value, family, name, step):
        return Argument(name, Text(value, folder), place)
    return Argument(name, _value(value, folder, *place.path), place)


def _is_a_text(value: str, family: str, name: str | None, step: Step) -> bool:
    """Whether a text in a mapping is meant as one, and needs no second quotes: it may be one, and is no parameter."""
    return takes_texts(family, name, None if name else int(step)) and not PARAMETER.fullmatch(value.strip())


def _value(value: object, folder: str | None, *path: Step) -> Value:
    if isinstance(value, list | tuple):
        return tuple(_value(item, folder, *path, index) for index, item in enumerate(value))
    if isinstance(value, str):
        return _text(value, folder, path)
    if _is_rows(value):
        return Rows(tuple((prefix, _row(row, folder, *path, prefix)) for prefix, row in value.items()))  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        try:
            return _from_mapping(value, folder)
        except Refusal as refusal:
            raise refusal.within(*path) from refusal
    if not is_number(value) and value != -inf:
        raise Refusal(f"{shown(value)} is not a finite number", help=[VALUES], path=path)
    return value  # type: ignore[return-value]


def _row(row: object, folder: str | None, *path: Step) -> tuple[Value, ...]:
    if not isinstance(row, list | tuple):
        raise Refusal(f"{shown(row)} is not a row of probabilities", help=["a list of numbers: [0.5, 0.5]"], path=path)
    return tuple(_value(item, folder, *path, index) for index, item in enumerate(row))


def _text(text: str, folder: str | None, path: tuple[Step, ...]) -> Value:
    try:
        return Parser(text, folder).whole_argument()
    except Refusal as refusal:
        raise refusal.within(*path) from refusal
