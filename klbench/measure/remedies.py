"""What to use instead of an estimator that is biased on the case, or whose gradient descends another divergence.

Nothing is typed in: what is right is what has a bias of 0 by an exact method. It is looked for among what was measured,
and where nothing of that is right, among k1, k2, k3 and the like. The quietest comes first. Who uses a framework cannot
take just any: for what a framework ships it is looked for in the same release of it, each where it is put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf, isfinite, isnan
from typing import TYPE_CHECKING

from klbench.estimators.catalogue import estimators, find, unweighted
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.frameworks.catalogue import beside, is_shipped
from klbench.measure.called import Caller, plainly
from klbench.measure.quantity import Aim
from klbench.wording import agreeing, few, joined

if TYPE_CHECKING:
    from klbench.derived.level import Level
    from klbench.estimators.estimator import Estimator
    from klbench.measure.answer import Answer
    from klbench.measure.kind import Kind
    from klbench.measure.quantity import Quantity
    from klbench.measure.truth import Unseen

_WORTH_A_NOTE = 0.01
"""A share of the true value: a smaller bias shows in the table only, and needs no remedy."""
_MANY_OWNERS = 2
"""With more frameworks, as in an audit, only the best estimator of each is named."""
_DIGITS = 9
"""Exact noises that agree to so many digits count as equal: the accuracy of an exact number."""
_TO_DESCEND, _NOTHING = "To descend", "Nothing"
_SUGGESTED = 2
"""How many of klbench's own estimators are named if nothing measured is right."""


def instead_of_values(kind: Kind, answers: Sequence[Answer], unseen: Unseen) -> Iterator[str]:
    """A sentence for each target with a biased estimator: which estimators are not biased here."""
    known = [answer for answer in answers if answer.exact and _is_unit(answer.true.size)]
    yield from _by_level(_each_value(kind, known, unseen), Caller.among(answer.quantity for answer in answers))


def _each_value(kind: Kind, known: Sequence[Answer], unseen: Unseen) -> Iterator[tuple[Level | None, str]]:
    for aim in dict.fromkeys(answer.quantity.aim for answer in known):
        same = [answer for answer in known if answer.quantity.aim == aim]
        far = _WORTH_A_NOTE * abs(same[0].true.size)
        biased = list(dict.fromkeys(plainly(answer.quantity) for answer in same if abs(answer.exact_bias) > far))
        if not biased:
            continue
        names = {plainly(answer.quantity): answer.quantity.estimator.name for answer in same}
        moments = {plainly(answer.quantity): answer.exact for answer in same if answer.exact_bias == 0}
        among = {name: exact.stdev for name, exact in moments.items() if exact.has_variance}
        plain = list(_plain(kind, [*_of(aim.divergence), *_of_whole(aim)], aim))
        suggested = {} if among else _first(kind, plain, aim)
        right = among or suggested
        owners = _by_owner(list(dict.fromkeys(names[called] for called in biased)))
        shipped = {owner: _right(kind, _beside(kind, shipped, aim), aim) for owner, shipped in owners.items()}
        exactly = "" if all(answer.is_full_precision for answer in same) else ", in float64"
        cost = _cost_of_weights(kind, suggested, aim)
        if right or shipped:
            unclipped = _without_clip(kind) * bool(suggested)
            yield aim.level, f"{_instead(biased, right, exactly, unclipped)}{cost}.{_shipped(shipped)}"
        elif _no_weight_corrects(kind, plain, unseen):
            yield aim.level, f"{_instead(biased, {}, exactly, '')}, and no importance weight corrects that."


def instead_of_gradients(kind: Kind, answers: Sequence[Answer]) -> Iterator[str]:
    """A sentence for each target that some gradient does not descend: which gradients do here."""
    known = [answer for answer in answers if answer.true.size > 0 and not isnan(answer.exact_bias)]
    shrunk = {plainly(answer.quantity) for answer in answers if answer.quantity.is_shrunk}
    known = [answer for answer in known if not answer.quantity.is_shrunk]
    yield from _by_level(_each_gradient(kind, known, shrunk), Caller.among(answer.quantity for answer in answers))


def _each_gradient(kind: Kind, known: Sequence[Answer], shrunk: set[str]) -> Iterator[tuple[Level | None, str]]:
    for aim in dict.fromkeys(answer.quantity.aim for answer in known):
        target, same = aim.divergence, [answer for answer in known if answer.quantity.aim == aim]
        right = [answer for answer in same if answer.exact_bias == 0 and answer.has_variance]
        wrong = [answer.quantity.estimator.name for answer in same if answer not in right]
        if not wrong:
            continue
        owners = _by_owner([name for name in wrong if not _is_only_logged(name)])
        shipped = {owner: _right(kind, _beside(kind, names, aim), aim) for owner, names in owners.items()}
        if right:
            noise = {plainly(answer.quantity): answer.exact_noise for answer in _without_idle_weights(right, kind)}
            yield aim.level, f"{_TO_DESCEND} the {target.name} here, use {_quietest_first(noise)}.{_shipped(shipped)}"
            continue
        plain = _plain(kind, list(dict.fromkeys([*_of(REVERSE_KL), *_of(target)])), aim)
        suggested = {name: noise for name, noise in _first(kind, plain, aim).items() if name not in shrunk}
        if suggested:
            else_ = "else " if shrunk else ""
            of_finite = "" if all(answer.has_variance for answer in same) else " with a variance"
            descending = _quietest_first(suggested, "and", agreeing(suggested, " does", " do"))
            nothing = f"{_NOTHING} {else_}measured{of_finite} descends the {target.name} here"
            cost = _cost_of_weights(kind, suggested, aim)
            yield aim.level, f"{nothing}; {_without_clip(kind)}{descending}{cost}.{_shipped(shipped)}"


def _cost_of_weights(kind: Kind, suggested: Mapping[str, float], aim: Aim) -> str:
    """``: stdev/true 2.1 and 5.6``, in the order of the names: of weights that were not measured here."""
    known = sorted(noise / abs(kind.target(aim).size) for noise in suggested.values() if isfinite(noise))
    if kind.pair.sampler is None or not known or len(known) < len(suggested):
        return ""
    return f": stdev/true {joined([f'{noise:.3g}' for noise in known])}"


def _without_clip(kind: Kind) -> str:
    """A word on suggestions where the spec cuts weights off: the suggested ones are whole."""
    return "" if kind.pair.sampler is None or kind.plan.clip == inf else "without clip "


def _of_whole(aim: Aim) -> list[Estimator]:
    """What knows a token's whole distribution, where there are tokens."""
    of_tokens = aim.divergence == REVERSE_KL and aim.level is not None and aim.level.name == "token"
    return [find("full")] if of_tokens else []


def _no_weight_corrects(kind: Kind, plain: Sequence[Quantity], unseen: Unseen) -> bool:
    """Whether all that is weighted is known to be biased, though all of q is drawn: where some is not, a note of its
    own says so."""
    if kind.pair.sampler is None or unseen.of_q:
        return False
    return all(kind.exact(quantity) is not None for quantity in plain)


def _by_level(said: Iterable[tuple[Level | None, str]], caller: Caller) -> Iterator[str]:
    """Each sentence once, with the levels that it holds at where there are others."""
    levels: dict[str, list[Level | None]] = {}
    for level, sentence in said:
        levels.setdefault(sentence, []).append(level)
    for sentence, where in levels.items():
        at = caller.where(where)
        pause = ":" if " and " in at else ","
        yield f"{at[0].upper()}{at[1:]}{pause} {_continued(sentence)}" if at else sentence


def _continued(sentence: str) -> str:
    """A sentence after its first words; one that starts with a name stays as it is."""
    return sentence[0].lower() + sentence[1:] if sentence.startswith((_TO_DESCEND, _NOTHING)) else sentence


def _plain(kind: Kind, estimators: Iterable[Estimator], aim: Aim) -> Iterator[Quantity]:
    """What klbench's own estimators may be at the level of an aim."""
    return (quantity for estimator in estimators for quantity in kind.plain(estimator, aim.level))


def _right(kind: Kind, quantities: Iterable[Quantity], aim: Aim) -> dict[str, float]:
    """The names of quantities with no bias and a finite variance on this pair, with their noise."""
    return dict(_each_right(kind, quantities, aim))


def _first(kind: Kind, quantities: Iterable[Quantity], aim: Aim) -> dict[str, float]:
    """The first few quantities with no bias and a finite variance, with their noise."""
    return dict(islice(_each_right(kind, quantities, aim), _SUGGESTED))


def _each_right(kind: Kind, quantities: Iterable[Quantity], aim: Aim) -> Iterator[tuple[str, float]]:
    true = kind.target(aim).value
    for quantity in quantities:
        exact = kind.exact(quantity)
        if exact is not None and exact.has_variance and exact.off(true) == 0:
            yield plainly(quantity), exact.noise


def _instead(biased: Sequence[str], right: Mapping[str, float], exactly: str, first: str) -> str:
    """``k2 is biased here; k3 and k1 are not, the quieter first``."""
    wrong = f"{few(biased)} {agreeing(biased, 'is', 'are')} biased here"
    return (
        f"{wrong}; {first}{_quietest_first(right, 'and', agreeing(right, ' is not', ' are not'))}{exactly}"
        if right
        else wrong
    )


def _quietest_first(noise: Mapping[str, float], last: str = "or", verb: str = "") -> str:
    """``k3 and k1 are not, the quieter first``: the names by noise, a verb, and a word on the order."""
    # to the digits shown, which the order must not contradict; what is not known comes last
    digits = {name: inf if isnan(value) else float(f"{value:.{_DIGITS}g}") for name, value in noise.items()}
    one_of_two = len(noise) == 2
    order = f", the {'quieter' if one_of_two else 'quietest'} first"
    if len(set(digits.values())) == 1:
        order = f", {'both' if one_of_two else 'all'} equally noisy"
    if len(noise) < 2 or inf in digits.values():  # an unknown noise counts as infinite
        order = ""
    return joined(sorted(digits, key=digits.__getitem__), last) + verb + order


def _shipped(by_owner: Mapping[str, Mapping[str, float]]) -> str:
    """Sentences: the right estimators of each framework in use, and the frameworks that have none."""
    able = {owner: right for owner, right in by_owner.items() if right}
    told = [f"with {owner}: {_quietest_first(right)}" for owner, right in able.items()]
    sentences = [f"W{'; '.join(told)[1:]}."] if able else []
    if len(able) > _MANY_OWNERS:
        quietest = [min(right, key=right.__getitem__) for right in able.values()]
        sentences = [f"The quietest of each framework: {joined(quietest)}."]
    unable = [owner for owner, right in by_owner.items() if not right]
    return " ".join(["", *sentences, *[f"Nothing in {few(unable, 'or')} is right here."] * bool(unable)])


def _by_owner(names: Sequence[str]) -> dict[str, list[str]]:
    """The names that frameworks ship, by framework and release: ``verl``, ``verl@0.4``."""
    owners: dict[str, list[str]] = {}
    for name in names:
        if is_shipped(plain := unweighted(name)):
            owners.setdefault(plain.partition(":")[0], []).append(plain)
    return owners


def _beside(kind: Kind, names: Sequence[str], aim: Aim) -> Iterator[Quantity]:
    """The quantities that the framework of these names ships in the same release, in that framework's places.

    A metric is no choice for a penalty: what is only logged is left out, unless all of these are only logged.
    """
    is_logged = all(_is_only_logged(name) for name in names)
    for name in beside(names[0]):
        if is_logged or not _is_only_logged(name):
            yield from kind.at_home(find(name), aim.level)


def _is_only_logged(name: str) -> bool:
    """Whether a framework ships it and only logs it."""
    return is_shipped(name) and find(name).placement is None


def _without_idle_weights(answers: Sequence[Answer], kind: Kind) -> Sequence[Answer]:
    """On samples of q, whose weights are 1, only the gradients without a weight, if there are some."""
    plain = [answer for answer in answers if answer.quantity.place and not answer.quantity.place.is_weighted]
    return plain if plain and kind.pair.sampler is None else answers


def _of(target: Divergence) -> list[Estimator]:
    return [estimator for estimator in estimators() if estimator.target == target]


def _is_unit(true: float) -> bool:
    return isfinite(true) and true != 0
