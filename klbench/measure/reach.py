"""What only tables and scores tell of a spec: whether policies walk together, and whether a gradient is too long.

Every case is held to it before one is measured, and a refusal says where in the spec the case is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from klbench.distributions.score import OneHotScore, Score
from klbench.distributions.shape import form
from klbench.errors import Location, SpecError
from klbench.problems.build import AnyPair, build_pair
from klbench.problems.sequence_score import SequenceScore
from klbench.roads.exact_vector import Atoms

if TYPE_CHECKING:
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec

MOST_COMPONENTS = 1024
"""The most rows and columns of a covariance matrix, which is kept whole where draws are not counted."""
_FEWER_CELLS = "take a policy with fewer states times tokens, such as Markov(vocab=31, ...)"
_WITHOUT_BASELINE = "take baseline out: the draws of a Categorical are counted then, whatever its size"
_FEWER_PARAMETERS = "name fewer with parameters, or take a Categorical without a baseline, whose draws are counted"


def hold_to_reach(spec: Spec) -> None:
    """Build every case that has tables or a gradient, and draw nothing.

    Raises:
        SpecError: located in the spec at q, p or the sampler: policies that cannot walk together, a file that cannot be
            read, a gradient of too many components.
    """
    gradients = "gradient" in spec.measure
    for index, pair in enumerate(spec.pairs):
        if not gradients and not form(pair.q).sequence:
            continue
        for case in pair.cases():
            built = _built(spec, case, index)
            if gradients:
                with _placed(case, spec.place_at("pairs", index, "q")):
                    _hold_gradient(built, spec.parameters, with_baseline=spec.baseline != "none")


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


def _hold_gradient(pair: AnyPair, parameters: tuple[str, ...] | None, *, with_baseline: bool) -> None:
    score = pair.score(parameters)
    # atoms are made only where the number of components leaves a question
    if len(score.components[0]) > MOST_COMPONENTS and (with_baseline or Atoms.of(pair, score) is None):
        components_within_reach(score, with_baseline=with_baseline)


def _built(spec: Spec, case: Case, index: int) -> AnyPair:
    try:
        return build_pair(case)
    except SpecError:
        for role, members in (("p", replace(case, sampler=None)), ("sampler", case)):
            with _placed(case, spec.place_at("pairs", index, role)):
                build_pair(members)
        raise


@contextmanager
def _placed(case: Case, place: Location | None) -> Iterator[None]:
    """Say of what is refused where it stands, and with which values of the grid."""
    try:
        yield
    except SpecError as error:
        values = ", ".join(f"{name} = {value}" for name, value in case.parameters.items())
        with_values = f"with {values}: " if values else ""
        raise SpecError(with_values + error.message, location=error.location or place, help=error.help) from error
