"""Words without quotes where an argument is a text: what is said of them."""

from __future__ import annotations

import re

from klbench.distributions.catalogue import find
from klbench.distributions.constraints import WORDS
from klbench.distributions.expression import Text
from klbench.distributions.family import Parameter
from klbench.errors import SpecError, choice_of, nearest, unknown
from klbench.spec.refusal import Refusal, shown

_LONGEST = 200
"""Characters of a path that are looked at, before what is wrong and in all."""
_NUMBERS = ("inf", "nan", "infinity")


def parameter_of(family: str, name: str | None, position: int) -> Parameter | None:
    """The parameter of this name, or in this position; None where there is no such family or too many arguments.

    Raises:
        SpecError: the family has no argument of the name.
    """
    try:
        declared = find(family)
    except SpecError:
        return None  # said once the arguments are read
    if name is None:
        return dict(enumerate(declared.parameters)).get(position)
    by_name = {parameter.name: parameter for parameter in declared.parameters}
    if name not in by_name:
        raise unknown(f"argument of {declared.name}", name, by_name)
    return by_name[name]


def refusal_of(text: str, word: str, parameter: Parameter, offset: int) -> Refusal | None:
    """The refusal of a bare word in a text as this argument; None where it may be one, or is no finite number."""
    if Text not in parameter.constraint.kinds or word in WORDS or word in _NUMBERS:
        return None
    words = parameter.constraint.words
    if not words:
        return without_quotes(path_from(text, offset) or word, offset)
    meant = [] if nearest(word, words) is None else choice_of(word, words)[:1]
    help = [*meant, f"allowed: {', '.join(words)}"]
    return Refusal(f"{parameter.name} cannot be {shown(word)}", help=dict.fromkeys(help), offset=offset)


def without_quotes(word: str, offset: int) -> Refusal:
    """The refusal of a text that has no quotes."""
    help = f'a text, such as the name of a file, is in quotes: "{word}"'
    return Refusal(f"{shown(word)} has no quotes", help=[help], offset=offset)


def path_at(text: str, offset: int) -> tuple[str, int] | None:
    """The path without quotes around a character that only paths have, and where it starts; None where none is."""
    start = max(0, offset - _LONGEST)
    before = re.search(r"[\w./\\:~@-]*\Z", text[start:offset])
    start += before.start() if before else 0
    path = path_from(text, start)
    is_path = start + len(path) > offset and re.search(r"[^\W\d]", path)
    return (path, start) if is_path else None


def path_from(text: str, offset: int) -> str:
    """The path without quotes that starts here."""
    path = re.match(r"[\w./\\:~@-]*", text[offset : offset + _LONGEST])
    assert path is not None
    return path[0]
