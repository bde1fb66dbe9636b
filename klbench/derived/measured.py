"""What is computed of samples: a term, a term on sequences, or a ratio of sums over all samples."""

from __future__ import annotations

from klbench.derived.level import Apart, AtLevel, Level
from klbench.derived.precision import Evaluated, term_of
from klbench.derived.self_normalised import Pooled, Ratio, SelfNormalised

Measured = Evaluated | AtLevel | Apart | SelfNormalised
"""A function of log-probabilities: of single draws, or of sequences."""


def at_level(term: Evaluated, level: Level | None) -> Measured:
    """The term at a level, itself where there are no tokens; with its weights over their mean where it has that."""
    weighting = term_of(term)
    if weighting.weighted and weighting.normalised:
        return SelfNormalised(term, level)
    return term if level is None else AtLevel(term, level)


def ratio_of(measured: Measured, *, grouped: bool = False) -> Ratio | None:
    """The same as a ratio of sums over all samples; None for what is a mean over samples.

    Args:
        grouped: whether samples come in groups that share an error: then a mean over them is a ratio too.
    """
    if isinstance(measured, SelfNormalised):
        return measured
    if not isinstance(measured, AtLevel | Apart):
        return None
    return Pooled(measured) if grouped or measured.level.is_ratio_of_sums else None
