"""What each spec of results/models shows, in two sentences, their numbers taken from its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from klbench.report.fields import BIAS, MEAN
from klbench.report.numbers import count
from klbench.row import Row
from klbench.wording import percent

TOKEN_MEAN, ANSWER, SEQUENCE = "token-mean", "seq-mean-token-sum", "sequence"
"""Where an estimator is taken: the key of its row."""


@dataclass(frozen=True)
class Remade:
    """What is committed of one spec.

    Args:
        name: of the spec.
        spec: its keys.
        rows: by estimator and aggregation, or ``sequence``.
        costs: core-seconds for 1,000 tokens and their standard error, by part.
        manifest: its keys.
    """

    name: str
    spec: Mapping[str, Any]
    rows: Mapping[tuple[str, str], Row]
    costs: Mapping[str, tuple[float, float]]
    manifest: Mapping[str, Any]

    def noise(self, estimator: str, at: str = ANSWER) -> float:
        """Its standard deviation in units of the KL."""
        return self.rows[estimator, at].stdev_over_true

    def answers(self, estimator: str) -> str:
        """How many times as many answers it takes as full, for the same error bar."""
        return count(round((self.noise(estimator) / self.noise("full")) ** 2))

    def bias(self, estimator: str, at: str = ANSWER) -> str:
        """Its bias in units of the KL, with its error."""
        return BIAS.show(self.rows[estimator, at])

    def mean(self, estimator: str) -> str:
        """Nats per token, with their error."""
        return MEAN.show(self.rows[estimator, TOKEN_MEAN])


def precision(of: Remade) -> str:
    """Two precisions."""
    return (
        f"In float32 against bfloat16 full reads {of.mean('full')} nats per token; k3, {of.mean('k3')}, and k1, "
        f"{of.mean('k1')}, agree with it. Over an answer k1 has {of.noise('k1'):.2g} times the KL as noise, k3 "
        f"{of.noise('k3'):.2g} and full {of.noise('full'):.2g}: for the same error bar k1 takes {of.answers('k1')} "
        f"times the answers that full takes, and k3 {of.answers('k3')} times."
    )


def temperature(of: Remade) -> str:
    """Far apart."""
    outside = percent(-of.rows["topk_head(50)", ANSWER].bias_over_true)
    return (
        f"Temperature 1 against 0.7 is a large KL, {of.mean('full')} nats per token: k2 (verl:mse) reads "
        f"{of.bias('k2')} times the KL too much, and topk_head(50) lacks the {outside} of it that are outside the 50 "
        "likeliest tokens. Token by token verl:low_var_kl and trl:grpo are one number; of whole answers verl's is "
        f"clamped at 10, and its bias is {of.bias('verl:low_var_kl', SEQUENCE)} where TRL's is "
        f"{of.bias('trl:grpo', SEQUENCE)}."
    )


def training(of: Remade) -> str:
    """A few steps."""
    return (
        f"Five steps on a page of text move the model by {of.mean('full')} nats per token, which one answer tells k1 "
        f"with {of.noise('k1'):.2g} times the KL as noise, k3 with {of.noise('k3'):.2g} and full with "
        f"{of.noise('full'):.2g}. topk_head(50) reads {of.bias('topk_head(50)')} times the KL too much: training moved "
        "mass into the likely tokens, and the share of those that lost it, which is negative, is missing."
    )


def top_p(of: Remade) -> str:
    """Tokens that are never drawn."""
    return (
        f"The pair of training, sampled with top-p 0.95: k3 stays close to full, {of.bias('k3')} times the KL beyond "
        f"it, while topk(50) reads {of.bias('topk(50)')} and k1 {of.bias('k1')} too much, since the unlikely tokens "
        "whose negative share would cancel that are never drawn. No weight repairs it: that of a whole answer is below "
        f"1 on all that is drawn, and with it k1 is off by {of.bias('ratio*k1', SEQUENCE)} times the KL, k3 by "
        f"{of.bias('ratio*k3', SEQUENCE)}."
    )


STORIES: Mapping[str, Callable[[Remade], str]] = {
    tell.__name__: tell for tell in (precision, temperature, training, top_p)
}
