"""Notes on how much noisier one estimator of a target is than another, and what that costs in samples.

An unbiased estimator may still be useless: where one token is lost, k3 has a hundred times the noise of k1, so the same
error bar takes ten thousand times the samples. Of each target the quietest estimator that is not biased is the measure
of the others. The exact noise is compared where it is known, else the measured noise where its error bar is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan

from klbench.estimators.vocabulary import REVERSE_KL, placed
from klbench.report.numbers import parameters_text
from klbench.results import CaseResult
from klbench.row import Row
from klbench.tolerances import TRUSTED
from klbench.wording import few

_WORTH_A_NOTE = 2.0
"""Twice the noise, and so four times the samples; smaller factors show in the table only."""
_OF_SEQUENCES = "at level sequence"
_UNBIASED = 0.01
"""A share of the true value, as in the notes on bias."""
_MOST = 4
"""The most groups of estimators in a sentence; further ones are only counted."""


@dataclass(frozen=True)
class Noisier:
    """One estimator next to the quietest of the same target: ``factor`` times its noise, in the case ``at``."""

    name: str
    quietest: str
    factor: float
    at: str


Kind = tuple[str, bool]
"""A target, and whether it is of its gradient."""
_SUM = "seq-mean-token-sum"


def noise_notes(cases: Sequence[CaseResult]) -> Iterator[str]:
    """A sentence for each target whose estimators differ in noise by more than 2; over a grid, or several ways to make
    one number of token values, by how much at most."""
    kinds: dict[Kind, dict[str, None]] = {}
    for case in cases:
        for row in case.rows:
            kinds.setdefault((row.target, row.is_gradient), {})[_way(row)] = None
    for kind, ways in kinds.items():
        noisier = [item for case in cases for way in ways for item in _noisier(case, kind, way, len(ways) > 1)]
        largest: dict[tuple[str, str], Noisier] = {}
        for item in sorted(noisier, key=lambda noisier: -noisier.factor):
            largest.setdefault((item.name, item.quietest), item)
        if largest:
            yield _sentence([*largest.values()], at_most=len(cases) > 1 or len(ways) > 1)


def _way(row: Row) -> str:
    """What a row makes of tokens. Of the reverse KL a sum over tokens and a value of the sequence estimate one number;
    of other divergences two."""
    if row.level == "sequence":
        return _SUM if row.target == REVERSE_KL else _OF_SEQUENCES
    return row.aggregation


def _noisier(case: CaseResult, kind: Kind, way: str, is_told: bool) -> Iterator[Noisier]:
    dtype = case.rows[0].dtype
    rows = [
        row for row in case.rows if (row.target, row.is_gradient) == kind and _way(row) == way and row.dtype == dtype
    ]
    noise = {_called(row): _noise(row) for row in rows if not row.is_gradient or _is_unbiased(row)}
    known = {name: value for name, value in noise.items() if isfinite(value) and value > 0}
    right = {_called(row) for row in rows if _is_unbiased(row)}
    among = {name: value for name, value in known.items() if name in right} or known
    if among:
        quietest = min(among, key=among.__getitem__)
        for name, value in known.items():
            if value > _WORTH_A_NOTE * known[quietest]:
                at = [f"at {parameters_text(case.case.parameters)}"] if case.case.parameters else []
                under = [way if way == _OF_SEQUENCES else f"under {way}"] if is_told else []
                yield Noisier(name, quietest, value / known[quietest], ", ".join([*at, *under]))


def _called(row: Row) -> str:
    place = f" ({placed(row.placement, row.weighting)})" if row.is_gradient else ""
    of_sequences = " (sequence)" if row.level == "sequence" else ""
    return row.estimator + of_sequences + place


def _noise(row: Row) -> float:
    """The noise of one sample divided by the true value; NaN if it is not known or its error bar is not trusted."""
    if not isnan(row.exact_stdev_over_true):
        return row.exact_stdev_over_true
    trusted = isfinite(row.stdev_over_true_mcse) and not row.khat > TRUSTED
    return row.stdev_over_true if trusted else nan


def _is_unbiased(row: Row) -> bool:
    """Whether its bias is negligible: exactly, or else within three standard errors."""
    if not isnan(row.exact_bias_over_true):
        return abs(row.exact_bias_over_true) <= _UNBIASED
    return abs(row.bias_over_true) <= max(_UNBIASED, 3 * row.bias_over_true_mcse)


def _sentence(noisier: Sequence[Noisier], *, at_most: bool) -> str:
    groups = _alike(noisier)
    first, *rest = (_clause(names, example, at_most) for names, example in groups[:_MOST])
    more = len(groups) - _MOST
    others = [*rest, *[f"{more} more by more than 2"] * (more > 0)]
    return "; ".join([f"{first} for the same error bar", *others]) + "."


def _alike(noisier: Sequence[Noisier]) -> list[tuple[str, Noisier]]:
    """Estimators that get the same words, grouped under their names."""
    groups: dict[tuple[str, str, str], list[Noisier]] = {}
    for item in noisier:
        groups.setdefault((item.quietest, _times(item.factor), item.at), []).append(item)
    return [(_names(group), group[0]) for group in groups.values()]


def _names(group: Sequence[Noisier]) -> str:
    return few([item.name for item in group])


def _clause(names: str, noisier: Noisier, at_most: bool) -> str:
    """``k3 has up to 110 times the noise of k1 (at b = 1) and takes up to 11,000 times the samples``."""
    most, at = ("up to ", f" ({noisier.at})") if at_most and noisier.at else ("", "")
    has, takes = ("have", "take") if " and " in names else ("has", "takes")
    noise, samples = _times(noisier.factor), _times(noisier.factor**2)
    return f"{names} {has} {most}{noise} the noise of {noisier.quietest}{at} and {takes} {most}{samples} the samples"


def _times(factor: float) -> str:
    """``14 times``, to two digits."""
    return f"{float(f'{factor:.2g}'):,.12g} times"
