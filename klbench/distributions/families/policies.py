"""Policies over tokens, as expressions: probabilities by a law or by chance, and what a sampler makes of a policy.

Each is one more way to write the logits of a Categorical over the tokens 0 to vocab − 1. A policy that is made of
another one (``Temper``, ``TopP``, ...) has that as its argument ``base``. Random logits come from numbered streams on
the CPU, so that they are the same on every machine.

Nothing here imports torch but the functions that make logits, when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from klbench.distributions.constraints import (
    COUNT,
    NON_NEGATIVE,
    POLICY,
    POSITIVE,
    PROBABILITY_ABOVE_0,
    REAL,
    SIZE,
)
from klbench.distributions.expression import Expression
from klbench.distributions.families.categories import CATEGORICAL, Categories
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.distributions.support import Lattice

if TYPE_CHECKING:
    from torch import Tensor

_REACHED = 1e-12
"""A mass that is short of what TopP keeps by no more than this is short by rounding."""
BASE = "base"
"""The name of the argument that is a policy."""


def _vocabulary(arguments: Arguments) -> int | None:
    """How many tokens a policy has; None where a grid parameter decides."""
    from klbench.distributions.shape import form

    if BASE in arguments:
        return form(arguments[BASE]).categories
    vocab = arguments["vocab"]
    return int(vocab) if isinstance(vocab, int | float) else None


def _support(arguments: Arguments) -> Lattice:
    vocabulary = _vocabulary(arguments)
    assert vocabulary is not None, "it is built once grid parameters are filled"
    return Lattice(0, vocabulary - 1)


def _log_probs(base: Expression) -> Tensor:
    """Of every token of a base [vocab], in nats."""
    from klbench.distributions.build import build

    built = build(base)
    atoms = built.atoms()
    assert atoms is not None, "a vocabulary can be listed"
    return built.log_prob(atoms)


def _policy(
    name: str, summary: str, parameters: tuple[Parameter, ...], logits: Callable[[Arguments], Tensor], *examples: str
) -> Family:
    return replace(
        CATEGORICAL,
        name=name,
        summary=summary,
        parameters=parameters,
        alternatives=(),
        support_text="the tokens, whole numbers from 0 to vocab - 1",
        support=_support,
        categories=_vocabulary,
        examples=examples,
        logits=logits,
        prepare=lambda wrapped, _: Categories.of(wrapped.logits),
    )


def _random(arguments: Arguments, of: str, count: int) -> Tensor:
    """Standard normals [count], a stream for each seed and each kind of policy, always drawn on the CPU."""
    from klbench.distributions.stream import stream_for

    return stream_for(int(arguments["seed"]), of.encode(), 0).normal(count)


def zipf(arguments: Arguments) -> Tensor:
    """Token i, from 0, with a probability ∝ (i + 1)^−exponent."""
    import torch

    ranks = torch.arange(1, int(arguments["vocab"]) + 1, dtype=torch.float64)
    return ranks.log_().mul_(-float(arguments["exponent"]))


def softmax(arguments: Arguments) -> Tensor:
    """Independent normal logits, ``scale`` their standard deviation."""
    return _random(arguments, "Softmax", int(arguments["vocab"])).mul_(float(arguments["scale"]))


def perturb(arguments: Arguments) -> Tensor:
    """Normal noise on the logits, ``scale`` its standard deviation; what has no mass keeps none."""
    logits = _log_probs(arguments[BASE])
    return logits + _random(arguments, "Perturb", len(logits)).mul_(float(arguments["scale"]))


def temper(arguments: Arguments) -> Tensor:
    """Logits divided by the temperature."""
    return _log_probs(arguments[BASE]).div_(float(arguments["temperature"]))


def top_k(arguments: Arguments) -> Tensor:
    """The likeliest ``k`` tokens; of equals the lower ones."""
    logits = _log_probs(arguments[BASE])
    return _only(logits, _by_likelihood(logits)[: int(arguments["k"])])


def top_p(arguments: Arguments) -> Tensor:
    """The fewest likeliest tokens whose mass reaches ``mass``, the one that crosses it included."""
    logits = _log_probs(arguments[BASE])
    order = _by_likelihood(logits)
    before = logits[order].exp().cumsum(0).roll(1)
    before[0] = 0.0
    return _only(logits, order[before < float(arguments["mass"]) - _REACHED])


def _by_likelihood(logits: Tensor) -> Tensor:
    """The tokens, the likeliest first. Stable: of equals the lower comes first."""
    return logits.argsort(descending=True, stable=True)


def _only(logits: Tensor, kept: Tensor) -> Tensor:
    """The logits of the tokens that are kept, −inf for all others."""
    import torch

    return torch.full_like(logits, -inf).index_copy_(0, kept, logits[kept])


_VOCAB = Parameter("vocab", SIZE)
_BASE = Parameter(BASE, POLICY)
_SEED = Parameter("seed", COUNT, 0)

FAMILIES = (
    _policy(
        "Perturb",
        "A policy with normal noise on its logits: one that has been trained a little.",
        (_BASE, Parameter("scale", NON_NEGATIVE), _SEED),
        perturb,
        "Perturb(Softmax(vocab=5, scale=2), scale=0.1, seed=3)",
    ),
    _policy(
        "Softmax",
        "A token with random logits, normal with standard deviation scale.",
        (_VOCAB, Parameter("scale", NON_NEGATIVE, 1), _SEED),
        softmax,
        "Softmax(vocab=1000, scale=2, seed=7)",
    ),
    _policy(
        "Temper",
        "A policy at a temperature: its logits divided by it.",
        (_BASE, Parameter("temperature", POSITIVE)),
        temper,
        "Temper(Zipf(vocab=10), temperature=0.8)",
    ),
    _policy(
        "TopK",
        "The k likeliest tokens of a policy.",
        (_BASE, Parameter("k", SIZE)),
        top_k,
        "TopK(Zipf(vocab=10), k=5)",
    ),
    _policy(
        "TopP",
        "The likeliest tokens of a policy that together have a share of the mass, the one that crosses it included.",
        (_BASE, Parameter("mass", PROBABILITY_ABOVE_0)),
        top_p,
        "TopP(Zipf(vocab=10), mass=0.95)",
    ),
    _policy(
        "Zipf",
        "A token whose probability falls as a power of its rank.",
        (_VOCAB, Parameter("exponent", REAL, 1)),
        zipf,
        "Zipf(vocab=32000, exponent=1.1)",
    ),
)
