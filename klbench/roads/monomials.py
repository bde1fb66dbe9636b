"""Products of two variables, as steps that are linear in the variables carry them on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

Monomial = tuple[str, str]
"""A product of two variables; the variable ``1`` is 1. In alphabetic order."""
Step = Mapping[str, tuple[tuple[str, str], ...]]
"""Of a variable: (factor, variable) that a step adds to it, the variable as it was before."""


@dataclass(frozen=True)
class Part:
    """A summand of what a monomial becomes.

    Args:
        before: the monomial before the step.
        factors: the step's factors that multiply it, in alphabetic order.
        times: how often.
    """

    before: Monomial
    factors: tuple[str, ...]
    times: int


def parts_of(step: Step, monomial: Monomial) -> tuple[Part, ...]:
    """A monomial after a step, as a sum over monomials before it."""
    one, other = ([((), name), *(((factor,), source) for factor, source in step.get(name, ()))] for name in monomial)
    found: dict[tuple[Monomial, tuple[str, ...]], int] = {}
    for (left, first), (right, second) in product(one, other):
        low, high = sorted((first, second))
        key = (low, high), tuple(sorted((*left, *right)))
        found[key] = found.get(key, 0) + 1
    return tuple(Part(before, factors, times) for (before, factors), times in found.items())


def needed_for(monomial: Monomial, steps: Iterable[Step]) -> tuple[Monomial, ...]:
    """All that has to be carried so that one monomial can be, itself first."""
    found, all_steps = [monomial], tuple(steps)
    for each in found:  # grows as it is gone through
        before = [part.before for step in all_steps for part in parts_of(step, each)]
        found += [one for one in dict.fromkeys(before) if one not in found]
    return tuple(found)
