"""Notes on gradients that are a multiple of the true one, if ``follows`` has no name for the multiple.

A cosine of 1 beside ``none`` looks like an error and is right: ``follows`` names a multiple only if the factor is a
simple fraction and the gradient has enough components to tell it from chance. So the factor is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from klbench.estimators.vocabulary import FULL_PRECISION, placed
from klbench.results import CaseResult
from klbench.row import Row
from klbench.wording import few

_SHOWN = 5e-8
"""A cosine nearer to 1 than this is printed as 1 in seven digits."""


@dataclass(frozen=True)
class Multiple:
    """A gradient that is ``factor`` times the true one of ``target``; ``alone``: it has one component."""

    name: str
    target: str
    factor: float
    alone: bool


def multiple_notes(cases: Sequence[CaseResult]) -> Iterator[str]:
    """A sentence on all gradients that are a multiple without a name; over a grid with the range of factors."""
    multiples = [multiple for case in cases for row in case.rows if (multiple := _multiple(row))]
    factors: dict[tuple[str, str], list[float]] = {}
    for multiple in multiples:
        factors.setdefault((multiple.name, multiple.target), []).append(multiple.factor)
    if multiples:
        told = few([f"{name} is {_times(many)} that of the {target}" for (name, target), many in factors.items()])
        alone = " With one parameter, every gradient is a multiple of every other." * all(
            multiple.alone for multiple in multiples
        )
        where = "Where `follows` is none and the cosine 1 or −1"
        yield f"{where}, the gradient is a multiple of the true one: {told}.{alone}"


def _multiple(row: Row) -> Multiple | None:
    """The multiple that a row's gradient is; None if it has a name or another direction."""
    if row.follows != "none" or row.dtype != FULL_PRECISION or row.components is None:
        return None
    if not abs(abs(row.exact_cosine) - 1) < _SHOWN:
        return None
    exact, true = row.components.exact, row.components.true
    name = f"{row.called} ({placed(row.placement, row.weighting)})"
    return Multiple(name, row.target, float(exact @ true) / float(true @ true), alone=len(true) == 1)


def _times(factors: Sequence[float]) -> str:
    """``1.37 times``, over a grid ``0.5 to 1.37 times``."""
    ends = dict.fromkeys(f"{factor:.3g}".replace("-", "−") for factor in (min(factors), max(factors)))
    return f"{' to '.join(ends)} times"
