"""What sequences of a pair are drawn from, for sums along it, and the mass that is never drawn."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from klbench.derived.level import Level
from klbench.estimators.term import Term
from klbench.problems.sequences import SequencePair
from klbench.roads.chain import Chain, visits

CHAIN, PATHS = "dynamic-programming", "enumeration"
FEW_PATHS = 2**14
"""So few sequences are enumerated for everything: that gives the fourth moment too, in a millisecond or two."""


def chain_of(pair: SequencePair) -> Chain:
    """What is drawn, for sums along it."""
    return Chain(pair.base_probs, pair.joint.following, pair.joint.start, pair.joint.length)


def has_whole_weight(term: Term, level: Level | None) -> bool:
    """Whether the weight of the whole sequence multiplies a term at a level, and is not cut off."""
    is_sequences = level is not None and level.name == "sequence"
    whole = term.scope == "sequence" or (is_sequences and term.scope == "sample")
    return term.weighted and whole and term.clip == inf


def unseen_mass(pair: SequencePair) -> tuple[float, float]:
    """(the mass of p's sequences that q never draws, that of q's that the sampler never draws)."""
    joint = pair.joint
    of_p = _mass_off(joint.log_q, joint.log_p, pair)
    return of_p, 0.0 if joint.log_sampler is None else _mass_off(joint.log_sampler, joint.log_q, pair)


def _mass_off(seen: Tensor, other: Tensor, pair: SequencePair) -> float:
    """The mass of sequences of ``other`` that have a token where ``seen`` has none: it leaves at the first of them."""
    off = seen.isneginf() & (other > -inf)
    if not off.any():
        return 0.0
    probs = other.exp()
    staying = Chain(torch.where(off, 0.0, probs), pair.joint.following, pair.joint.start, pair.joint.length)
    leaving = torch.where(off, probs, 0.0).sum(1)
    # a state's share of leaving counts once for every visit that has stayed so far
    return float(visits(staying) @ leaving)
