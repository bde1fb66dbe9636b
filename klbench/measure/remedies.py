"""What to use instead: where something measured is biased, or descends something else, what would be right on the case.

Nothing is typed in: what is right is what has a bias of 0 by an exact road. It is looked for among what was measured,
and where nothing of that is right, among k1, k2, k3 and the like. The quietest comes first. Who uses a framework cannot
take just any: for what a framework ships it is looked for in the same release of it, each where it is put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from math import inf, isfinite, isnan

from klbench.estimators.catalogue import estimators, find, unweighted
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.estimator import Estimator, weighted
from klbench.estimators.vocabulary import FULL_PRECISION, PLACEMENTS, Weighting
from klbench.frameworks.catalogue import beside, is_shipped
from klbench.measure import gradient_rows, rows
from klbench.measure.cells import Cell
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.gradient_rows import GradientAnswers
from klbench.measure.pair import Pair
from klbench.measure.rows import Answers
from klbench.measure.truth import Truth
from klbench.roads.exact import exact_road
from klbench.wording import agreeing, few, joined

_WORTH_A_NOTE = 0.01
"""Of the true value: a smaller bias is in the table, and nobody has to change anything."""
_MANY_OWNERS = 2
"""Of more frameworks than these only the best of each is named: an audit has all of them."""
_DIGITS = 9
"""Exact noises that agree to these are one: the accuracy of an exact road."""


def instead_of_values(pair: Pair, answers: Sequence[Answers]) -> Iterator[str]:
    """A sentence for each target that some estimator is far from: which ones are not biased here."""
    known = [each for each in answers if each.exact and _is_unit(each.truth.value)]
    for target in dict.fromkeys(each.estimator.target for each in known):
        same = [each for each in known if each.estimator.target == target]
        truth = same[0].truth
        far = _WORTH_A_NOTE * abs(truth.value)
        biased = list(dict.fromkeys(each.estimator.name for each in same if abs(each.exact_bias) > far))
        if not biased:
            continue
        moments = {each.estimator.name: each.exact for each in same if each.exact and each.exact_bias == 0}
        right = {name: exact.stdev for name, exact in moments.items() if exact.has_variance}
        found = right or dict(islice(_unbiased(pair, _of(target), truth), 2))
        shipped = {owner: dict(_unbiased(pair, _beside(names), truth)) for owner, names in _by_owner(biased).items()}
        exactly = "" if all(each.dtype == FULL_PRECISION for each in same) else ", in float64"
        if found or shipped:
            yield f"{_instead(biased, found, exactly)}.{_shipped(shipped)}"


def instead_of_gradients(exact: ExactGradients, answers: Sequence[GradientAnswers]) -> Iterator[str]:
    """A sentence for each target that some gradient does not descend: what does so here."""
    known = [each for each in answers if each.true_norm > 0 and not isnan(each.exact_bias) and not each.is_shrunk]
    shrunk = {each.cell.called for each in answers if each.is_shrunk}
    for target in dict.fromkeys(each.cell.estimator.target for each in known):
        same = [each for each in known if each.cell.estimator.target == target]
        right = [each for each in same if each.exact_bias == 0 and each.has_variance]
        wrong = [each.cell.estimator.name for each in same if each not in right]
        if not wrong:
            continue
        owners = _by_owner([name for name in wrong if not _is_only_logged(name)])
        shipped = {owner: dict(_descending(exact, target, _own_cells(names))) for owner, names in owners.items()}
        if right:
            cells = _without_idle_weights(right, exact.pair)
            names = _quietest_first({each.cell.called: each.exact_noise for each in cells})
            yield f"To descend the {target.name} here, use {names}.{_shipped(shipped)}"
        elif found := [name for name in islice(_plainly_descending(exact, target), 2) if name[0] not in shrunk]:
            else_, of_finite = (
                "else " if shrunk else "",
                "" if all(each.has_variance for each in same) else " with a variance",
            )
            descending = _quietest_first(dict(found), "and", agreeing(found, " does", " do"))
            yield (
                f"Nothing {else_}measured{of_finite} descends the {target.name} here; {descending}.{_shipped(shipped)}"
            )


def _instead(biased: Sequence[str], found: Mapping[str, float], exactly: str) -> str:
    """``k2 is biased here; k3 and k1 are not, the quieter first``."""
    wrong = f"{few(biased)} {agreeing(biased, 'is', 'are')} biased here"
    return (
        f"{wrong}; {_quietest_first(found, 'and', agreeing(found, ' is not', ' are not'))}{exactly}" if found else wrong
    )


def _quietest_first(noise: Mapping[str, float], last: str = "or", verb: str = "") -> str:
    """All the names by noise, what they do, and that they are in this order."""
    digits = {name: inf if isnan(value) else float(f"{value:.{_DIGITS}g}") for name, value in noise.items()}
    one_of_two = len(noise) == 2
    order = f", the {'quieter' if one_of_two else 'quietest'} first"
    if len(set(digits.values())) == 1:
        order = f", {'both' if one_of_two else 'all'} equally noisy"
    if len(noise) < 2 or inf in digits.values():  # of some the noise is not known, and these come last
        order = ""
    return joined(sorted(digits, key=digits.__getitem__), last) + verb + order


def _shipped(by_owner: Mapping[str, Mapping[str, float]]) -> str:
    """Sentences: what each framework at hand has that is right, all of it, and which of them have nothing."""
    able = {owner: found for owner, found in by_owner.items() if found}
    each = [f"with {owner}: {_quietest_first(found)}" for owner, found in able.items()]
    sentences = [f"W{'; '.join(each)[1:]}."] if able else []
    if len(able) > _MANY_OWNERS:
        sentences = [
            f"The quietest of each framework: {joined([min(each, key=each.__getitem__) for each in able.values()])}."
        ]
    unable = [owner for owner, found in by_owner.items() if not found]
    return " ".join(["", *sentences, *[f"Nothing in {few(unable, 'or')} is right here."] * bool(unable)])


def _by_owner(names: Sequence[str]) -> dict[str, list[str]]:
    """The names of what frameworks ship, by framework and release: ``verl``, ``verl@0.4``."""
    found: dict[str, list[str]] = {}
    for name in names:
        if is_shipped(plain := unweighted(name)):
            found.setdefault(plain.partition(":")[0], []).append(plain)
    return found


def _beside(names: Sequence[str]) -> Iterator[Estimator]:
    """What the framework of these ships in the same release, as values: each with its own weight."""
    is_logged = all(_is_only_logged(name) for name in names)
    for name in beside(names[0]):
        estimator = find(name)
        if estimator.placement is None and not is_logged:
            continue  # a metric is no choice for a penalty
        yield replace(estimator, weighted=True) if estimator.weighting != "none" else estimator


def _own_cells(names: Sequence[str]) -> Iterator[Cell]:
    """The same as gradients: each where its framework puts it."""
    for name in beside(names[0]):
        estimator = find(name)
        if estimator.placement is not None:
            yield Cell(estimator, estimator.placement, estimator.weighting, FULL_PRECISION)


def _is_only_logged(name: str) -> bool:
    """Whether its framework does not descend it at all."""
    return is_shipped(name) and find(name).placement is None


def _unbiased(pair: Pair, estimators: Iterable[Estimator], truth: Truth) -> Iterator[tuple[str, float]]:
    """Those that are exactly right on this pair and have a variance, with their stdev.

    A plain estimator is weighted where the samples are stale; what a framework ships is taken as it is.
    """
    for plain in estimators:
        estimator = plain if pair.sampler is None or is_shipped(plain.name) else weighted(plain)
        (found,) = exact_road(pair.integrand((estimator.term,)))
        if found is not None and found.has_variance and rows.bias_of(found, truth) == 0:
            yield estimator.name, found.stdev


def _plainly_descending(exact: ExactGradients, target: Divergence) -> Iterator[tuple[str, float]]:
    """The places of k1, k2, k3 and the like that descend a target here."""
    weightings: tuple[Weighting, ...] = ("none",) if exact.pair.sampler is None else ("ratio", "detached")
    estimators = dict.fromkeys([*_of(REVERSE_KL), *_of(target)])
    places = product(estimators, PLACEMENTS, weightings)
    return _descending(
        exact, target, (Cell(estimator, place, weighting, FULL_PRECISION) for estimator, place, weighting in places)
    )


def _descending(exact: ExactGradients, target: Divergence, cells: Iterable[Cell]) -> Iterator[tuple[str, float]]:
    """Those whose expected gradient is the true one on this pair, and that have a variance, with their noise."""
    true = exact.true(target)
    for cell in cells:
        found = exact.under_draws(cell.term) if cell.has_gradient else None
        if found is not None and found.has_variance and gradient_rows.bias_of(found, true) == 0:
            yield cell.called, found.noise


def _without_idle_weights(answers: Sequence[GradientAnswers], pair: Pair) -> Sequence[GradientAnswers]:
    """On samples of q a weight is 1: the cells without one say it all, where there are some."""
    plain = [each for each in answers if each.cell.weighting == "none"]
    return plain if plain and pair.sampler is None else answers


def _of(target: Divergence) -> list[Estimator]:
    return [estimator for estimator in estimators() if estimator.target == target]


def _is_unit(true: float) -> bool:
    return isfinite(true) and true != 0
