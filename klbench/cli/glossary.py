"""The marks, headers and words that klbench prints, and what each means: for ``klbench explain``. No torch here.

A name is found in any capitals, and in the letters of a narrow encoding: ``chi2(q||p)``, ``rho``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from klbench.cli.words import Word
from klbench.letters import narrowed

_WEIGHT = "the importance weight ρ = q/sampler"
_THE_WEIGHT = f"T{_WEIGHT[1:]}"
_STOPPED = "The stopped gradient: a number that is held constant when the loss is differentiated."
_LOCAL = "Of sequences: the mean gradient is that of"
_HELD = (
    "at each prefix, with the prefixes held as they are drawn. It is not the gradient of the KL of sequences: a token "
    "changes which prefixes come after it, and that part is missing."
)

MARKS = {
    "†": "Do not trust this error bar. The tail of what is averaged is heavy (k̂ > 0.7; for a stdev k̂ > 0.35), or rare "
    "samples that carry much of the number did not occur. Use the exact column, or more samples.",
    "‡": "There is no error bar. The variance is infinite, or too rare samples carry it to measure it with this many.",
    "✗": "The measured number is more than 5 standard errors from the exact one. Chance does that once in 1.7 million "
    "times: an error bar or a number is wrong. klbench run --check then exits with 1.",
    "ʳ": "The bias is the regressed one: where the table is too narrow for both, it stands in place of the plain one.",
    "–": "There is no number here: it does not exist, or klbench has no exact method for it, or it was not measured.",
    "±": "Plus or minus one standard error. 0.0015(45) is short for 0.0015 ± 0.0045: the error of the last digits.",
    "∞": "Infinite: the variance does not exist, or the divergence is infinite.",
    "∇": "The gradient with respect to q's parameters. Without a name beside it: that of the target.",
    "▸": "Where the framework puts the estimator by default.",
}
HEADERS = {
    "measured": "The number from the samples, with its error: 0.0015(45) means 0.0015 ± 0.0045.",
    "exact": "The number without sampling: from a closed form, a sum over all tokens, or an integral.",
    "z": "How many standard errors the measured number is from the exact one. Between -2 and 2 is chance. Beyond 5 the "
    "number is marked ✗.",
    "‖∇KL(q‖p)‖": "The length of the true gradient of the reverse KL with respect to q's parameters.",
    "‖∇‖": "The length of the true gradient of the target with respect to q's parameters.",
    "‖mean‖": "The length of the mean gradient. It is shown where the true gradient is 0, infinite or unknown.",
    "‖mean‖ exact": "The length of the exact mean gradient, without sampling.",
    "#": "The number of an estimator on the page of klbench frameworks.",
    "clamps": "Bounds within which the estimator cuts: of log r to ±a, then of the value to ±b. – means no bound.",
    "length": "The length of the mean gradient, in units of ‖∇KL(q‖p)‖. 1 is right.",
    "noise": "√(trace of the covariance of one sample's gradient)/‖∇KL(q‖p)‖; for what is only logged, the value's "
    "stdev/true. A mean of n samples has noise/√n.",
    "clamped": "The share of samples for which a clamp is active.",
    "NaN": "The share of samples whose value or gradient is infinite or NaN, where log-probabilities come in float16.",
    "what": "What a row is about: an estimator's value, its clamps, and where the framework puts it.",
    "verdict": "What goes wrong where the framework puts the estimator by default, or that it is right.",
    "on sequences": "What the KL is an estimate of by default, where tokens make sequences: per token, "
    "E[sum]/E[length]; mean of means, of each sequence's mean over its tokens; per sequence, the KL of sequences; "
    "over a constant, that divided by one; of the sum, one value of each sequence's summed log-ratio.",
    "shipped by": "Every framework that ships the estimator, with the name it has there.",
    "framework": "A library that trains language models, such as verl or trl; klbench list frameworks shows them.",
    "framework:name": "An estimator as a framework ships it: verl:low_var_kl; of one release, verl@0.4.1:low_var_kl.",
    "releases": "The releases of a framework that ship the estimator so.",
    "formula": "What an estimator computes of one sample. r = p/q.",
    "samples_needed": "The least number of samples n with bias² + stdev²/n ≤ (within · true)², in klbench validate. "
    "inf: no number is enough, because the bias or the variance is too large. Empty: klbench has no exact method.",
    "mean_ratio_minus_one": "In checks.csv: the mean of p/q - 1. It is 0, to within its error, if the tokens were "
    "drawn from q.",
    "mean_weight_minus_one": "In checks.csv: the mean of q/sampler - 1. It is 0, to within its error, if the tokens "
    "were drawn from the sampler as its log-probabilities say.",
    "ess_share": "In checks.csv: the effective sample size of the weights w = q/sampler over their number, "
    "(Σ w)² / (n Σ w²). 1 where all are alike.",
    "because": "Why no number of samples is enough, or why klbench does not know how many are.",
    "unbiased": "Whether the mean over samples of q is the target, for every q and p.",
}
LABELS = {
    "none": "The mean gradient equals none of the divergences that klbench compares it with. Training on it minimises "
    "nothing that has a name here. One active clamp is enough for that.",
    "0": "The mean gradient is 0. Training on it moves nothing on average and only adds noise.",
    "E_q[k]": "The mean gradient is that of the estimator's own mean, whatever it is meant to estimate.",
    "token-local KL(q‖p)": f"{_LOCAL} the KL(q‖p) of the next token, {_HELD}",
    "token-local KL(p‖q)": f"{_LOCAL} the KL(p‖q) of the next token, {_HELD}",
    "no gradient": "Autograd finds no way from log q to the value, so there is nothing to train on.",
}
WORDS = {
    "kl": "The Kullback-Leibler divergence, in nats. Without more words it is the reverse KL, KL(q‖p) = "
    "E_q[log q − log p]: q is the policy, p the reference.",
    "reverse KL": "KL(q‖p) = E_q[log q − log p], the expectation over samples of the policy q. Two names of one thing.",
    "forward KL": "KL(p‖q) = E_p[log p − log q], the expectation over the reference p. Two names of one thing.",
    "mcse": "The Monte Carlo standard error of a measured number. Columns whose names end in _mcse hold it.",
    "ρ": f"{_THE_WEIGHT}. It is 1 on samples of q itself.",
    "w": "exp(log q − sg(log q)): a factor of 1 whose gradient is the score. It changes the gradient and no value.",
    "sg": f"{_STOPPED} PyTorch's detach does it.",
    "detach": f"{_STOPPED} In formulas it is sg(·).",
    "stop-gradient": f"{_STOPPED} In formulas it is sg(·), in PyTorch detach.",
    "clamp": "A bound that an estimator cuts at. Where a clamp is active, the value is biased and its gradient is 0.",
    "λ": "The coefficient of the control variate r − 1 in k1_cv(λ) = −log r + λ(r − 1). k1_cv(optimal) fits it.",
    "importance weight": f"{_THE_WEIGHT}. It corrects for samples of another distribution than q.",
    "× ratio": f"Times {_WEIGHT}, differentiated: the weight has a gradient of its own.",
    "× detached": f"Times sg(ρ): {_WEIGHT}, held constant (stop-gradient).",
    "r": "p(x)/q(x), the ratio of the two probabilities of a sample. Estimators are functions of log r.",
    "k": "The value of an estimator for one sample.",
    "score": "∇ log q(x): the gradient of a sample's log-probability with respect to q's parameters.",
    "on-policy": "Samples come from q itself.",
    "off-policy": f"Samples come from another distribution, the sampler, such as an older policy (stale samples). "
    f"{_THE_WEIGHT} corrects for that.",
    "stale": f"Off-policy: stale samples come from an older policy, the sampler. {_THE_WEIGHT} corrects for that.",
    "nats": "The unit of a KL with natural logarithms. 1 nat is 1.4427 bits.",
    "eos": "The token that ends a sequence (end of sequence), an argument of a policy: Markov(vocab=50, length=64, "
    "eos=0). Its log-probability counts as any other's. Without it all sequences have the same length.",
    "token-local": f"Of a KL, under follows: of the next token alone, {_HELD}",
    "logged": "The estimator is only written to the log. Nothing is trained on it.",
    "follows": "The divergence whose gradient equals the mean gradient, compared exactly.",
}
"""Words of the trade that stand in tables, legends and notes."""

DIVERGENCES = {
    "KL(q‖p)": "the reverse KL, E_q[log q − log p]",
    "KL(p‖q)": "the forward KL, E_p[log p − log q]",
    "χ²(q‖p)": "the chi-square divergence E_q[q/p] − 1",
    "χ²(p‖q)": "the chi-square divergence E_q[(p/q)²] − 1",
    "TV": "the total variation distance, ½ E_q[|p/q − 1|]",
    "Jensen-Shannon": "the mean of the KLs of q and p to their midpoint",
    "squared Hellinger": "1 − E_q[√(p/q)]",
    "total variation": "TV, ½ E_q[|p/q − 1|]",
}
_UNDER_FOLLOWS = "Under follows: the mean gradient equals the gradient of this, so training minimises it."
_OF_ITS_MEAN = re.compile(r"[+-]?(?:\d+/\d+|[\d.]*)e_q\[k\]")
"""A multiple of the gradient of the estimator's own mean as ``key`` writes it, such as 2e_q[k]."""
_PART = re.compile(r"([+-]?(?:\d+/\d+|[\d.]*))(kl\(q\|\|p\)|kl\(p\|\|q\)|chi2\(q\|\|p\)|chi2\(p\|\|q\)|tv)")
"""One part of a sum of divergences as ``key`` writes it, such as 1/2chi2(q||p): a factor and a divergence."""
_COMPONENT = re.compile(r"(?:∇|grad )([a-z_]+(?:\[\d+\])?)( exact)?")
_ALPHA = re.compile(r"alpha\(.+\)divergence")

_KINDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("a label under follows", LABELS),
    ("a header of the tables", HEADERS),
    ("a mark in the tables", MARKS),
    ("a word of the trade", WORDS),
)


def meanings(name: str) -> Iterator[Word]:
    """Every meaning of what is typed as ``name``."""
    typed = key(name)
    for kind, words in _KINDS:
        if typed in (keyed := _keyed(kind)):
            yield Word(kind, "", words[keyed[typed]])
    yield from _divergence(typed)
    if component := _COMPONENT.fullmatch(name):
        yield Word(
            "a component", "", f"The component of the gradient with respect to {component[1]}, a parameter of q."
        )


def known() -> tuple[str, ...]:
    """Every name here, as klbench prints it."""
    return tuple(dict.fromkeys(name for _, words in _KINDS for name in words)) + tuple(DIVERGENCES)


def _divergence(typed: str) -> Iterator[Word]:
    """What a divergence is, or a multiple or sum of them, as the column follows has it."""
    named = {key(name): name for name in DIVERGENCES}
    if typed in named:
        yield Word("a divergence", "", f"{named[typed]} is {DIVERGENCES[named[typed]]}. {_UNDER_FOLLOWS}")
    elif _ALPHA.fullmatch(typed):
        yield Word("a divergence", "", "(E_q[r^α] − 1)/(α(α − 1)), r = p/q: the reverse KL at α = 0, the forward at 1.")
    elif _OF_ITS_MEAN.fullmatch(typed) and typed not in _keyed("a label under follows"):
        yield Word("a label under follows", "", "The mean gradient is a multiple of that of the estimator's own mean.")
    elif (parts := _PART.findall(typed)) and "".join(map("".join, parts)) == typed:
        kind = "a sum of divergences" if len(parts) > 1 else "a multiple of a divergence"
        told = "; ".join(dict.fromkeys(f"{named[part]} is {DIVERGENCES[named[part]]}" for _, part in parts))
        yield Word(kind, "", f"{told}. {_UNDER_FOLLOWS}")


@cache
def _keyed(kind: str) -> Mapping[str, str]:
    """The names of one kind by how they are looked up."""
    return {key(name): name for name in dict(_KINDS)[kind]}


def key(name: str) -> str:
    """A name without what differs between encodings and typists."""
    return re.sub(r"[\s^*]", "", narrowed(name, "ascii")).lower()
