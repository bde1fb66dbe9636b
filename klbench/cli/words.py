"""The other words of a spec, beside estimators, distributions and columns, with their meanings for ``klbench explain``.

A word may mean several things: ``none`` is a weighting and a baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MEASURED = {
    "value": "The estimator's value itself: its bias and its noise.",
    "gradient": "What training follows: the gradient that the estimator gives, in the loss or in the reward.",
}
PLACED = {
    "loss": "The estimator is differentiated, as a part of the loss: a sample's gradient is dk/d log q times the score "
    "∇ log q(x).",
    "reward": "The estimator is part of the reward, held constant (stop-gradient): a sample's "
    "gradient is the value k times the score ∇ log q(x).",
}
WEIGHTED = {
    "none": "No importance weight: samples count as they are drawn.",
    "ratio": "Times the importance weight ρ = q/sampler, differentiated: it has a gradient of its own. A value is "
    "weighted as ratio*k3, or with its weights over their mean as self-normalised-ratio*k3.",
    "detached": "Times sg(ρ): the importance weight ρ = q/sampler, held constant (stop-gradient).",
    "ratio-sequence": "Of sequences: times the importance weight of the whole sequence, differentiated; of a value, "
    "ratio-sequence*k3.",
    "ratio-geometric": "Of sequences: times the geometric mean of the tokens' importance weights, differentiated, as "
    "in GSPO and in TRL's sequence level; of a value, ratio-geometric*k3.",
}
TAKEN = {
    "token": "Of sequences: the estimator is applied to each token's log_ratio, and aggregation makes one number of "
    "the values.",
    "sequence": "Of sequences: the estimator is applied to the log_ratio of the whole sequence, the sum over its "
    "tokens.",
}
AGGREGATED = {
    "seq-mean-token-sum": "The mean over sequences of the sum over tokens: an estimate of the KL of sequences.",
    "seq-mean-token-mean": "The mean over sequences of the mean over a sequence's tokens. Where lengths vary, short "
    "sequences count as much as long ones: it estimates E_q[the mean over a sequence's tokens of the KL of the next "
    "token], not the KL of sequences.",
    "token-mean": "The mean over all tokens of all sequences: it estimates the KL of sequences over their mean length.",
    "seq-mean-token-sum-norm": "The mean over sequences of the sum over tokens, over a constant (norm, the policy's "
    "length by default): the KL of sequences over that constant.",
}
CENTRED = {
    "none": "Nothing is subtracted from the rewards.",
    "mean": "The batch's own mean is subtracted from its rewards: the gradient is exactly 1 − 1/batch times as long.",
    "leave-one-out": "From each reward of a batch the mean of the others is subtracted: less noise, the same gradient.",
}
COMPUTED = {
    "float64": "The precision the truth is computed in; an estimator is computed in it unless the spec asks otherwise.",
    "float32": "24 significant bits; beyond log r = 88.7 exp overflows.",
    "bfloat16": "8 significant bits; beyond log r = 88.7 exp overflows.",
    "float16": "11 significant bits; beyond log r = 11.1 exp overflows.",
}
TRUE_FROM = {
    "closed-form": "Where a true or exact value is from: a formula of the parameters.",
    "enumeration": "Where a true or exact value is from: the sum over all that can be drawn.",
    "quadrature": "Where a true or exact value is from: a numerical integral, to the rounding of float64.",
    "dynamic-programming": "Where a true or exact value is from, of sequences: sums over all of them, carried from "
    "token to token, so that none is listed.",
    "full": "Where a true value is from, of sequences that cannot be summed over: the measured mean of full, the exact "
    "KL of the next token, over the prefixes that were drawn. It has an error of its own.",
}
"""The values of the column true_from."""


@dataclass(frozen=True)
class Word:
    """One meaning of a word: what ``kind`` of thing it is, how a spec has it, and what it does."""

    kind: str
    written: str
    meaning: str


_VALUES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("a measure", "measure: {}", MEASURED),
    ("a placement", "placements: [{}]", PLACED),
    ("a weighting", "weightings: [{}]", WEIGHTED),
    ("a level", "level: [{}]", TAKEN),
    ("an aggregation", "aggregation: [{}]", AGGREGATED),
    ("a baseline", "baseline: {}", CENTRED),
    ("a precision", "dtype: [{}]", COMPUTED),
    ("a value of true_from", "", TRUE_FROM),
)


def meanings(name: str) -> Iterator[Word]:
    """Every meaning of ``name`` as the value of a key."""
    for kind, written, words in _VALUES:
        if name in words:
            yield Word(kind, written.format(name), words[name])


def keys(name: str) -> Iterator[Word]:
    """The key of that name, of a spec or of a pair."""
    from klbench.spec.form import EXPECTED
    from klbench.spec.model import PairSpec, Spec

    written = EXPECTED if name == "expect" else ""
    for form in (Spec, PairSpec):
        if name in form.model_fields:
            yield Word(f"a key of {form.noun}", written, form.model_fields[name].description or "")


def known() -> tuple[str, ...]:
    """Every word that is a value."""
    return tuple(dict.fromkeys(name for _, _, words in _VALUES for name in words))
