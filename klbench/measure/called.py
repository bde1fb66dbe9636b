"""Quantities in a sentence: each estimator once, with the levels and aggregations that the sentence holds for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from klbench.wording import joined

if TYPE_CHECKING:
    from klbench.derived.level import Level
    from klbench.measure.quantity import Quantity

Levels: TypeAlias = "tuple[Level | None, ...]"
EVERY = "at every level"


def plainly(quantity: Quantity) -> str:
    """``k1``, ``k1 (loss)``: without its level."""
    return replace(quantity, level=None).called


@dataclass(frozen=True)
class Caller:
    """Calls quantities by their names, among all that are measured.

    Args:
        measured: the levels that each has, by its name without one.
    """

    measured: Mapping[str, Levels]

    @staticmethod
    def among(quantities: Iterable[Quantity]) -> Caller:
        """Among all of these."""
        return Caller(_levels_of(quantities))

    def names(self, quantities: Sequence[Quantity], shortened: Callable[[Sequence[str]], str] = joined) -> str:
        """``k1 and k3 (sequence)``, ``k1 and k3 at every level``: those of the same levels together."""
        alike: dict[Levels, list[str]] = {}
        for name, levels in _levels_of(quantities).items():
            alike.setdefault(() if self._is_every(name, levels) else levels, []).append(name)
        if all(_is_sum(levels) or len(names) == len(levels) == 1 for levels, names in alike.items()):
            return shortened(list(dict.fromkeys(quantity.called for quantity in quantities)))
        parts = [f"{shortened(names)}{self._after(levels)}" for levels, names in alike.items()]
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"

    def where(self, levels: Iterable[Level | None]) -> str:
        """``at every level``, ``under token-mean``; empty where all that is measured has one level."""
        there = {level for each in self.measured.values() for level in each}
        if len(there) < 2:
            return ""
        if there <= set(levels):
            return EVERY
        # with one aggregation the level says it all
        if len({level.aggregation for level in there if level}) == len({level.name for level in there if level}):
            return f"at level {joined([level.name for level in levels if level])}"
        of_tokens = {level for level in there if level and level.name == "token"}
        return "at level token" if set(levels) == of_tokens else _where([level for level in levels if level])

    def _is_every(self, name: str, levels: Levels) -> bool:
        return len(levels) > 1 and set(levels) == set(self.measured.get(name, ()))

    def _after(self, levels: Levels) -> str:
        if _is_sum(levels):
            return ""
        return f" {_where([level for level in levels if level])}" if levels else f" {EVERY}"


def _levels_of(quantities: Iterable[Quantity]) -> dict[str, Levels]:
    found: dict[str, dict[Level | None, None]] = {}
    for quantity in quantities:
        found.setdefault(plainly(quantity), {})[quantity.level] = None
    return {name: tuple(levels) for name, levels in found.items()}


def _is_sum(levels: Levels) -> bool:
    """Whether it is one level, and the one that needs no word: single draws, and the sum over tokens."""
    return len(levels) == 1 and (levels[0] is None or not levels[0].called)


def _where(levels: Sequence[Level]) -> str:
    """``under seq-mean-token-sum and token-mean and at level sequence``."""
    aggregations = [level.aggregation for level in levels if level.aggregation]
    under = [f"under {joined(aggregations)}"] if aggregations else []
    return " and ".join([*under, *["at level sequence"] * (len(aggregations) < len(levels))])
