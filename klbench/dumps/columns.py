"""Which column of a record is what: named by the user, else by one of its known names; two of them are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from klbench.dumps.containers.container import Record, Unusable
from klbench.dumps.names import OPTIONS, PLACES, Names, Place
from klbench.dumps.row import ROLES, Role
from klbench.errors import SpecError, choice_of, unknown
from klbench.wording import joined

Columns = Mapping[str, str]
"""What the user named: a column by its place."""


def ensure_known_places(columns: Columns) -> None:
    """Holds that what the user named is something that a dump has.

    Raises:
        SpecError: a column is named for something that there is not.
    """
    for place in columns:
        if place not in PLACES:
            raise unknown("column", place, PLACES)


def column(record: Record, names: Names, columns: Columns, place: Place) -> str | None:
    """The name of the column for a place, None where the record has none.

    Raises:
        SpecError: the one that the user named is not there, or two are there.
    """
    there: Mapping[str, Any] = record.value
    if place in columns:
        name = columns[place]
        if there.get(name) is None:
            raise SpecError(f"{record.place}: there is no column {name} ({OPTIONS[place]})", help=_others(name, there))
        return name
    # a column that the user named for one place is no candidate for another
    taken = set(columns.values())
    found = [name for name in names.of(place) if name not in taken and is_there(there.get(name))]
    if len(found) > 1:
        help = [f"say which: {OPTIONS[place]} {joined(found, 'or')}"]
        raise SpecError(f"{record.place}: {joined(found)} may each be {place}", help=help)
    return found[0] if found else None


def roles(record: Record, names: Names, columns: Columns) -> tuple[Role, ...]:
    """Whose log-probabilities a record has."""
    return tuple(role for role in ROLES if column(record, names, columns, role) is not None)


def usable(record: Record, name: str) -> Any:
    """The value of a column.

    Raises:
        SpecError: it is there and cannot be read.
    """
    value = record.value[name]
    if isinstance(value, Unusable):
        raise SpecError(f"{record.place}: {name} {value.reason}", help=value.help)
    return value


def is_there(value: Any) -> bool:
    """Whether a column has something in it: frameworks write null or an empty list for one that they lack."""
    if value is None:
        return False
    return not isinstance(value, list) or value != [None]


def _others(name: str, there: Mapping[str, Any]) -> tuple[str, ...]:
    columns = [str(other) for other, value in there.items() if value is not None]
    return choice_of(name, columns)
