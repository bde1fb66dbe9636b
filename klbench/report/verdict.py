"""The verdict of the audit on one estimator, in plain words; and the headings that group the estimators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan

from klbench.identity.audit import Practice, Reading
from klbench.wording import share

RARE = 1e-7
"""A smaller share of the samples is not mentioned."""
_EXACT = 1e-6
_TURNED, _ASIDE, _LITTLE_LEFT = 0.0, 0.9, 0.1
_PERCENT, _NOISY = 0.01, 50.0
REVERSE, FORWARD = "KL(q‖p)", "KL(p‖q)"


@dataclass(frozen=True)
class Kind:
    """A heading of the page: what the estimators under it do, and what follows for the reader.

    Args:
        one, many: the verb, as one estimator or several do it.
        what: the rest of the sentence.
        says: what follows for the reader.
    """

    one: str
    many: str
    what: str
    says: str

    @property
    def title(self) -> str:
        """The text of the heading."""
        return f"{self.one.capitalize()} {self.what}"

    def of(self, count: int) -> str:
        """A sentence that says how many estimators do so."""
        return f"{count} {self.one if count == 1 else self.many} {self.what}."


def _descends(what: str, says: str) -> Kind:
    return Kind("descends", "descend", what, says)


STALE_TOO = _descends(
    "the reverse KL, on stale samples too",
    "The importance weight q/sampler is part of it, so the mean gradient is that of KL(q‖p) whoever drew the samples.",
)
ON_POLICY = _descends(
    "the reverse KL, on samples of q alone",
    "The mean gradient is that of KL(q‖p) as long as the samples are the policy's own (on-policy). After the first "
    "update of a batch they are off-policy (stale), and it is the gradient of no divergence.",
)
TO_FORWARD = _descends(
    "the forward KL",
    "k3 in the loss, differentiated: its value estimates the reverse KL and its gradient is that of KL(p‖q), which "
    "spreads the policy over all that the reference does, instead of keeping it to what the reference finds likely.",
)
NOWHERE = Kind(
    "has",
    "have",
    "zero mean gradient",
    "On samples of q: k1 in the loss gives the policy noise and nothing else.",
)
ELSEWHERE = _descends(
    "something else",
    "The mean gradient is that of another quantity, or of no divergence at all.",
)
NOT_DESCENDED = Kind(
    "is", "are", "only logged", "A metric, or the input of an early stop or of a controller; no gradient is taken."
)
KINDS = (STALE_TOO, ON_POLICY, TO_FORWARD, NOWHERE, ELSEWHERE, NOT_DESCENDED)


def kind(practice: Practice) -> Kind:
    """The heading of an estimator, by what its gradient follows."""
    match practice.follows:
        case "":
            return NOT_DESCENDED
        case "0":
            return NOWHERE
        case follows if follows == REVERSE:
            return STALE_TOO if practice.stale_follows == REVERSE else ON_POLICY
        case follows if follows == FORWARD:
            return TO_FORWARD
        case _:
            return ELSEWHERE


def summary(practices: Sequence[Practice]) -> Iterator[str]:
    """The whole audit in a few sentences, every count computed."""
    for heading in KINDS:
        yield heading.of(_count([practice for practice in practices if kind(practice) is heading]))
    clamped = [p for p in practices if p.follows not in ("", "0") and p.readings["far apart"].clamp_share > _EXACT]
    lost = [practice for practice in clamped if is_lost(practice.readings["far apart"])]
    yield (
        f"{_count(clamped)} use a clamp and are trained on. In {_count(lost)} of them, when the policy is far from the "
        "reference, the gradient points the wrong way or has less than a tenth of its true length."
    )
    heavy = [practice for practice in practices if practice.readings["heavy-tailed"].noise == inf]
    yield f"{_having(heavy)} infinite noise under a reference with heavy tails, because nothing is clamped."


def _count(practices: Sequence[Practice]) -> int:
    return sum(len(practice.entries) for practice in practices)


def _having(practices: Sequence[Practice]) -> str:
    count = _count(practices)
    return f"{count} {'has' if count == 1 else 'have'}"


def verdict(practice: Practice) -> str:
    """The verdict on one practice: its clauses in one sentence."""
    return "; ".join(_clauses(practice)) + "."


def _clauses(practice: Practice) -> Iterator[str]:
    readings = practice.readings
    if practice.entry.against_sampler:
        yield f"does not use p: it {_NEAR[practice.follows != '']} its sampler, and is 0 on samples of q"
        return
    if kind(practice) is ELSEWHERE:
        yield f"follows {_named(practice.follows)}"
    yield f"value {_bias(readings['on-policy'])}"
    if abs(readings["stale"].bias_over_true - readings["on-policy"].bias_over_true) > _EXACT:
        yield f"on stale samples {_bias(readings['stale'])}"
    if practice.entry.weight and practice.entry.weight.biased_when:
        yield f"biased where {practice.entry.weight.biased_when}"
    yield from _noise("under heavy tails", readings["heavy-tailed"])
    yield from _far_apart(readings["far apart"])
    yield from _noise("far apart", readings["far apart"])
    yield from _broken(readings)


_NEAR = {True: "keeps the policy near", False: "tells how far the policy is from"}


def _named(follows: str) -> str:
    return {"none": "no divergence", "E_q[k]": "its own mean, which is not the KL"}.get(follows, follows)


def _bias(reading: Reading) -> str:
    if abs(reading.bias_over_true) < _EXACT:
        return "unbiased"
    size = abs(reading.bias_over_true)
    return f"{size:.{0 if size >= _PERCENT else 1}%} too {'high' if reading.bias_over_true > 0 else 'low'}"


def _noise(where: str, reading: Reading) -> Iterator[str]:
    """A clause on noise that is infinite or very large."""
    if reading.noise == inf:
        yield f"infinite noise {where}"
    elif reading.noise > _NOISY:
        yield f"{where} its noise is {float(f'{reading.noise:.2g}'):,.0f} times the true gradient"


def _far_apart(reading: Reading) -> Iterator[str]:
    """A clause on the pair whose policy is far from its reference."""
    held = f"the clamp is active on {share(reading.clamp_share)} of the samples" if reading.clamp_share > _EXACT else ""
    pulled = _pull(reading)
    if held or pulled or abs(reading.bias_over_true) > 1:
        high = f"the value is {_times(1 + reading.bias_over_true)}" if reading.bias_over_true > 1 else ""
        yield f"far apart {', '.join(filter(None, [held, high, pulled]))}"


def _times(factor: float) -> str:
    return f"{factor:,.1f} times the KL" if factor < 100 else f"{factor:,.0f} times the KL"


def _pull(reading: Reading) -> str:
    """The direction of the mean gradient, if it is not the right one."""
    if isnan(reading.cosine):
        return ""
    if is_lost(reading) and reading.cosine >= _TURNED:
        return f"{reading.length:.1%} of the gradient's length is left"
    if reading.cosine < _TURNED:
        return f"the gradient points away from the KL's (cosine {_signed(reading.cosine)})"
    return f"the gradient points aside (cosine {_signed(reading.cosine)})" if reading.cosine < _ASIDE else ""


def is_lost(reading: Reading) -> bool:
    """Whether the mean gradient points away from the KL's, or has almost no length left."""
    return reading.cosine < _TURNED or reading.length < _LITTLE_LEFT


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _broken(readings: Mapping[str, Reading]) -> Iterator[str]:
    """A clause on the precision and the pair with the largest share of infinite or NaN values, if any."""
    shares = [(part, dtype, pair) for pair, reading in readings.items() for dtype, part in reading.broken.items()]
    part, dtype, pair = max(shares, default=(0.0, "", ""))
    if part > RARE:
        yield f"in {dtype} infinite or NaN for {share(part)} of the samples {_ON[pair]}"


_ON = {
    "on-policy": "of q near p",
    "stale": "of an older policy",
    "heavy-tailed": "under heavy tails",
    "far apart": "far apart",
}
