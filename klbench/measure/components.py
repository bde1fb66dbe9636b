"""How many components a gradient may have: where draws are not counted, its covariance is kept whole."""

from __future__ import annotations

from klbench.distributions.score import OneHotScore, Score
from klbench.errors import SpecError
from klbench.problems.build import AnyPair
from klbench.problems.sequence_score import SequenceScore
from klbench.roads.exact_vector import Atoms

MOST_COMPONENTS = 1024
"""The most rows and columns of a covariance matrix, which is kept whole where draws are not counted."""
_FEWER_CELLS = "take a policy with fewer states times tokens, such as Markov(vocab=31, ...)"
_WITHOUT_BASELINE = "take baseline out: the draws of a Categorical are counted then, whatever its size"
_FEWER_PARAMETERS = "name fewer with parameters, or take a Categorical without a baseline, whose draws are counted"


def hold_gradient(pair: AnyPair, parameters: tuple[str, ...] | None, *, with_baseline: bool) -> None:
    """Refuse the gradient of a pair if it has too many components.

    Raises:
        SpecError: they are too many.
    """
    score = pair.score(parameters)
    if score is None:
        return
    # atoms are made only where the number of components leaves a question
    if len(score.components[0]) > MOST_COMPONENTS and (with_baseline or Atoms.of(pair, score) is None):
        components_within_reach(score, with_baseline=with_baseline)


def components_within_reach(score: Score, *, with_baseline: bool) -> int:
    """How many components a gradient has whose draws are not only counted.

    Raises:
        SpecError: they are too many.
    """
    components = len(score.components[0])
    if components > MOST_COMPONENTS:
        what = "a baseline takes" if with_baseline else "these take"
        message = f"the gradient has {components:,} components, more than {what}: {MOST_COMPONENTS:,}"
        raise SpecError(message, help=[_fewer(score)])
    return components


def _fewer(score: Score) -> str:
    if isinstance(score, SequenceScore):
        return _FEWER_CELLS
    return _WITHOUT_BASELINE if isinstance(score, OneHotScore) else _FEWER_PARAMETERS
