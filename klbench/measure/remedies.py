"""What to use instead: where something measured is biased, or descends something else, what would be right on the case.

Nothing is typed in: what is right is what has a bias of 0 by an exact road. It is looked for among what was measured,
and where nothing of that is right, among k1, k2, k3 and the like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite, isnan

from klbench.estimators.catalogue import estimators
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.estimator import Estimator, weighted
from klbench.estimators.vocabulary import EXACT, PLACEMENTS, Weighting
from klbench.measure import gradient_rows, rows
from klbench.measure.cells import Cell
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.gradient_rows import GradientAnswers
from klbench.measure.pair import Pair
from klbench.measure.rows import Answers
from klbench.measure.truth import Truth
from klbench.roads.exact import exact_road
from klbench.roads.points import Exact
from klbench.wording import agreeing, few, joined

_WORTH_A_NOTE = 0.01
"""Of the true value: a smaller bias is in the table, and nobody has to change anything."""


def instead_of_values(pair: Pair, answers: Sequence[Answers]) -> Iterator[str]:
    """A sentence for each target that some estimator is far from: which one is not biased here."""
    known = [each for each in answers if each.exact and _is_unit(each.truth.value)]
    for target in dict.fromkeys(each.estimator.target for each in known):
        same = [each for each in known if each.estimator.target == target]
        truth = same[0].truth
        far = _WORTH_A_NOTE * abs(truth.value)
        biased = list(dict.fromkeys(each.estimator.name for each in same if abs(each.exact_bias) > far))
        if not biased:
            continue
        moments = {each.estimator.name: each.exact for each in same if each.exact and each.exact_bias == 0}
        right = {name: exact for name, exact in moments.items() if exact.has_variance}
        found = right or dict(islice(_unbiased(pair, target, truth), 2))
        if found:
            are, others_are = agreeing(biased, "is", "are"), agreeing(found, "is", "are")
            exactly = "" if all(each.dtype == EXACT for each in same) else ", in float64"
            yield f"{few(biased)} {are} biased here; {few([*found])} {others_are} not{_quietest(found)}{exactly}."


def instead_of_gradients(exact: ExactGradients, answers: Sequence[GradientAnswers]) -> Iterator[str]:
    """A sentence for each target that some gradient does not descend: what does so here."""
    known = [each for each in answers if each.true_norm > 0 and not isnan(each.exact_bias) and not each.is_shrunk]
    shrunk = {each.cell.called for each in answers if each.is_shrunk}
    for target in dict.fromkeys(each.cell.estimator.target for each in known):
        same = [each for each in known if each.cell.estimator.target == target]
        right = [each.cell for each in same if each.exact_bias == 0 and each.has_variance]
        if len(right) == len(same):
            continue
        if right:
            names = [cell.called for cell in _without_idle_weights(right, exact.pair)]
            yield f"To descend the {target.name} here, use {few(list(dict.fromkeys(names)), 'or')}."
        elif found := list(islice((name for name in _descending(exact, target) if name not in shrunk), 2)):
            else_, do = "else " if shrunk else "", agreeing(found, "does", "do")
            of_finite = "" if all(each.has_variance for each in same) else " with a variance"
            yield f"Nothing {else_}measured{of_finite} descends the {target.name} here; {joined(found)} {do}."


def _unbiased(pair: Pair, target: Divergence, truth: Truth) -> Iterator[tuple[str, Exact]]:
    """The estimators of a target that are exactly right on this pair and have a variance, with their moments."""
    for plain in _of(target):
        estimator = plain if pair.sampler is None else weighted(plain)
        (found,) = exact_road(pair.integrand((estimator.term,)))
        if found is not None and found.has_variance and rows.bias_of(found, truth) == 0:
            yield estimator.name, found


def _descending(exact: ExactGradients, target: Divergence) -> Iterator[str]:
    """The places of estimators whose expected gradient is the true one on this pair, and that have a variance."""
    true = exact.true(target)
    weightings: tuple[Weighting, ...] = ("none",) if exact.pair.sampler is None else ("ratio", "detached")
    for estimator in dict.fromkeys([*_of(REVERSE_KL), *_of(target)]):
        for placement in PLACEMENTS:
            for weighting in weightings:
                cell = Cell(estimator, placement, weighting, EXACT)
                found = exact.under_draws(cell.term) if cell.has_gradient else None
                if found is not None and found.has_variance and gradient_rows.bias_of(found, true) == 0:
                    yield cell.called


def _without_idle_weights(cells: Sequence[Cell], pair: Pair) -> Sequence[Cell]:
    """On samples of q a weight is 1: the cells without one say it all, where there are some."""
    plain = [cell for cell in cells if cell.weighting == "none"]
    return plain if plain and pair.sampler is None else cells


def _of(target: Divergence) -> list[Estimator]:
    return [estimator for estimator in estimators() if estimator.target == target]


def _is_unit(true: float) -> bool:
    return isfinite(true) and true != 0


def _quietest(found: Mapping[str, Exact]) -> str:
    if len(found) < 2 or any(isnan(each.stdev) for each in found.values()):
        return ""
    name = min(found, key=lambda each: found[each].stdev)
    return f", and the {'quieter' if len(found) == 2 else 'quietest'} of them is {name}"
