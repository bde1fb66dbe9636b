"""The exact gradients of a pair of policies over sequences, in the logits of q's table.

Where the sequences can be listed, every gradient is the mean of what one sequence gives. Where they cannot, the mean of
a token's coefficient times its own score, and of a sum over tokens times the score of the whole sequence, follow by
dynamic programming, and with them everything that is made of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, nan

import torch
from torch import Tensor

from klbench.derived.coefficient import own_coefficient, true_coefficient
from klbench.derived.level import AtLevel, Level
from klbench.derived.token_weights import TokenWeights
from klbench.estimators.divergence import FORWARD_KL, REVERSE_KL, Divergence
from klbench.estimators.term import Term
from klbench.measure.baseline import combined, value_and_weight
from klbench.measure.follows import OnQ
from klbench.measure.gradients_by_chain import GradientsByChain, constant_of
from klbench.measure.place import Baseline
from klbench.measure.quantity import Aim, Quantity
from klbench.measure.truth import Truth
from klbench.problems.sequence_score import SequenceScore
from klbench.problems.sequences import SequencePair
from klbench.roads.chain import Chain, expected_length, visits
from klbench.roads.chain_gradients import (
    gradient_of_forward_kl,
    gradient_of_mean_length,
    mean_whole_gradient,
)
from klbench.roads.chain_sums import mean_of_sums
from klbench.roads.exact_vector import ExactVector
from klbench.roads.gradient_sums import gradients_of
from klbench.roads.sequence_chain import CHAIN, PATHS, chain_of
from klbench.roads.sequence_values import of_next_token
from klbench.stats.estimate import over_square
from klbench.tolerances import EPSILON

_FEW_NUMBERS = 2**27
"""Of sequences times components: more are not listed to know how noisy a gradient is."""
_SUM = Level()
LOCAL, LOCAL_FORWARD = "token-local KL(q‖p)", "token-local KL(p‖q)"
"""What token losses descend: the KL of the next token at each prefix, with the prefixes held as they are drawn."""


@dataclass(frozen=True)
class SequenceGradients:
    """The exact gradients of one pair, computed when they are first asked for and kept.

    Args:
        pair: the policies.
        score: of its q.
    """

    pair: SequencePair
    score: SequenceScore
    _known: dict[object, ExactVector | None] = field(default_factory=dict)

    @cached_property
    def mean_length(self) -> float:
        """How many tokens a sequence has as it is drawn."""
        return expected_length(chain_of(self.pair))

    @cached_property
    def _pi(self) -> Tensor:
        return self.pair.joint.log_q.exp()

    @cached_property
    def _on_q(self) -> Chain:
        return chain_of(self.pair.on_policy)

    def weights(self, quantity: Quantity) -> TokenWeights:
        """What weighs each token's score in one sequence's gradient."""
        place, level = quantity.place, quantity.level
        assert place is not None
        assert level is not None
        term, to_go = quantity.estimator.term, quantity.estimator.to_go
        own = (term, place.placement, place.weighting, level, quantity.dtype, self.mean_length)
        return TokenWeights(*own, to_go=to_go, clip=place.clip)

    def of(self, quantity: Quantity) -> ExactVector | None:
        """The exact moments of a quantity's gradient; None without an exact method."""
        assert quantity.place is not None
        baseline = quantity.place.baseline
        if baseline is not None:
            return self._with_baseline(quantity, baseline)
        weights = self.weights(quantity)
        if self._are_listed:
            walks, probs = self.pair.paths.walks, self.pair.paths.probs
            return _of_listed(gradients_of(self.score, self.pair.log_probs(walks), weights), probs)
        return self._along_chain.of(weights)

    def _with_baseline(self, quantity: Quantity, baseline: Baseline) -> ExactVector | None:
        """Of a batch centred by its own mean, or by the others'."""
        if not self._are_listed:
            if self.pair.sampler is not None:
                return None
            # on samples of q the score has mean 0, and centring changes the mean by what it shrinks
            plain = self._along_chain.of(self.weights(quantity), noise=False)
            if plain is None:
                return None
            return replace(plain, mean=baseline.shrinks * plain.mean, stdev=torch.full_like(plain.mean, nan))
        assert quantity.level is not None
        at, probs = self.pair.log_probs(self.pair.paths.walks), self.pair.paths.probs
        value, weight = value_and_weight(quantity)
        values = AtLevel(value, quantity.level).values(at)
        weights = AtLevel(weight, Level("sequence", None)).values(at)
        away = values - probs @ values
        first, second, alone = (self._of_whole(weights * away**power) for power in (1, 2, 0))
        return combined(baseline, first, second, alone, float(probs @ away.square()), _is_unit(weight))

    def _of_whole(self, factors: Tensor) -> ExactVector:
        """A factor of each sequence [n] times its whole score."""
        scores = self.score.values(self.pair.paths.walks)
        return _of_listed(factors[:, None] * scores, self.pair.paths.probs)

    @property
    def _are_listed(self) -> bool:
        return self.pair.count_of_paths * self.score.probs.numel() <= _FEW_NUMBERS

    @cached_property
    def _along_chain(self) -> GradientsByChain:
        return GradientsByChain(self.pair, self.score)

    def _without_noise(self, table: Tensor, size: Tensor) -> ExactVector:
        mean = self.score.in_own_rows(table)
        return ExactVector(mean, torch.full_like(mean, nan), nan, self.score.in_own_rows(size), CHAIN)

    def true(self, aim: Aim) -> Truth:
        """The gradient of what is estimated, in q's logits [J]; NaN throughout where it is not known."""
        assert aim.level is not None
        if aim.level.name == "sequence" and aim.divergence != REVERSE_KL:
            known = self._of_divergence(aim.divergence)
            return Truth(self._unknown if known is None else known.mean)
        level = _SUM if aim.level.name == "sequence" else aim.level
        gradient = self._of_local_sum(aim.divergence, level)
        if gradient is None:
            return Truth(self._unknown)
        size = float(gradient.abs().sum())
        return Truth(torch.zeros_like(gradient) if size <= _rounding(self.pair) else gradient)

    @cached_property
    def _unknown(self) -> Tensor:
        return torch.full((self.score.probs.numel(),), nan, dtype=torch.float64)

    def _of_local_sum(self, target: Divergence, level: Level) -> Tensor | None:
        """∇ of E_q[the next token's divergence, summed over tokens as a level has it] [J].

        It has two parts: what a token does to later prefixes, and what its logits do to its own divergence.
        """
        on_q, value = self._on_q, of_next_token(self.pair.on_policy, target)
        if not value[visits(on_q) > 0].isfinite().all():
            return None
        table = value[:, None].expand(self._pi.shape)
        if level.aggregation == "seq-mean-token-mean" and self.pair.joint_may_end:
            return self._of_mean_of_sequences(target, value)
        whole = mean_whole_gradient(on_q, self._pi, table) + self._local(target)
        if level.is_ratio_of_sums:
            visited = visits(on_q)
            length = float(visited.sum())
            mean = float(mean_of_sums(on_q, table[None], visited)) / length
            whole = (whole - mean * gradient_of_mean_length(on_q)) / length
        return self.score.in_own_rows(whole / constant_of(self.pair, level))

    def _of_mean_of_sequences(self, target: Divergence, value: Tensor) -> Tensor | None:
        pair = self.pair.on_policy
        if pair.count_of_paths == torch.inf:
            return None
        walks, probs = pair.paths.walks, pair.paths.probs
        states, share = self.score.states(walks), 1 / walks.lengths
        of_sequences = share * walks.total(value[states])
        moved = self.score.mean_gradient(walks, of_sequences[walks.owner], probs)
        return moved + self.score.mean_of_prefixes(walks, share[walks.owner], self._row_gradients(target), probs)

    def _local(self, target: Divergence) -> Tensor:
        """The part of a token's own logits, with the prefixes that q visits [S, V]."""
        return visits(self._on_q)[:, None] * self._row_gradients(target)

    def _row_gradients(self, target: Divergence) -> Tensor:
        """∇ of the divergence of the next token's two distributions, in every state [S, V]."""
        table = self.pair.on_policy.table(true_coefficient(target)).view_as(self._pi)
        weighed = torch.where(self._pi > 0, self._pi * table, 0.0)
        return weighed - self._pi * weighed.sum(1, keepdim=True)

    def follows(self, quantity: Quantity) -> tuple[OnQ, Mapping[str, Tensor]]:
        """What ``klbench.measure.follows`` asks for: the gradients of its list, and those that only sequences have."""
        assert quantity.level is not None
        own = own_coefficient(quantity.estimator.term)
        # the mean length is a number like any other: what is over it follows what the sum does
        over = self.mean_length if quantity.level.is_ratio_of_sums else constant_of(self.pair, quantity.level)
        targets = {true_coefficient(target): target for target in _listed()}

        def on_q(term: Term) -> ExactVector | None:
            if term is own:
                return self._of_own_mean(quantity)
            known = self._of_divergence(targets[term]) if term in targets else None
            return None if known is None else replace(known, mean=known.mean / over, size=known.size / over)

        local = {LOCAL: REVERSE_KL, LOCAL_FORWARD: FORWARD_KL}
        return on_q, {name: self.score.in_own_rows(self._local(target)) / over for name, target in local.items()}

    def _of_divergence(self, target: Divergence) -> ExactVector | None:
        """∇ of a divergence of whole sequences."""
        if target not in self._known:
            self._known[target] = self._divergence(target)
        return self._known[target]

    def _divergence(self, target: Divergence) -> ExactVector | None:
        if target == REVERSE_KL:
            gradient = self._of_local_sum(target, _SUM)
            return None if gradient is None else ExactVector(gradient, self._unknown, nan, gradient.abs(), CHAIN)
        if target == FORWARD_KL:
            of_p = Chain(self.pair.joint.log_p.exp(), self.pair.joint.following, self._on_q.start, self._on_q.length)
            return self._without_noise(gradient_of_forward_kl(of_p, self._pi), visits(of_p)[:, None] * self._pi)
        pair = self.pair.on_policy
        if pair.count_of_paths == torch.inf:
            return None
        at = pair.log_probs(pair.paths.walks)
        of_sequences = AtLevel(true_coefficient(target), Level("sequence", None)).values(at)
        mean = self.score.mean_gradient(pair.paths.walks, at.spread(of_sequences), pair.paths.probs)
        return ExactVector(mean, self._unknown, nan, mean.abs(), PATHS)

    def _of_own_mean(self, quantity: Quantity) -> ExactVector | None:
        """∇E_q of the estimator's own value: the value times the whole score, and its slope."""
        pair = self.pair.on_policy
        assert quantity.level is not None
        # the mean length moves with q too, and is no part of one sequence's value
        if pair.count_of_paths * self.score.probs.numel() > _FEW_NUMBERS or quantity.level.is_ratio_of_sums:
            return None
        term, level, length = quantity.estimator.term, quantity.level, expected_length(self._on_q)
        key = (term, level)
        if key not in self._known:
            at, walks = pair.log_probs(pair.paths.walks), pair.paths.walks
            reward = TokenWeights(term, "reward", "none", level, "float64", length)
            slope = Term(lambda log_ratio: own_coefficient(term).function(log_ratio) - term.function(log_ratio))
            of_slope = _Sloped(slope, level, length).values(at)
            mean = self.score.mean_gradient(walks, reward.values(at) + of_slope, pair.paths.probs)
            self._known[key] = ExactVector(mean, self._unknown, nan, mean.abs(), PATHS)
        return self._known[key]


@dataclass(frozen=True)
class _Sloped:
    """What the slope of a value adds to each token's weight."""

    slope: Term
    level: Level
    mean_length: float

    def values(self, at: object) -> Tensor:
        reward = TokenWeights(self.slope, "reward", "none", self.level, "float64", self.mean_length)
        if self.level.name == "sequence":
            return reward.values(at)  # type: ignore[arg-type]
        tokens = at.tokens(self.slope)  # type: ignore[attr-defined]
        return reward._divided(tokens, at.spread(at.lengths))  # type: ignore[attr-defined]


def _listed() -> tuple[Divergence, ...]:
    from klbench.estimators.divergence import CHI2_PQ, CHI2_QP, TOTAL_VARIATION

    return REVERSE_KL, FORWARD_KL, CHI2_QP, CHI2_PQ, TOTAL_VARIATION


def _rounding(pair: SequencePair) -> float:
    return 8 * EPSILON * pair.joint.length


def _is_unit(weight: Term) -> bool:
    """Whether the mean of score times weight is 0, as under q."""
    return weight.weighted and weight.scope != "geometric" and weight.clip == inf


def _of_listed(gradients: Tensor, probs: Tensor) -> ExactVector:
    """The moments of gradients [n, J] of these probabilities [n]."""
    mean = probs @ gradients
    squares = (gradients - mean).square()
    size, second = probs @ gradients.abs(), probs @ squares
    fourth, trace = float(probs @ squares.sum(1).square()), float(second.sum())
    return ExactVector(mean, second.sqrt(), over_square(fourth, trace) if trace > 0 else nan, size, PATHS)
