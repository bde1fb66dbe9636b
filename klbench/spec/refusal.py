"""A refusal: what is wrong with a value, said before it is known where in a file the value stands.

The parts of this package that judge values raise it; the reader, which knows the file, turns it into a ``SpecError``
with a place. It is a ``ValueError`` so that pydantic collects it with the path of the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from klbench.errors import Location, SpecError, choice_of

Step = str | int

_LONGEST_SHOWN = 60


class Refusal(ValueError):  # noqa: N818
    """A value that is not allowed.

    Args:
        message: what is wrong, in one sentence, with what was given.
        help: what is allowed and what to do, a line each.
        path: the keys and indices that lead from the judged value to the wrong piece of it.
        offset: where in that piece's text the problem starts, in characters; None for the piece as a whole.
        at_key: whether the problem is the last key of the path itself rather than its value.
    """

    def __init__(
        self,
        message: str,
        *,
        help: Iterable[str] = (),
        path: tuple[Step, ...] = (),
        offset: int | None = None,
        at_key: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = tuple(help)
        self.path = path
        self.offset = offset
        self.at_key = at_key

    def within(self, *steps: Step) -> Refusal:
        """The same refusal, seen from the value that holds this one under ``steps``."""
        return Refusal(self.message, help=self.help, path=(*steps, *self.path), offset=self.offset, at_key=self.at_key)

    def at(self, location: Location | None) -> SpecError:
        """The error the user sees, placed."""
        return SpecError(self.message, location=location, help=self.help)


@contextmanager
def refusing(*path: Step, offset: int | None = None, at_key: bool = False) -> Iterator[None]:
    """Turns the ``SpecError`` of another part of klbench, which knows no place, into a refusal at ``path``."""
    try:
        yield
    except SpecError as error:
        raise Refusal(error.message, help=error.help, path=path, offset=offset, at_key=at_key) from error


def unknown_name(given: object, allowed: Iterable[str], *, kind: str, of: str = "") -> Refusal:
    """The refusal of a value that is none of the ``allowed`` names: what is allowed and what was probably meant."""
    message = f"unknown {kind} {shown(given)}" if isinstance(given, str) else f"{shown(given)} is not a {kind}"
    help = choice_of(given if isinstance(given, str) else "", allowed)
    return Refusal(message + (f" of {of}" if of else ""), help=help)


def unknown_key(given: str, allowed: Iterable[str], *, kind: str = "key", of: str = "") -> Refusal:
    """The refusal of a key that ``of`` does not have, at that key."""
    refusal = unknown_name(given, allowed, kind=kind, of=of)
    return Refusal(refusal.message, help=refusal.help, path=(given,), at_key=True)


def shown(value: object) -> str:
    """A value as an error quotes it: as YAML writes it, cut where it is long."""
    if isinstance(value, list | tuple | dict):
        kind = "mapping" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = repr(value[: _LONGEST_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
