"""Identifying what needs sequences: estimators of whole distributions, and returns.

One token tells neither what a prefix does to the tokens after it nor what is still to come. So these are put on two
policies over sequences of two tokens: their mean and gradients are exact sums there, and compared with those of the KL
of sequences and of the tokens' own KL. Nothing here is typed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from klbench.derived.level import AtLevel, Level
from klbench.errors import SpecError
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import PLACEMENTS, Placement, Weighting, placed
from klbench.identity.identity import UNKNOWN, Identity, Zones
from klbench.measure.follows import follows
from klbench.measure.place import Place
from klbench.measure.quantity import Quantity
from klbench.measure.sequence_gradients import SequenceGradients
from klbench.measure.truth import true_of
from klbench.policies.build import table_of
from klbench.policies.joint import joint
from klbench.problems.sequences import SequencePair
from klbench.roads.exact import exact
from klbench.spec.expression import read

MOST_TOKENS = 16
"""The largest K that is looked at: its gradients have (K + 5)² components."""
_REST = 4
"""Tokens outside the K likeliest, at least: with none every one of these estimators is ``full``."""
_SAME = 1e-9
_WEIGHTINGS: tuple[Weighting, ...] = ("none", "ratio", "detached", "ratio-sequence")
_LEVEL = Level()


@dataclass(frozen=True)
class _Probe:
    """Two policies over sequences of two tokens, and where the sequences come from."""

    vocabulary: int
    is_stale: bool

    @cached_property
    def pair(self) -> SequencePair:
        q = read(f"Markov(vocab={self.vocabulary}, scale=0.6, seed=1, length=2)")
        p, old = (read(f"Perturb({q}, scale={scale}, seed={seed})") for scale, seed in ((0.5, 2), (0.4, 3)))
        sampler = old if self.is_stale else None
        tables = joint(table_of(q), table_of(p), None if sampler is None else table_of(sampler))
        return SequencePair(q, p, sampler, tables)

    @cached_property
    def gradients(self) -> SequenceGradients:
        return SequenceGradients(self.pair, self.pair.score(None))


def needs_sequences(estimator: Estimator) -> bool:
    """Whether one token's log-probabilities do not tell what an estimator is."""
    return estimator.whole is not None or estimator.to_go


def identify_on_sequences(estimator: Estimator) -> Identity:
    """The identity of an estimator of whole distributions or of returns, measured.

    Raises:
        SpecError: it covers too many tokens.
    """
    least = estimator.whole.least if estimator.whole else 1
    if least > MOST_TOKENS:
        name = estimator.name.partition("(")[0]
        help = [f"klbench identify {name}(2): it is the same for every K that leaves tokens outside"]
        raise SpecError(f"{estimator.name} is of too many tokens to be identified by exact sums", help=help)
    drawn, stale = (_Probe(least + _REST, is_stale) for is_stale in (False, True))
    return Identity(
        value=_value(estimator, drawn),
        near="",
        stale_value=_value(estimator, stale),
        follows={name: _follows(estimator, drawn, place) for name, place in _places(estimator)},
        stale_follows={name: _follows(estimator, stale, place) for name, place in _places(estimator)},
        zones=Zones((), (), {}),
    )


def paragraph_on_sequences(identity: Identity, estimator: Estimator) -> str:
    """What was found, in sentences."""
    mean = "its mean is that of k1 as a value: " * estimator.to_go
    what = f"{mean}KL(q‖p) of sequences" if identity.value != UNKNOWN else "no divergence that klbench knows"
    first = what[0].upper() + what[1:] if estimator.to_go else f"Its mean, summed over tokens, is {what}"
    kept = "there too" if identity.stale_value == identity.value else "not on those of an older policy"
    unknown = identity.value == UNKNOWN
    stale = "" if unknown else f", {kept}"
    biased = [f"It is biased where {estimator.biased_when}."] if unknown else []
    return " ".join([f"{first} on samples of q{stale}.", *biased, *_of_gradients(identity)])


def _of_gradients(identity: Identity) -> Iterator[str]:
    for placement in PLACEMENTS:
        if placement not in identity.follows:
            yield f"It is not put in the {placement}."
            continue
        yield f"In the {placement} it follows {_gradient(identity.follows[placement])}."
    held = [name for name, found in identity.stale_follows.items() if found == "KL(q‖p)"]
    where = f"only in the {', in the '.join(held)}" if held else "in no place"
    yield f"On stale samples it follows the gradient of KL(q‖p) of sequences {where}."


def _gradient(name: str) -> str:
    match name:
        case "KL(q‖p)":
            return "the gradient of KL(q‖p) of sequences"
        case "0":
            return "nothing: its mean gradient is 0"
        case "E_q[k]":
            return "the gradient of its own mean"
        case _ if name == UNKNOWN:
            return "the gradient of no divergence"
        case _ if name.startswith("token-local"):
            return f"the gradient of the {name}, with prefixes held as they are drawn"
        case _:
            return f"the gradient of {name}"


def _places(estimator: Estimator) -> Iterator[tuple[str, tuple[Placement, Weighting]]]:
    for placement in PLACEMENTS:
        for weighting in _WEIGHTINGS:
            # a reward is held constant, and so is its weight; a return is one of rewards
            if not (placement == "reward" and weighting == "detached") and (
                placement == "reward" or not estimator.to_go
            ):
                yield placed(placement, weighting), (placement, weighting)


def _value(estimator: Estimator, probe: _Probe) -> str:
    moments = exact(probe.pair, AtLevel(estimator.term, _LEVEL))
    true = cast(float, true_of(probe.pair, REVERSE_KL, _LEVEL).value)
    return "KL(q‖p)" if moments is not None and abs(moments.mean - true) <= _SAME * true else UNKNOWN


def _follows(estimator: Estimator, probe: _Probe, place: tuple[Placement, Weighting]) -> str:
    quantity = Quantity(estimator, place=Place(*place), level=_LEVEL)
    on_q, known = probe.gradients.follows(quantity)
    names = follows(probe.gradients.of(quantity), estimator.term, on_q, known)
    return names[0] if names else UNKNOWN
