"""An entry: one estimator as one framework ships it, declared as data, and the function made of that data.

All of them are the same steps in the same order, and an entry says which it has: log-probabilities cast, log_ratio
formed and clamped, the arithmetic, a weight, the value clamped, another gradient put in its place. What an estimator
declares of itself follows from the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.estimator import Estimator
from klbench.estimators.schulman import k2
from klbench.estimators.term import Expansion, on_samples_of_q
from klbench.estimators.vocabulary import Aggregation, LevelName, Placement, Weighting
from klbench.frameworks.arithmetic import Arithmetic, Weight
from klbench.frameworks.on_sequences import NOT_SETTLED, OnSequences
from klbench.frameworks.releases import Releases

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Source:
    """The place of the code: a public repository, a file in it, and the function or option.

    Args:
        read: whether it was read and never run beside the entry.
    """

    repository: str
    file: str = ""
    where: str = ""
    read: bool = False

    def __str__(self) -> str:
        note = "read, not run" if self.read else ""
        return ", ".join(part for part in (self.repository, self.file, self.where, note) if part)


@dataclass(frozen=True)
class Entry:
    """One estimator as a framework ships it.

    Args:
        framework: its key, as a spec writes it before the colon.
        name: the framework's own name for it, or the trainer's.
        arithmetic: what is computed of log_ratio between the clamps.
        source: where it is from.
        summary: what to know of it, in a sentence or two.
        option: how it is selected, and whether that is the default; empty where the framework has nothing else.
        since, until: the first and the last release that shipped it, both included; empty where there is no limit. An
            ``until`` of three numbers is that release alone, one of fewer has its patch releases in it.
        main_after: the last release known not to have it, where only the main branch does.
        aliases: other names the framework has for it.
        aliases_since: the first release with the other names, where that came later.
        placement: where it goes by default, ``loss`` or ``reward``; None where it is only logged.
        weighting: what multiplies it last by default, ``none``, ``ratio`` or ``detached``.
        weight: what multiplies it before its value is clamped.
        clamp_log_ratio, clamp_value: the bounds ±b of the clamps, nats.
        cast: the dtype log-probabilities of less precision are cast to before they are subtracted.
        replaced: what an infinite log_ratio becomes, ±this; NaN becomes 0.
        straight_through: whether the gradient is that of ½ log² r, unclamped, whatever the value.
        against_sampler: whether the sampler stands where the reference p should.
        target: what it is meant to estimate.
        on_sequences: level and aggregation of its KL by default; None where they are those of the framework in that
            place, which the catalogue puts here.
    """

    framework: str
    name: str
    arithmetic: Arithmetic
    source: Source
    summary: str
    option: str = ""
    since: str = ""
    until: str = ""
    main_after: str = ""
    aliases: tuple[str, ...] = ()
    aliases_since: str = ""
    placement: Placement | None = "loss"
    weighting: Weighting = "none"
    weight: Weight | None = None
    clamp_log_ratio: float | None = None
    clamp_value: float | None = None
    cast: str = ""
    replaced: float | None = None
    straight_through: bool = False
    against_sampler: bool = False
    target: Divergence = REVERSE_KL
    on_sequences: OnSequences | None = None

    @property
    def sequences(self) -> OnSequences:
        """Level and aggregation by default, with what is to be known of them."""
        return self.on_sequences or NOT_SETTLED

    @property
    def level(self) -> LevelName | None:
        """At which level it is taken by default; None where that is not settled."""
        return self.sequences.level

    @property
    def aggregation(self) -> Aggregation | None:
        """How values of tokens become one number by default; None at level sequence and where it is not settled."""
        return self.sequences.aggregation

    @property
    def qualified(self) -> str:
        """Its name in a spec: ``framework:name``, with its last release if a later one differs."""
        return f"{self.framework}@{self.until}:{self.name}" if self.until else f"{self.framework}:{self.name}"

    @property
    def releases(self) -> Releases:
        """The releases that ship it."""
        return Releases(self.since, self.until, self.main_after)

    @property
    def versions(self) -> str:
        """The releases in words; empty if no limit is known."""
        return str(self.releases)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything the framework calls it."""
        return (self.name, *self.aliases)

    def releases_of(self, name: str) -> Releases:
        """The releases that ship it under this name."""
        later = self.aliases_since if name in self.aliases else ""
        return replace(self.releases, since=later) if later else self.releases

    def value(self, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        """The value for each sample [n], differentiable in log_q as the framework's is.

        Args:
            log_q, log_p, log_sampler: log-probabilities [n], nats; samples of q have log_sampler = log_q, detached.
        """
        reference = log_sampler if self.against_sampler else log_p
        log_ratio = _finite(self._cast(reference) - self._cast(log_q), self.replaced)
        clamped = _clamped(log_ratio, self.clamp_log_ratio)
        values = self.arithmetic.function(clamped)
        if self.weight:
            weight = self.weight.function(log_q, log_sampler)
            if self.weight.stops:
                weight = weight.where(log_ratio == clamped, weight.detach())
            values = weight * values
        values = _clamped(values, self.clamp_value)
        return _straight_through(values, k2(log_ratio)) if self.straight_through else values

    def of_log_ratio(self, log_ratio: Tensor) -> Tensor:
        """The value [n] on samples of q, computed from log_ratio alone."""
        return on_samples_of_q(self.value)(log_ratio)

    def _cast(self, log_probs: Tensor) -> Tensor:
        # every framework casts upwards, so float64 stays float64
        return log_probs.float() if self.cast and log_probs.element_size() < 4 else log_probs

    @property
    def clamps(self) -> str:
        """The clamps in their order, in words; ``none`` if there are none."""
        first = f"log r to ±{self.clamp_log_ratio:g}" if self.clamp_log_ratio is not None else ""
        last = f"the value to ±{self.clamp_value:g}" if self.clamp_value is not None else ""
        weight = self.weight.clamp if self.weight else ""
        return ", then ".join(step for step in (first, weight, last) if step) or "none"

    @property
    def formula(self) -> str:
        """The formula in r = p/q, log r and the importance weight ρ = q/sampler, with all its steps."""
        text = self.arithmetic.formula
        if self.weight:
            text = f"{self.weight.formula} · ({text})"
        if self.clamp_value is not None:
            text = f"clamp({text}, ±{self.clamp_value:g})"
        if self.clamp_log_ratio is not None:
            text += f", log r clamped to ±{self.clamp_log_ratio:g} first"
        if self.against_sampler:
            text += ", r = sampler/q"
        if self.weighting != "none":
            text += ", times ρ"
        return text + (", with the gradient of ½ log² r" if self.straight_through else "")

    @property
    def unbiased(self) -> bool:
        """Whether E_q of the value is the target if p has no mass outside q's support."""
        return self.arithmetic.unbiased and not self._is_clamped and not self.against_sampler

    @property
    def _is_clamped(self) -> bool:
        """Whether log r or the value has a bound; where it is active is found by ``identity.zones``."""
        return self.clamp_log_ratio is not None or self.clamp_value is not None

    @property
    def biased_when(self) -> str:
        """When its mean is not the target, in a sentence."""
        if self.against_sampler:
            return "always: it looks at q and the sampler, never at p"
        plain = self.arithmetic.biased_when
        reasons = [_MISSES] if self.multiplies_ratio else []
        reasons += [self.weight.biased_when] if self.weight and self.weight.biased_when else []
        reasons += ["a clamp is active"] if self._is_clamped else []
        joined = "; or where " if self.arithmetic.unbiased else "; in another way where "
        return joined.join(reasons if plain == "never" and reasons else [plain, *reasons])

    @property
    def infinite_variance_when(self) -> str:
        """When the variance of the value is infinite, in a sentence."""
        plain = self._unweighted_variance
        if not self._is_weighted_without_bound:
            return plain
        if plain.startswith("never"):
            return "ρ = q/sampler has no second moment under the sampler"
        return f"ρ times the value has no second moment under the sampler ({plain})"

    @property
    def _unweighted_variance(self) -> str:
        if self.clamp_value is not None:
            return f"never: the value is clamped to ±{self.clamp_value:g}"
        if self.clamp_log_ratio is not None:
            return f"never: log r is clamped to ±{self.clamp_log_ratio:g}"
        return self.arithmetic.infinite_variance_when

    @property
    def multiplies_ratio(self) -> bool:
        """Whether q/sampler is a factor of it in its default place."""
        return self.weighting != "none" or (self.weight is not None and self.weight.of_sampler)

    @property
    def _is_weighted_without_bound(self) -> bool:
        """Whether that factor has no bound: it is not clamped, and nothing after it is."""
        inside = self.weight is not None and self.weight.of_sampler and not self.weight.clamp
        return self.weighting != "none" or (inside and self.clamp_value is None)

    def estimator(self, name: str = "") -> Estimator:
        """This entry as an estimator, called ``name`` (by default its qualified name)."""
        needs_three = self.weight is not None or self.against_sampler
        return Estimator(
            name=name or self.qualified,
            formula=self.formula,
            target=self.target,
            function=self.of_log_ratio,
            unbiased=self.unbiased,
            nonnegative=self.arithmetic.nonnegative,
            biased_when=self.biased_when,
            infinite_variance_when=self.infinite_variance_when,
            source=f"{self.source} ({self.versions})" if self.versions else str(self.source),
            used_by=self.framework,
            summary=self.summary,
            joint=self.value,
            looks_at="sampler" if needs_three else "ratio",
            placement=self.placement,
            weighting=self.weighting,
            expansion=self._expansion,
            home=(self.level, self.aggregation) if self.level else None,
        )

    @property
    def _expansion(self) -> Expansion | None:
        """The expansion of the value; None with a clamp or a weight inside, which make it another function."""
        steps = (self.weight, self.clamp_log_ratio, self.clamp_value)
        is_plain = all(step is None for step in steps) and not self.against_sampler
        return self.arithmetic.expansion if is_plain else None

    def computes_as(self, other: Entry) -> bool:
        """Whether both compute the same numbers and gradients, in whatever place they are put.

        Rounding and infinite log-probabilities do not count.
        """
        return self._steps == other._steps

    @property
    def _steps(self) -> tuple[object, ...]:
        value = (self.arithmetic.name, self.clamp_log_ratio, self.clamp_value)
        other_gradient = self.straight_through and value != ("k2", None, None)
        return (*value, self._weight_step, self.weighting, other_gradient, self.against_sampler)

    @property
    def _weight_step(self) -> Weight | None:
        """The weight; without a clamp it cannot stop at one."""
        if self.weight and self.clamp_log_ratio is None:
            return replace(self.weight, stops=False)
        return self.weight


_MISSES = "the sampler misses part of q's support"


def _finite(log_ratio: Tensor, largest: float | None) -> Tensor:
    return log_ratio if largest is None else log_ratio.nan_to_num(0.0, largest, -largest)


def _clamped(values: Tensor, bound: float | None) -> Tensor:
    return values if bound is None else values.clamp(-bound, bound)


def _straight_through(values: Tensor, gradient_of: Tensor) -> Tensor:
    """The first's value with the second's gradient."""
    return gradient_of - gradient_of.detach() + values.detach()
