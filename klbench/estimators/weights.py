"""What the weight before an estimator's name means, in words: of one sample or token, or of a whole sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from klbench.estimators.estimator import SCOPE_OF, SELF_NORMALISED, Estimator, weighted
from klbench.estimators.term import Scope

WEIGHTS = (*SCOPE_OF, *(f"{SELF_NORMALISED}{name}" for name in SCOPE_OF))
"""The names of all weights."""
WEIGHT_OF: Mapping[Scope, str] = {
    "sample": "the importance weight ρ = q(x)/sampler(x)",
    "sequence": "the importance weight of the whole sequence, ρ = q(x)/sampler(x) of all its tokens",
    "geometric": "the geometric mean ρ of the importance weights q/sampler of a sequence's tokens",
}
"""What each weight is."""
_OF_SINGLE_DRAWS = "Of a single draw it is ratio*."
_ON_SEQUENCES: Mapping[Scope, str] = {
    "sample": "On sequences it is each token's own, or the sequence's at level sequence.",
    "sequence": _OF_SINGLE_DRAWS,
    "geometric": _OF_SINGLE_DRAWS,
}
_MISSES = "the sampler misses part of q's support"
_BIASED_WHEN: Mapping[Scope, str] = {
    "sample": f"{_MISSES}; on sequences also where their prefixes are the sampler's",
    "sequence": _MISSES,
    "geometric": "the sampler is not q and sequences have more than one token: it is no weight that corrects samples",
}
_ALWAYS = "always, by the order of 1/n with n samples"

_OVER_MEAN = """

The weights are divided by their mean over all samples (self-normalised importance sampling). A ratio of two means: its
bias at n samples is of the order 1/n, and the numbers here are those of many samples. The mean weight is over tokens
for a token's weight, over sequences for a sequence's; under token-mean it is over tokens."""


def weighed(estimator: Estimator, prefix: str) -> Estimator:
    """The estimator with a weight before it, ``ratio``, ``ratio-sequence`` or ``ratio-geometric``, or one of these
    after ``self-normalised-``, and what to know of that."""
    scope, plain = SCOPE_OF[prefix.removeprefix(SELF_NORMALISED)], estimator.biased_when
    normalised = prefix.startswith(SELF_NORMALISED)
    when = _BIASED_WHEN[scope] + ("" if plain.startswith("never") else f", or: {plain}")
    return replace(
        weighted(estimator, prefix),
        unbiased=estimator.unbiased and scope != "geometric" and not normalised,
        biased_when=f"{_ALWAYS}; more where {when}" if normalised else when,
        summary=f"{estimator.summary}\n\nTimes {WEIGHT_OF[scope]}, if x comes from a sampler. "
        f"{_ON_SEQUENCES[scope]}{_OVER_MEAN * normalised}",
    )
