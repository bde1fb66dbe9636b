"""A text as units: its characters or its words, numbered in their sorted order. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from klbench.distributions.expression import Text
from klbench.distributions.named_files import FileFault, content

MOST_CELLS = 2**26
"""States times tokens of the table of an n-gram: each is 8 bytes, and 8 more of where it leads."""
_KEPT = 4


def corpus_fault(name: Text) -> tuple[str, str] | None:
    """Why a file is no text that can be counted, and what to do; None where it is."""
    try:
        if not _decoded(content(name)).strip():
            raise FileFault("is empty", "a text of at least one word")
    except FileFault as fault:
        return fault.what, fault.advice
    return None


def units_of(name: Text, unit: Text) -> Sequence[str]:
    """The characters of a text, or its words: what stands between blanks. Line ends are ``\\n`` on every machine.

    Raises:
        FileFault: the file is no text.
    """
    return _units(content(name), unit.text)


def vocabulary_of(name: Text, unit: Text) -> Mapping[str, int]:
    """The tokens: the number of each unit that occurs, in sorted order.

    Raises:
        FileFault: the file is no text.
    """
    return _vocabulary(content(name), unit.text)


def ngram_states(name: Text, unit: Text, order: int) -> int:
    """How many states the n-gram has at most, contexts of every length below ``order``, the short ones twice; or
    more than ``MOST_CELLS`` allows, not counted to the end.

    Raises:
        FileFault: the file is no text.
    """
    return _states(content(name), unit.text, order)


@lru_cache(_KEPT)
def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        raise FileFault(what, "save the text in the encoding UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(_KEPT)
def _units(data: bytes, unit: str) -> Sequence[str]:
    text = _decoded(data)
    return text if unit == "char" else text.split()


@lru_cache(_KEPT)
def _vocabulary(data: bytes, unit: str) -> Mapping[str, int]:
    return {one: number for number, one in enumerate(sorted(set(_units(data, unit))))}


@lru_cache(64)
def _states(data: bytes, unit: str, order: int) -> int:
    units = _units(data, unit)
    if order == 1:
        return 1
    states, vocabulary = 0, len(_vocabulary(data, unit))
    for k in range(order):
        contexts = len({tuple(units[at : at + k]) for at in range(len(units) - k + 1)})
        states += contexts if k == order - 1 else 2 * contexts
        if states * vocabulary > MOST_CELLS:  # so many at least: to count the longer ones takes long
            break
    return states
