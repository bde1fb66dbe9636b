"""Estimators of whole distributions: of the next token's two distributions at a prefix, not of one token's log_ratio.

A framework that has the logits at hand may sum over the vocabulary, or over the K tokens likeliest under q, and take
what is left by the sampled token, as one more token, or not at all. Each is a function of the rows of log-probabilities
[S, V] of S prefixes: a part that the prefix has, whatever is sampled, and one that only the sampled token has. The set
of K tokens is q's, also where samples come from another policy; of equals the lower tokens are in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from klbench.errors import SpecError
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator, EstimatorFamily
from klbench.estimators.schulman import SCHULMAN, k1

if TYPE_CHECKING:
    from torch import Tensor

Rows = Callable[["Tensor", "Tensor"], "Tensor"]
"""(log_q, log_p), each [S, V], of the next token at S prefixes -> a number for each prefix [S], nats."""


@dataclass(frozen=True)
class Whole:
    """A function of whole distributions.

    Args:
        at_prefix: what a prefix has.
        inside: how many of the likeliest tokens it covers; k1 of a sampled token outside them is added. None for all.
        least: how many tokens a vocabulary has at least.
    """

    at_prefix: Rows
    inside: int | None = None
    least: int = 1

    def values(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        """The value for every token at every prefix [S, V]."""
        shared = self.at_prefix(log_q, log_p)[:, None].expand(log_q.shape)
        return shared if self.inside is None else shared + self._outside(log_q, log_p - log_q, 0.0)

    def own_coefficients(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        """What multiplies a sampled token's score in the loss [S, V]: 1 + k1 of one outside, whose mean over these is
        the gradient of the share of the KL that they have."""
        if self.inside is None:
            return log_q.new_zeros(log_q.shape)
        return self._outside(log_q, log_p - log_q, 1.0)

    def own_slopes(self, log_q: Tensor, log_p: Tensor) -> Tensor:  # noqa: ARG002
        """The part of these that autograd finds in the value [S, V]: 1 of a token outside."""
        return self._outside(log_q, log_q.new_zeros(()), 1.0) if self.inside else log_q.new_zeros(log_q.shape)

    def row_gradients(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        """The gradient of what a prefix has, in q's logits there [S, V], by autograd."""
        import torch

        with torch.enable_grad():
            logits = log_q.detach().requires_grad_()
            values = self.at_prefix(logits.log_softmax(1), log_p)
            (gradient,) = torch.autograd.grad(values.sum(), logits)
        # an infinite value has no gradient, whatever autograd makes of it
        return gradient.masked_fill(~values.detach().isfinite()[:, None], torch.nan)

    def _outside(self, log_q: Tensor, log_ratio: Tensor, constant: float) -> Tensor:
        assert self.inside is not None
        value = (constant - log_ratio).expand(log_q.shape)
        return value.masked_fill(likeliest(log_q, self.inside), 0.0).masked_fill(log_q.isneginf(), 0.0)


@dataclass(frozen=True)
class OwnCoefficients:
    """The coefficients of a whole estimator's sampled tokens, as a function of rows.

    Args:
        whole: the estimator.
        part: ``all``; where a weight that multiplies it is differentiated and brings the value, the ``slopes``, or
            ``weighted``, these and the value.
    """

    whole: Whole
    part: Literal["all", "slopes", "weighted"] = "all"

    def values(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        """See ``Whole.own_coefficients``."""
        if self.part == "all":
            return self.whole.own_coefficients(log_q, log_p)
        slopes = self.whole.own_slopes(log_q, log_p)
        return slopes if self.part == "slopes" else slopes + self.whole.values(log_q, log_p)


def likeliest(log_q: Tensor, count: int) -> Tensor:
    """Which tokens are the ``count`` likeliest of each row [S, V]; of equals the lower ones are."""
    import torch

    # sorting a vocabulary takes twenty times as long
    least = log_q.topk(min(count, log_q.shape[1]), dim=1).values[:, -1:]
    above, equal = (log_q > least) | log_q.isnan(), log_q == least
    left = count - above.sum(1, keepdim=True)
    return above | (equal & (equal.cumsum(1, dtype=torch.int32) <= left))


def _shares(log_q: Tensor, log_p: Tensor) -> Tensor:
    """q log(q/p) of every token [S, V]; 0 where q has none."""
    none = log_q.isneginf()
    log_q, log_p = _there(log_q, none), _there(log_p, none)
    return (log_q.exp() * (log_q - log_p)).masked_fill(none, 0.0)


def _there(log_probs: Tensor, none: Tensor) -> Tensor:
    """With 0 where there is no token: 0 · ∞ of one would make its whole row's gradient NaN."""
    return log_probs.masked_fill(none, 0.0)


def full(log_q: Tensor, log_p: Tensor) -> Tensor:
    """Σ q log(q/p) over the whole vocabulary: the KL of the next token's two distributions, at each prefix [S].

    It has no noise of its own: what is left is that of the prefixes. Summed over a sequence its mean is the KL of
    sequences on samples of q.
    """
    return _shares(log_q, log_p).sum(1)


def head(log_q: Tensor, log_p: Tensor, count: int) -> Tensor:
    """Σ q log(q/p) over the ``count`` likeliest tokens [S]: a part of the KL, which may be negative."""
    return _shares(log_q, log_p).masked_fill(~likeliest(log_q, count), 0.0).sum(1)


def head_as_shipped(log_q: Tensor, log_p: Tensor, count: int) -> Tensor:
    """The same, differentiated as it is shipped: log(q/p) is held constant, so that the gradient of the head's own mass
    is missing."""
    none, inside = log_q.isneginf(), likeliest(log_q, count)
    log_q, log_p = _there(log_q, none), _there(log_p, none)
    shares = (log_q.exp() * (log_q - log_p).detach()).masked_fill(none, 0.0)
    return shares.masked_fill(~inside, 0.0).sum(1)


def bucket(log_q: Tensor, log_p: Tensor, count: int) -> Tensor:
    """The same with all other tokens as one more [S]: the KL of a coarser view, never negative, never above the KL."""
    inside = likeliest(log_q, count)
    rest_q, rest_p = (row.exp().masked_fill(inside, 0.0).sum(1) for row in (log_q, log_p))
    # where no mass is left outside, no share of the KL is either
    safe = rest_q.masked_fill(rest_q == 0, 1.0)
    tail = (safe * (safe.log() - rest_p.log())).masked_fill(rest_q == 0, 0.0)
    return head(log_q, log_p, count) + tail


def _no_value(log_ratio: Tensor) -> Tensor:
    """There is none: one token's log_ratio does not tell."""
    return log_ratio * float("nan")


_FULL = Estimator(
    name="full",
    formula="Σ q log(q/p) over the vocabulary, at each prefix",
    target=REVERSE_KL,
    function=_no_value,
    unbiased=True,
    nonnegative=True,
    biased_when="prefixes do not come from q",
    infinite_variance_when="never, where it is finite at every prefix",
    source="the chain rule of the KL divergence",
    used_by="verl (kl_penalty full), TRL ≤ 0.11, EasyR1, distillation losses",
    summary=full.__doc__ or "",
    placement="loss",
    whole=Whole(full),
)
K1_RETURN = Estimator(
    name="k1-return",
    formula="Σ_(u ≥ t) −log r_u, for the score of token t",
    target=REVERSE_KL,
    function=k1,
    unbiased=True,
    nonnegative=False,
    biased_when="never on samples of q",
    infinite_variance_when="E_q[log² r] is infinite",
    source=SCHULMAN,
    used_by="per-token rewards with returns: PPO in TRL, verl, OpenRLHF",
    summary="The return of k1 in the reward: each token's score is weighed with the sum of k1 from that token on. What "
    "came before a token has no part in its mean gradient, so it is the whole gradient of the KL of sequences, with "
    "less noise.",
    placement="reward",
    to_go=True,
)


def _member(name: str, formula: str, make: Callable[[int], Whole], text: str, *, unbiased: bool) -> EstimatorFamily:
    def of(count: float) -> Estimator:
        if count != int(count) or count < 1:
            raise SpecError(f"{name}({count:g}): K is a whole number from 1 on", help=[f"for example {name}(50)"])
        return replace(
            _FULL,
            name=f"{name}({count:g})",
            formula=formula,
            unbiased=unbiased,
            nonnegative=name == "topk_bucket",
            biased_when="prefixes do not come from q" if unbiased else "q has mass outside its K likeliest tokens",
            infinite_variance_when="E_q[log² r] is infinite" if unbiased else _FULL.infinite_variance_when,
            used_by="distillation losses over the top-k logits",
            summary=text,
            whole=replace(make(int(count)), least=int(count)),
        )

    return EstimatorFamily(name, "K, how many of q's likeliest tokens are summed over,", 50, of, text)


@dataclass(frozen=True)
class _OfHead:
    """A function of rows for its K likeliest tokens."""

    function: Callable[[Tensor, Tensor, int], Tensor]
    count: int

    def __call__(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        return self.function(log_q, log_p, self.count)


_TOPK = (
    "Σ q log(q/p) over the K tokens likeliest under q, and k1 of the sampled token where it is none of these: "
    "unbiased, in value and gradient, with less noise than k1."
)
_HEAD = (
    "Σ q log(q/p) over the K tokens likeliest under q, and nothing for the rest, as it is shipped: it may be negative, "
    "and its gradient lacks that of the head's own mass."
)
_BUCKET = (
    "Σ q log(q/p) over the K tokens likeliest under q, and all others as one token: never negative, and too small by "
    "the KL within the tail."
)
WHOLE = (_FULL, K1_RETURN)
WHOLE_FAMILIES = (
    _member("topk", "Σ_K q log(q/p) + [x not in K] k1", lambda k: Whole(_OfHead(head, k), k), _TOPK, unbiased=True),
    _member("topk_head", "Σ_K q log(q/p)", lambda k: Whole(_OfHead(head_as_shipped, k)), _HEAD, unbiased=False),
    _member(
        "topk_bucket",
        "Σ_K q log(q/p) + Q log(Q/P)",
        lambda k: Whole(_OfHead(bucket, k)),
        _BUCKET,
        unbiased=False,
    ),
)
