"""Families on the integers: coins, and counts of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import (
    COUNT,
    LOGIT,
    NON_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    PROBABILITY_ABOVE_0,
    PROBABILITY_BELOW_1,
    REAL,
)
from klbench.distributions.family import IS_COUNT, Arguments, Family, Natural, Parameter, ParameterScore
from klbench.distributions.support import Lattice

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

LOGITS, FINITE_LOGITS = Parameter("logits", LOGIT), Parameter("logits", REAL)
PROBS_OR_LOGITS = ("probs", "logits")
COUNTS = "the whole numbers >= 0"


def _counts(_: Arguments) -> Lattice:
    return Lattice(0, inf)


@dataclass(frozen=True)
class Coin:
    """A coin thrown ``total_count`` times, or until so many failures; scalar float64 tensors.

    Probabilities and complements come from what was given: torch's logits stop at ±36, and its probs round to 1.
    """

    total_count: Tensor
    probs: Tensor
    complement: Tensor
    log_probs: Tensor
    log_complement: Tensor


def coin(d: Any, a: Arguments) -> Coin:
    """The coin of a family that has ``probs | logits`` and may have ``total_count``."""
    from torch.nn.functional import logsigmoid

    total_count = d.probs.new_tensor(a.get("total_count", 1))
    if "probs" in a:
        probs = d.probs.new_tensor(a["probs"])
        # log1p: for probs below 5e-17 the complement is 1, and its logarithm would be 0
        return Coin(total_count, probs, 1 - probs, probs.log(), (-probs).log1p())
    t = d.logits
    # both sides by themselves: 1 − sigmoid(t) is 0 in float64 for t from 37 on
    return Coin(total_count, t.sigmoid(), (-t).sigmoid(), logsigmoid(t), logsigmoid(-t))


def coin_scores(throws: Callable[[Coin, Tensor], tuple[Tensor, Tensor]]) -> Mapping[str, ParameterScore]:
    """The scores of a density ∝ probs^heads (1 - probs)^tails; ``throws`` tells heads and tails of x."""

    def probs(c: Coin, x: Tensor) -> Tensor:
        heads, tails = throws(c, x)
        return heads / c.probs - tails / c.complement

    def logits(c: Coin, x: Tensor) -> Tensor:
        heads, tails = throws(c, x)
        return heads * c.complement - tails * c.probs

    return {"probs": probs, "logits": logits}


def draw_bernoulli(c: Coin, stream: Stream, count: int) -> Tensor:
    """Whether a uniform falls below probs."""
    return (stream.uniform(count) < c.probs).double()


def log_density_bernoulli(c: Coin, x: Tensor) -> Tensor:
    """The one or the other."""
    return c.log_probs.where(x > 0, c.log_complement)


def natural_binomial(c: Coin) -> Natural:
    """On x, among binomials of the same total count."""
    return Natural({"x": float(c.log_probs - c.log_complement)}, measure=f"binomial {float(c.total_count)}")


BERNOULLI = Family(
    name="Bernoulli",
    summary="A coin: 1 with probability probs, else 0.",
    kind="discrete",
    parameters=(Parameter("probs", PROBABILITY), LOGITS),
    alternatives=PROBS_OR_LOGITS,
    support_text="0 and 1",
    support=lambda _: Lattice(0, 1),
    examples=(
        "Bernoulli(probs=0.7)",
        "Bernoulli(logits=-3)",
        "Bernoulli(probs=1)",
        "Bernoulli(probs=1e-20)",
        "Bernoulli(logits=-inf)",
    ),
    prepare=coin,
    draw=draw_bernoulli,
    log_prob=log_density_bernoulli,
    scores=coin_scores(lambda _, x: (x, 1 - x)),
    natural=natural_binomial,
)


def draw_binomial(c: Coin, stream: Stream, count: int) -> Tensor:
    """See ``Stream.binomial``."""
    return stream.binomial(c.total_count, c.probs, count)


def log_density_binomial(c: Coin, x: Tensor) -> Tensor:
    """Loader's form; at both ends a power of one probability alone, so that 0 log 0 = 0."""
    from klbench.distributions.special import log_binomial

    n = c.total_count
    # NaN at both ends, where it takes log 0; they are replaced below
    value = log_binomial(x, n, c.probs, c.complement)
    value = (n * c.log_probs).where(x == n, value)
    # of no throws, 0 · log 0 would be NaN where probs is 1
    return (n * c.log_complement if n > 0 else n).where(x == 0, value)


BINOMIAL = Family(
    name="Binomial",
    summary="The number of heads in total_count throws of a coin.",
    kind="discrete",
    parameters=(Parameter("total_count", COUNT, 1), Parameter("probs", PROBABILITY), LOGITS),
    alternatives=PROBS_OR_LOGITS,
    support_text="the whole numbers from 0 to total_count",
    support=lambda a: Lattice(0, int(a["total_count"])),
    examples=(
        "Binomial(total_count=10, probs=0.3)",
        "Binomial(total_count=10, probs=0.6)",
        "Binomial(total_count=100000, probs=0.5)",
        "Binomial(total_count=5, logits=1)",
        "Binomial(total_count=4, probs=0)",
        "Binomial(total_count=4, logits=-inf)",
    ),
    prepare=coin,
    draw=draw_binomial,
    log_prob=log_density_binomial,
    scores=coin_scores(lambda c, x: (x, c.total_count - x)),
    natural=natural_binomial,
)


def draw_geometric(c: Coin, stream: Stream, count: int) -> Tensor:
    """The whole part of an exponential of rate -log(1 - probs)."""
    # probs = 1 divides by infinity: every draw is 0, as it should be
    return stream.exponential(count).div_(-c.log_complement).floor_()


def log_density_geometric(c: Coin, x: Tensor) -> Tensor:
    """x failures, then a success."""
    # at probs = 1 log_complement is −inf, and 0 · inf is NaN: no failure costs nothing
    return c.log_probs.where(x == 0, x * c.log_complement + c.log_probs)


GEOMETRIC = Family(
    name="Geometric",
    summary="The number of failures before the first success.",
    kind="discrete",
    parameters=(Parameter("probs", PROBABILITY_ABOVE_0), FINITE_LOGITS),
    alternatives=PROBS_OR_LOGITS,
    support_text=COUNTS,
    support=_counts,
    examples=("Geometric(probs=0.3)", "Geometric(probs=0.001)", "Geometric(logits=2)", "Geometric(probs=1)"),
    prepare=coin,
    draw=draw_geometric,
    log_prob=log_density_geometric,
    scores=coin_scores(lambda c, x: (c.total_count, x)),
    natural=lambda c: Natural({"x": float(c.log_complement)}, measure="negative binomial 1.0"),
)


def draw_negative_binomial(c: Coin, stream: Stream, count: int) -> Tensor:
    """A Poisson whose rate is a gamma."""
    # by logarithms: probs or its complement may have rounded to 1
    odds = (c.log_probs - c.log_complement).exp()
    return stream.poisson(stream.gamma(c.total_count, count).mul_(odds), count)


def log_density_negative_binomial(c: Coin, x: Tensor) -> Tensor:
    """A binomial probability of r = total_count failures in x + r throws, times r/(x + r)."""
    from klbench.distributions.special import log_binomial

    r = c.total_count
    value = log_binomial(r, x + r, c.complement, c.probs) + (r / (x + r)).log()
    # at x = 0 all throws fail: log_binomial has log 0 there, and is NaN
    return (r * c.log_complement).where(x == 0, value)


NEGATIVE_BINOMIAL = Family(
    name="NegativeBinomial",
    summary="The number of successes, of probability probs each, before total_count failures.",
    kind="discrete",
    parameters=(Parameter("total_count", POSITIVE), Parameter("probs", PROBABILITY_BELOW_1), LOGITS),
    alternatives=PROBS_OR_LOGITS,
    support_text=COUNTS,
    support=_counts,
    examples=(
        "NegativeBinomial(total_count=5, probs=0.4)",
        "NegativeBinomial(total_count=0.5, probs=0.9)",
        "NegativeBinomial(total_count=1e5, logits=0)",
        "NegativeBinomial(total_count=2, probs=0)",
        "NegativeBinomial(total_count=2, logits=-inf)",
    ),
    prepare=coin,
    draw=draw_negative_binomial,
    log_prob=log_density_negative_binomial,
    scores=coin_scores(lambda c, x: (x, c.total_count)),
    unscored=lambda _: {"total_count": IS_COUNT},
    natural=lambda c: Natural({"x": float(c.log_probs)}, measure=f"negative binomial {float(c.total_count)}"),
)


def draw_poisson(d: Any, stream: Stream, count: int) -> Tensor:
    """See ``Stream.poisson``."""
    return stream.poisson(d.rate, count)


def log_density_poisson(d: Any, x: Tensor) -> Tensor:
    """Loader's form."""
    from klbench.distributions.special import log_poisson

    return log_poisson(x, d.rate)


POISSON = Family(
    name="Poisson",
    summary="Poisson with mean rate.",
    kind="discrete",
    parameters=(Parameter("rate", NON_NEGATIVE),),
    support_text=COUNTS,
    support=_counts,
    examples=("Poisson(rate=3)", "Poisson(rate=0.01)", "Poisson(rate=1e5)", "Poisson(rate=0)"),
    draw=draw_poisson,
    log_prob=log_density_poisson,
    scores={"rate": lambda d, x: (x - d.rate) / d.rate},
    natural=lambda d: Natural({"x": float(d.rate.log())}, measure="poisson"),
)

FAMILIES = (BERNOULLI, BINOMIAL, GEOMETRIC, NEGATIVE_BINOMIAL, POISSON)
