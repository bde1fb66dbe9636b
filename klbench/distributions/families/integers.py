"""Families on the integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from math import inf

from klbench.distributions.constraints import (
    COUNT,
    NON_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    PROBABILITY_ABOVE_0,
    PROBABILITY_BELOW_1,
    REAL,
    REAL_VECTOR,
    SIMPLEX,
)
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.distributions.support import Lattice

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.alias import AliasTable
    from klbench.distributions.stream import Stream

LOGITS = Parameter("logits", REAL)
PROBS_OR_LOGITS = ("probs", "logits")
COUNTS = "the whole numbers >= 0"


def _counts(_: Arguments) -> Lattice:
    return Lattice(0, inf)


def _categories(a: Arguments) -> int:
    return len(a["probs"] if "probs" in a else a["logits"])


def draw_bernoulli(d: Any, stream: Stream, count: int) -> Tensor:
    """Whether a uniform falls below probs."""
    return (stream.uniform(count) < d.probs).double()


def draw_binomial(d: Any, stream: Stream, count: int) -> Tensor:
    """See ``Stream.binomial``."""
    return stream.binomial(d.total_count, d.probs, count)


def draw_categorical(table: Any, stream: Stream, count: int) -> Tensor:
    """One uniform a draw, through an alias table."""
    drawn: Tensor = table.draw(stream.uniform(count))
    return drawn


def draw_geometric(d: Any, stream: Stream, count: int) -> Tensor:
    """The whole part of an exponential of rate -log(1 - probs)."""
    return stream.exponential(count).div_(-(-d.probs).log1p()).floor_()


def draw_negative_binomial(d: Any, stream: Stream, count: int) -> Tensor:
    """A Poisson whose rate is a gamma."""
    return stream.poisson(stream.gamma(d.total_count, count).mul_(odds(d)), count)


def draw_poisson(d: Any, stream: Stream, count: int) -> Tensor:
    """See ``Stream.poisson``."""
    return stream.poisson(d.rate, count)


def odds(d: Any) -> Any:
    """probs / (1 - probs), without rounding probs where logits were given."""
    return d.probs / (1 - d.probs) if "probs" in vars(d) else d.logits.exp()


def log_probs(d: Any) -> Tensor:
    """The log-probabilities of the categories; torch's own logits stop at -36 where a probability is smaller."""
    categorical = getattr(d, "_categorical", d)
    given_logits = categorical._param is categorical.logits
    scores: Tensor = categorical.logits if given_logits else categorical.probs.log()
    return scores


def score_categorical(d: Any, x: Tensor) -> Tensor:
    """The log-probability of each category, log 0 included."""
    return log_probs(d)[x.long()]


def alias_table(d: Any) -> AliasTable:
    """The table of a distribution's probs [categories]."""
    from klbench.distributions.alias import AliasTable

    return AliasTable.of(d.probs)


FAMILIES = (
    Family(
        name="Bernoulli",
        summary="A coin: 1 with probability probs, else 0.",
        kind="discrete",
        parameters=(Parameter("probs", PROBABILITY), LOGITS),
        alternatives=PROBS_OR_LOGITS,
        support_text="0 and 1",
        support=lambda _: Lattice(0, 1),
        examples=("Bernoulli(probs=0.7)", "Bernoulli(logits=-3)", "Bernoulli(probs=1)"),
        draw=draw_bernoulli,
    ),
    Family(
        name="Binomial",
        summary="The number of heads in total_count throws of a coin.",
        kind="discrete",
        parameters=(Parameter("total_count", COUNT, 1), Parameter("probs", PROBABILITY), LOGITS),
        alternatives=PROBS_OR_LOGITS,
        support_text="the whole numbers from 0 to total_count",
        support=lambda a: Lattice(0, int(a["total_count"])),
        examples=(
            "Binomial(total_count=10, probs=0.3)",
            "Binomial(total_count=100000, probs=0.5)",
            "Binomial(total_count=5, logits=1)",
        ),
        draw=draw_binomial,
    ),
    Family(
        name="Categorical",
        summary="One of len(probs) categories, numbered from 0: a token.",
        kind="discrete",
        parameters=(Parameter("probs", SIMPLEX), Parameter("logits", REAL_VECTOR)),
        alternatives=PROBS_OR_LOGITS,
        support_text="the whole numbers from 0 to len(probs) - 1",
        support=lambda a: Lattice(0, _categories(a) - 1),
        categories=_categories,
        examples=(
            "Categorical(probs=[0.1, 0.45, 0.45])",
            "Categorical(logits=[0, 1, -2, 3])",
            "Categorical(probs=[0.5, 0, 0.5])",
        ),
        prepare=alias_table,
        draw=draw_categorical,
        log_prob=score_categorical,
    ),
    Family(
        name="Geometric",
        summary="The number of failures before the first success.",
        kind="discrete",
        parameters=(Parameter("probs", PROBABILITY_ABOVE_0), LOGITS),
        alternatives=PROBS_OR_LOGITS,
        support_text=COUNTS,
        support=_counts,
        examples=("Geometric(probs=0.3)", "Geometric(probs=0.001)", "Geometric(logits=2)"),
        draw=draw_geometric,
    ),
    Family(
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
        ),
        draw=draw_negative_binomial,
    ),
    Family(
        name="Poisson",
        summary="Poisson with mean rate.",
        kind="discrete",
        parameters=(Parameter("rate", NON_NEGATIVE),),
        support_text=COUNTS,
        support=_counts,
        examples=("Poisson(rate=3)", "Poisson(rate=0.01)", "Poisson(rate=1e5)"),
        draw=draw_poisson,
    ),
)
