"""Holds what a spec expects of sequences to the levels and aggregations that it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.estimators.vocabulary import level_called
from klbench.spec.cases import DEFAULT, Expectation, Place
from klbench.wording import joined

if TYPE_CHECKING:
    from klbench.spec.model import AnyPairSpec, Spec


def check(spec: Spec, pair: AnyPairSpec, estimator: str, expectation: Expectation) -> None:
    """Refuse a published value of no row, or of one of several without a word on which.

    Raises:
        SpecError: what to say instead.
    """
    asked = expectation.level or expectation.aggregation
    if not pair.has_sequences:
        if asked:
            help = ["take level and aggregation out: here every sample is one token or one number"]
            raise SpecError("the rows of this pair have no level", help=help)
        return
    places = _places(spec, estimator)
    if expectation.row_of(places) is None:
        there = [level_called(*place) or DEFAULT[1] for place in places]
        said = " and ".join(filter(None, (expectation.level, expectation.aggregation)))
        message = (
            f"{estimator} is not measured at {said}" if asked else f"it is not said which row of {estimator} is meant"
        )
        raise SpecError(message, help=[f"add its level, or its aggregation: there {_are(there)}"])


def _are(there: list[str]) -> str:
    return f"is {there[0]}" if len(there) == 1 else f"are {joined(there)}"


def _places(spec: Spec, name: str) -> list[Place]:
    """The levels that an estimator has rows at."""
    estimator = find(name)
    if estimator.home and spec.level is None and spec.aggregation is None:
        level, aggregation = estimator.home
        return [(level, aggregation or "")]
    aggregations = spec.aggregation or (DEFAULT[1],)
    of_tokens: list[Place] = [("token", aggregation) for aggregation in aggregations]
    only_tokens = estimator.to_go or estimator.whole is not None
    levels = spec.level or ("token",)
    return [
        *(of_tokens if "token" in levels else []),
        *([("sequence", "")] if "sequence" in levels and not only_tokens else []),
    ]
