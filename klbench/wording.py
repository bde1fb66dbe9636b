"""The small words that sentences for a person are made of: a list of names, a share of the samples. No torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence, Sized
from math import floor, inf, isnan, log10

from klbench.tolerances import SHARE_ROUNDING

_MOST = 4
"""Of more names than these the others are only counted."""
_SEEN = 1e-3
"""A smaller share is written as one in so many."""


def joined(names: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``; with another word before the ``last``, ``a, b or c``."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def few(names: Sequence[str], last: str = "and") -> str:
    """The same, of many names only the first few: ``a, b, c, d and 96 more``."""
    more = len(names) - _MOST
    return joined([*names[:_MOST], f"{more:,} more"] if more > 1 else names, last)


def agreeing(subjects: Sized, one: str, many: str) -> str:
    """The form of a word that goes with so many subjects: ``is`` with one of them, else ``are``."""
    return one if len(subjects) == 1 else many


def with_error(value: float, error: float) -> str:
    """A number and its error to two digits of that: ``0.0264 ± 0.0041``."""
    if not (0 < error < inf) or error < _SMALLEST:
        return f"{value:.3g} ± {error:.2g}"
    places = max(0, 1 - floor(log10(error)))
    return f"{value:.{places}f} ± {error:.{places}f}"


_SMALLEST = 1e-6
"""A smaller error has too many zeros to be read."""


def counted(number: int, one: str) -> str:
    """A number of things by the name of one of them: ``1 sample``, ``10,000 samples``."""
    return f"{number:,} {one}" + ("" if number == 1 else "s")


def percent(fraction: float) -> str:
    """A share as ``48.0%``; one too small to see as ``<0.1%``, never as 0."""
    if isnan(fraction):
        return "–"
    if 0 < fraction < 0.0005:
        return "<0.1%"
    if 0.9995 < fraction < 1 - SHARE_ROUNDING:
        return ">99.9%"
    return f"{100 * fraction:.1f}%" if 0 < fraction < 1 - SHARE_ROUNDING else f"{100 * fraction:.0f}%"


def share(fraction: float) -> str:
    """A share with room to be told in: ``70.5%``, or ``1 in 140,000`` where it is rare."""
    return f"1 in {float(f'{1 / fraction:.2g}'):,.0f}" if 0 < fraction < _SEEN else percent(fraction)


def file_stem(name: str) -> str:
    """A name as the stem of a file: ``Student policy, df 5`` is ``student-policy-df-5``.

    >>> file_stem("k1 & k3/βeta")
    'k1-k3-eta'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "figure"
