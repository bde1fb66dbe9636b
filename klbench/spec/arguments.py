"""The arguments of a family as they were written: positional or by name, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from klbench.distributions.catalogue import find
from klbench.distributions.expression import Named, Value
from klbench.errors import SpecError
from klbench.spec.algebra import named
from klbench.spec.refusal import Refusal, Step


@dataclass(frozen=True)
class Place:
    """Where a piece of a written expression stands: an offset into the text, or a path into the mapping."""

    offset: int | None = None
    path: tuple[Step, ...] = ()

    def refusal(self, message: str, help: Sequence[str] = (), *, at_key: bool = False) -> Refusal:
        """A refusal of what stands here."""
        return Refusal(message, help=help, offset=self.offset, path=self.path, at_key=at_key)


@dataclass(frozen=True)
class Argument:
    """A value given to a family, by name or (``name`` is None) by position."""

    name: str | None
    value: Value
    place: Place


def bound(family: str, arguments: Sequence[Argument], place: Place) -> Named:
    """The family with its arguments.

    Raises:
        Refusal: no such family, at ``place``; or a wrong argument, at its own place.
    """
    positional = [argument.value for argument in arguments if argument.name is None]
    keyword = _by_name(arguments)
    try:
        return named(family, positional, keyword)
    except SpecError as error:
        culprit = _culprit(family, arguments, getattr(error, "argument", None))
        unknown = culprit is None or (culprit.name is not None and culprit.name not in _parameters(family))
        where = culprit.place if culprit else place
        raise where.refusal(error.message, error.help, at_key=unknown and where.path != ()) from error


def _by_name(arguments: Sequence[Argument]) -> Mapping[str, Value]:
    keyword: dict[str, Value] = {}
    for argument in arguments:
        if argument.name is None and keyword:
            raise argument.place.refusal("an argument without a name follows one with a name")
        if argument.name in keyword:
            raise argument.place.refusal(f"{argument.name} is given twice")
        if argument.name is not None:
            keyword[argument.name] = argument.value
    return keyword


def _culprit(family: str, arguments: Sequence[Argument], name: str | None) -> Argument | None:
    """The argument to blame: the last one of that name, or the one in its position."""
    by_name = [argument for argument in arguments if name is not None and argument.name == name]
    if by_name:
        return by_name[-1]
    positional = dict(zip(_parameters(family), arguments, strict=False))
    return positional.get(name) if name is not None else None


def _parameters(family: str) -> tuple[str, ...]:
    try:
        return tuple(parameter.name for parameter in find(family).parameters)
    except SpecError:
        return ()
