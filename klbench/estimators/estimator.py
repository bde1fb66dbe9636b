"""An estimator: one pure function of log-probabilities, and what it declares about itself.

Everything klbench says about an estimator (bias, noise, moments, exact and sampled) is derived from ``function``. The
rest is declared data, which the contract tests hold it to. Functions are elementwise, use tensor methods only (so
that naming an estimator does not import torch) and never work in place, so that autograd can differentiate them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import cleandoc
from math import inf
from typing import TYPE_CHECKING

from klbench.errors import SpecError
from klbench.estimators.divergence import Divergence
from klbench.estimators.term import Expansion, Function, Joint, LooksAt, Scope, Term, plus
from klbench.estimators.vocabulary import Aggregation, LevelName, Placement, Weighting

if TYPE_CHECKING:
    from klbench.estimators.whole import Whole

OPTIMAL = "optimal"
_LARGEST = 1e9
"""Of the number of a family, either sign: there is no use for more, and a slip such as 1e99 is told at once."""


@dataclass(frozen=True)
class Estimator:
    """One estimator with its declarations.

    Args:
        name: as a spec writes it.
        formula: in r = p/q and log r.
        target: the divergence it is meant to estimate.
        function: log_ratio [n] -> values [n], nats.
        unbiased: whether E_q of it is the target wherever p has no mass outside q's support.
        nonnegative: whether no sample's value is negative.
        biased_when, infinite_variance_when: when to be careful, in a sentence.
        source: the paper or repository it is from.
        used_by: who ships it.
        summary: the function's docstring.
        weighted: whether the value is multiplied by q/sampler.
        control: where a coefficient is still to be fitted, the control variate it multiplies.
        expansion: ``function`` as a finite sum, as a ``Term`` has it, where it is one.
        control_expansion: the same of ``control``.
        scope, clip, normalised: of its weight, as a ``Term`` has them.
        whole: the estimator as a function of whole distributions, where it is one; ``function`` then tells nothing.
        home: the level and aggregation of sequences it is taken at when a spec does not say; None for a spec's own.
        to_go: whether, on sequences, it weighs a token's score with its sum from that token on; only in the reward.
        joint: the estimator as a function of (log_q, log_p, log_sampler), casts and all, where there is more to it than
            log_ratio; ``function`` is then what it is on samples of q.
        looks_at: what it depends on, as a ``Term`` has it.
        placement: where it is put when a spec does not say, ``loss`` or ``reward``; None for both.
        weighting: how it is weighted when a spec does not say: ``none``, ``ratio`` or ``detached``.
    """

    name: str
    formula: str
    target: Divergence
    function: Function
    unbiased: bool
    nonnegative: bool
    biased_when: str
    infinite_variance_when: str
    source: str
    used_by: str = ""
    summary: str = ""
    weighted: bool = False
    control: Function | None = None
    joint: Joint | None = None
    looks_at: LooksAt = "ratio"
    placement: Placement | None = None
    weighting: Weighting = "none"
    expansion: Expansion | None = None
    control_expansion: Expansion | None = None
    scope: Scope = "sample"
    clip: float = inf
    normalised: bool = False
    home: tuple[LevelName, Aggregation | None] | None = None
    to_go: bool = False
    whole: Whole | None = None

    @property
    def term(self) -> Term:
        """The function of log-probabilities this estimator is."""
        return Term(
            self.function,
            self.weighted,
            self.joint,
            self.looks_at,
            expansion=self.expansion,
            scope=self.scope,
            clip=self.clip,
            normalised=self.normalised,
            whole=self.whole,
        )

    @property
    def control_term(self) -> Term | None:
        """The control variate whose coefficient is still to be fitted, if there is one."""
        if self.control is None:
            return None
        return Term(self.control, self.weighted, expansion=self.control_expansion, scope=self.scope, clip=self.clip)

    def fitted(self, coefficient: float) -> Estimator:
        """The same estimator with its control variate's coefficient settled."""
        base, control = self.function, self.control
        if control is None:
            return self
        return replace(
            self,
            control=None,
            function=lambda log_ratio: base(log_ratio) + coefficient * control(log_ratio),
            expansion=plus(self.expansion, self.control_expansion, coefficient),
        )


@dataclass(frozen=True)
class EstimatorFamily:
    """Estimators that differ by one number, written ``name(value)``.

    Args:
        name: as a spec writes it, before the parenthesis.
        parameter: the number's name and what it does.
        example: a value to show and to test with.
        make: value -> the estimator.
        optimal: the estimator whose coefficient is fitted, where ``name(optimal)`` is meaningful.
        summary: what the family is.
    """

    name: str
    parameter: str
    example: float
    make: Callable[[float], Estimator]
    summary: str
    optimal: Estimator | None = None

    def bind(self, text: str) -> Estimator:
        """The member that ``text`` (what stands between the parentheses) names.

        Raises:
            SpecError: ``text`` is not a finite number (or ``optimal`` where that is allowed).
        """
        if text == OPTIMAL and self.optimal is not None:
            return self.optimal
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not abs(value) <= _LARGEST:
            allowed = "a number between -1e9 and 1e9" + (", or optimal" if self.optimal else "")
            raise SpecError(
                f"{self.name}({text}): {self.parameter} is {allowed}",
                help=[f"for example {self.name}({self.example:g})"],
            )
        return self.make(value)


def weighted(estimator: Estimator, prefix: str = "ratio") -> Estimator:
    """The importance-weighted version, times ρ = q/sampler, for samples that do not come from q.

    Args:
        prefix: ``ratio``, ``ratio-sequence`` or ``ratio-geometric``: whose weight it is, on sequences; with
            ``self-normalised-`` before it the weights are divided by their mean.
    """
    scope = prefix.removeprefix(SELF_NORMALISED)
    normalised = scope != prefix
    no_moment = "ρ times the value has no second moment under the sampler"
    plain = estimator.infinite_variance_when
    return replace(
        estimator,
        name=f"{prefix}*{estimator.name}",
        scope=SCOPE_OF[scope],
        formula=f"ρ · ({estimator.formula})" + " / mean ρ" * normalised,
        weighted=True,
        normalised=normalised,
        biased_when=_also("the sampler misses part of q's support", estimator.biased_when),
        infinite_variance_when=_also(no_moment, plain),
        summary=f"{estimator.summary}\n\nTimes the importance weight ρ = q(x)/sampler(x), if x comes from a sampler.",
    )


SELF_NORMALISED = "self-normalised-"
"""Before the name of a weight: the weights are divided by their mean over all samples."""
WEIGHT = "(self-normalised-)?ratio(-sequence|-geometric)?"
"""The names of weights, as a pattern."""


SCOPE_OF: Mapping[str, Scope] = {"ratio": "sample", "ratio-sequence": "sequence", "ratio-geometric": "geometric"}
"""The names of weights in front of an estimator, ``ratio-sequence*k3``, and whose weight each is."""


def _also(first: str, then: str) -> str:
    """Both conditions, the second only if it ever holds."""
    return first if then.startswith("never") else f"{first}, or: {then}"


def summary_of(function: Callable[..., object]) -> str:
    """The function's docstring, dedented."""
    return cleandoc(function.__doc__ or "")
