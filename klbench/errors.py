"""The errors a user can cause or meet, and what each says.

An error teaches: where it is, what was given, what is allowed, what to do. As text it says all of that, so that a
script or a notebook that does not catch it shows it. Every one carries the exit status the command line ends with, and
is printed in one place (``klbench.cli``); nothing below that place prints or exits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from klbench.excerpt import clean, excerpt

_ALIKE = 0.5
"""How alike, from 0 to 1, a name must be to one of the few allowed in a place: half of its letters may be wrong."""
SURELY = 0.7
"""How alike a name must be to be almost certainly the one that was meant: about a letter of four may be wrong."""


@dataclass(frozen=True)
class Location:
    """A place in a text the user wrote: ``spec.yaml:12:9``, the source line and the column under the caret.

    ``line`` and ``column`` count from 1. ``text`` is the whole source line, without its newline.
    """

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class KlbenchError(Exception):
    """Something the user should be told in a few lines. ``exit_status`` is what the command line ends with.

    Args:
        message: what is wrong, in one sentence, with what was given.
        location: where in the user's text, if it is in one.
        help: what is allowed and what to do, a line each.
    """

    exit_status = 3

    def __init__(self, message: str, *, location: Location | None = None, help: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.help = tuple(help)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle, which else would call the class with the message alone."""
        return _again, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        """The message, the place with its line and a caret, and what to do: a line each."""
        below = (gutter + text for gutter, text in excerpt(self.location, self.help))
        return "\n".join([clean(self.message), *below])


def _again(kind: type[KlbenchError], arguments: tuple[Any, ...], known: dict[str, Any]) -> KlbenchError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(known)
    return error


class SpecError(KlbenchError):
    """The spec or the call is wrong."""

    exit_status = 2

    def at(self, location: Location) -> SpecError:
        """The same error, placed at ``location`` unless it already has a place."""
        return SpecError(self.message, location=self.location or location, help=self.help)


class UserError(SpecError):
    """A user's own function cannot be used.

    Args:
        message: what is wrong with it, or what it does.
        name: the function's, as a spec names it.
        location: where in the user's own file, if it is there.
        help: as of a ``SpecError``.
    """

    def __init__(self, message: str, name: str, location: Location | None = None, help: Iterable[str] = ()) -> None:
        super().__init__(f"{name}: {message}", location=location, help=help)
        self.name = name

    def named_at(self, location: Location) -> SpecError:
        """The same error in a spec that names the function at ``location``, which is its place if it has no other."""
        named = [] if self.location is None else [f"{self.name} is named at {location}"]
        return SpecError(self.message, location=self.location or location, help=[*self.help, *named])


class RunError(KlbenchError):
    """The run could not be finished: no such device, a full disk, an interrupt."""


class Interrupted(RunError):  # noqa: N818
    """The user stopped the run (Ctrl-C)."""


def unknown(kind: str, given: str, allowed: Iterable[str]) -> SpecError:
    """The error for a name nobody knows: says what is allowed and what was probably meant.

    >>> print(unknown("estimator", "k33", ["k1", "k2", "k3"]).help[0])
    did you mean k3?
    """
    return SpecError(f"unknown {kind} {given!r}", help=choice_of(given, allowed))


def choice_of(given: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """The help with a name that is none of the ``allowed``: what was surely meant, else everything there is.

    >>> choice_of("estimatros", ["name", "estimators"])
    ('did you mean estimators?',)
    >>> choice_of("k4", ["k1", "abs"])
    ('did you mean k1?', 'allowed: k1, abs')
    """
    names = tuple(allowed)
    near = nearest(given, names)
    hint = () if near is None else (f"did you mean {near}?",)
    return hint if is_surely(given, near, names) else (*hint, f"allowed: {', '.join(names)}")


def is_surely(given: str, meant: str | None, names: Iterable[str]) -> bool:
    """Whether ``meant`` is so like what was given, and every other name less like it, that no list is needed.

    >>> is_surely("float8", "float64", ["float64", "float32"])
    False
    """
    likeness = {name: SequenceMatcher(None, name.lower(), given.lower()).ratio() for name in names}
    closest = likeness.pop(meant, 0.0) if meant else 0.0
    return closest >= SURELY and all(other < closest for other in likeness.values())


def nearest(given: str, names: Iterable[str], alike: float = _ALIKE) -> str | None:
    """The name that was probably meant, whatever its capitals, or None where none is ``alike`` enough.

    >>> nearest("norml", ["Normal", "Gamma"])
    'Normal'
    """
    by_letters = {name.lower(): name for name in names}
    near = get_close_matches(given.lower(), by_letters, n=1, cutoff=alike)
    return by_letters[near[0]] if near else None
