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

from klbench.distributions.arrays import logits_of
from klbench.distributions.constraints import (
    ARRAY,
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
from klbench.distributions.family import Arguments, Change, Family, Parameter
from klbench.distributions.support import Lattice

if TYPE_CHECKING:
    from torch import Tensor

_REACHED = 1e-12
"""A mass that is short of what TopP keeps by no more than this is short by rounding."""
BASE = "base"
"""The name of the argument that is a policy."""
_BASE = Parameter(BASE, POLICY)


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


def _of_policy(
    name: str,
    summary: str,
    parameter: tuple[Parameter, ...],
    change: Change,
    *examples: str,
    instead: str = "",
) -> Family:
    """What is made of a policy over one token, or at every state of one over sequences."""

    def logits(arguments: Arguments) -> Tensor:
        return change(_log_probs(arguments[BASE]), arguments)

    return replace(_policy(name, summary, (_BASE, *parameter), logits, *examples), change=change, instead=instead)


def _random(arguments: Arguments, of: str, count: int) -> Tensor:
    """Standard normals [count], a stream for each seed and each kind of policy, always drawn on the CPU."""
    from klbench.distributions.stream import stream_for

    return stream_for(int(arguments["seed"]), of.encode(), 0).normal(count)


def zipf(arguments: Arguments) -> Tensor:
    """Token i, from 0, with a probability ∝ (i + 1)^−exponent."""
    import torch

    ranks = torch.arange(1, int(arguments["vocab"]) + 1, dtype=torch.float64)
    return ranks.log_().mul_(-float(arguments["exponent"]))


def logits_of_file(arguments: Arguments) -> Tensor:
    """As they stand in the file."""
    import torch

    return torch.from_numpy(logits_of(arguments["file"]))


def softmax(arguments: Arguments) -> Tensor:
    """Independent normal logits, ``scale`` their standard deviation."""
    return _random(arguments, "Softmax", int(arguments["vocab"])).mul_(float(arguments["scale"]))


def perturb(log_probs: Tensor, arguments: Arguments) -> Tensor:
    """Normal noise on the logits, ``scale`` its standard deviation, drawn row by row; what has no mass keeps none."""
    noise = _random(arguments, "Perturb", log_probs.numel()).mul_(float(arguments["scale"]))
    return noise.view(log_probs.shape).add_(log_probs)


def temper(log_probs: Tensor, arguments: Arguments) -> Tensor:
    """Logits divided by the temperature."""
    return log_probs / float(arguments["temperature"])


def top_k(log_probs: Tensor, arguments: Arguments) -> Tensor:
    """The likeliest ``k`` tokens; of equals the lower ones."""
    return _only(log_probs, _by_likelihood(log_probs)[..., : int(arguments["k"])])


def top_p(log_probs: Tensor, arguments: Arguments) -> Tensor:
    """The fewest likeliest tokens whose mass reaches ``mass``, the one that crosses it included."""
    order = _by_likelihood(log_probs)
    before = log_probs.gather(-1, order).exp_().cumsum(-1).roll(1, -1)
    before[..., 0] = 0.0
    missed = before >= float(arguments["mass"]) - _REACHED
    return log_probs.masked_fill(missed.new_empty(missed.shape).scatter_(-1, order, missed), -inf)


def _by_likelihood(log_probs: Tensor) -> Tensor:
    """The tokens of each row, the likeliest first. Stable: of equals the lower comes first."""
    return log_probs.argsort(dim=-1, descending=True, stable=True)


def _only(log_probs: Tensor, kept: Tensor) -> Tensor:
    """The log-probabilities of the tokens of each row that are kept, −inf for all others."""
    import torch

    return torch.full_like(log_probs, -inf).scatter_(-1, kept, log_probs.gather(-1, kept))


_VOCAB = Parameter("vocab", SIZE)
_SEED = Parameter("seed", COUNT, 0)

FAMILIES = (
    replace(
        _policy(
            "Logits",
            "A token with the logits of a file: a one-dimensional .npy array.",
            (Parameter("file", ARRAY),),
            logits_of_file,
            'Logits("example_logits.npy")',
        ),
        categories=lambda a: len(logits_of(a["file"])),
        support=lambda a: Lattice(0, len(logits_of(a["file"])) - 1),
    ),
    _of_policy(
        "Perturb",
        "A policy with normal noise on its logits: one that has been trained a little.",
        (Parameter("scale", NON_NEGATIVE), _SEED),
        perturb,
        "Perturb(Softmax(vocab=5, scale=2), scale=0.1, seed=3)",
        "Perturb(Markov(vocab=5, scale=2, length=8), scale=0.1)",
        instead="the checkpoint after some steps of training, or the same one in another precision: dtype=bfloat16",
    ),
    _policy(
        "Softmax",
        "A token with random logits, normal with standard deviation scale.",
        (_VOCAB, Parameter("scale", NON_NEGATIVE, 1), _SEED),
        softmax,
        "Softmax(vocab=1000, scale=2, seed=7)",
    ),
    _of_policy(
        "Temper",
        "A policy at a temperature: its logits divided by it.",
        (Parameter("temperature", POSITIVE),),
        temper,
        "Temper(Zipf(vocab=10), temperature=0.8)",
        instead='the temperature of the model itself: Model("folder", temperature=0.8)',
    ),
    _of_policy(
        "TopK",
        "The k likeliest tokens of a policy.",
        (Parameter("k", SIZE),),
        top_k,
        "TopK(Zipf(vocab=10), k=5)",
    ),
    _of_policy(
        "TopP",
        "The likeliest tokens of a policy that together have a share of the mass, the one that crosses it included.",
        (Parameter("mass", PROBABILITY_ABOVE_0),),
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
