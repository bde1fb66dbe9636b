"""Families of named categories: a token, a token as a one-hot vector, and counts of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, lgamma
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import COUNT, LOGITS, SIMPLEX
from klbench.distributions.family import MAX_ATOMS, Arguments, Family, Parameter, Shape
from klbench.distributions.support import Lattice, Space

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.alias import AliasTable
    from klbench.distributions.stream import Stream

PROBS_OR_LOGITS = ("probs", "logits")
CATEGORIES = (Parameter("probs", SIMPLEX), Parameter("logits", LOGITS))


def _size(a: Arguments) -> int:
    return len(a["probs"] if "probs" in a else a["logits"])


def _vector(a: Arguments) -> Shape:
    return (_size(a),)


@dataclass(frozen=True)
class Categories:
    """The log-probabilities [categories] from what was given (torch's stop at -36), and the table to draw from."""

    log_probs: Tensor
    table: AliasTable

    @staticmethod
    def of(log_probs: Tensor) -> Categories:
        """With the table of these log-probabilities."""
        from klbench.distributions.alias import AliasTable

        return Categories(log_probs, AliasTable.of(log_probs.exp()))


def categories(d: Any, a: Arguments) -> Categories:
    """Both, from the arguments."""
    given = d.probs.new_tensor(a["probs"] if "probs" in a else a["logits"])
    # divided before the logarithm: else a sum that is off by 1e-6 would be in every log-probability
    log_probs = (given / given.sum()).log() if "probs" in a else given.log_softmax(0)
    return Categories.of(log_probs)


def draw_categorical(c: Categories, stream: Stream, count: int) -> Tensor:
    """One uniform a draw, through the alias table."""
    return c.table.draw(stream.uniform(count)).double()


def log_density_categorical(c: Categories, x: Tensor) -> Tensor:
    """Looked up."""
    return c.log_probs[x.long()]


def logits_score_of_categorical(c: Categories, x: Tensor) -> Tensor:
    """One-hot of x, less the probabilities."""
    from torch.nn.functional import one_hot

    return one_hot(x.long(), len(c.log_probs)) - c.log_probs.exp()


CATEGORICAL = Family(
    name="Categorical",
    summary="One of len(probs) categories, numbered from 0: a token.",
    kind="discrete",
    parameters=CATEGORIES,
    alternatives=PROBS_OR_LOGITS,
    support_text="the whole numbers from 0 to len(probs) - 1",
    support=lambda a: Lattice(0, _size(a) - 1),
    categories=_size,
    examples=(
        "Categorical(probs=[0.1, 0.45, 0.45])",
        "Categorical(probs=[0.2, 0.3, 0.5])",
        "Categorical(logits=[0, 1, -2, 3])",
        "Categorical(probs=[0.5, 0, 0.5])",
        "Categorical(logits=[-1000, 0, 5])",
        "Categorical(logits=[2, 1, -inf])",
    ),
    prepare=categories,
    draw=draw_categorical,
    log_prob=log_density_categorical,
    scores={"logits": logits_score_of_categorical},
)


def draw_one_hot(c: Categories, stream: Stream, count: int) -> Tensor:
    """A one where the alias table points."""
    category = c.table.draw(stream.uniform(count)).unsqueeze(1)
    return c.log_probs.new_zeros(count, len(c.log_probs)).scatter_(1, category, 1.0)


def log_density_one_hot(c: Categories, x: Tensor) -> Tensor:
    """Looked up."""
    # looked up, not x · log_probs: 0 · −inf is NaN
    return c.log_probs[x.argmax(-1)]


def is_one_hot(_: Any, x: Tensor) -> Tensor:
    """Whether one coordinate is 1 and the others 0."""
    return ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)


def one_hot_atoms(c: Categories) -> Tensor:
    """The rows of the identity."""
    return c.log_probs.new_ones(len(c.log_probs)).diag()


def _one_hot(name: str, summary: str, *examples: str) -> Family:
    return Family(
        name=name,
        summary=summary,
        kind="discrete",
        parameters=CATEGORIES,
        alternatives=PROBS_OR_LOGITS,
        support_text="one-hot vectors",
        support=lambda a: Space(f"one-hot vectors of {_size(a)} categories"),
        event_shape=_vector,
        categories=_size,
        space="integers",
        examples=examples,
        prepare=categories,
        draw=draw_one_hot,
        log_prob=log_density_one_hot,
        scores={"logits": lambda c, x: x - c.log_probs.exp()},
        inside=is_one_hot,
        atoms=one_hot_atoms,
    )


ONE_HOT_CATEGORICAL = _one_hot(
    "OneHotCategorical",
    "One of len(probs) categories, as a one-hot vector.",
    "OneHotCategorical(probs=[0.1, 0.45, 0.45])",
    "OneHotCategorical(logits=[0, 1])",
    "OneHotCategorical(logits=[-inf, 0, 1])",
)

ONE_HOT_CATEGORICAL_STRAIGHT_THROUGH = _one_hot(
    "OneHotCategoricalStraightThrough",
    "OneHotCategorical with a straight-through gradient; the same law.",
    "OneHotCategoricalStraightThrough(probs=[0.2, 0.8])",
)


@dataclass(frozen=True)
class Counts:
    """``total_count`` draws from categories of these log-probabilities [categories]."""

    total_count: int
    log_probs: Tensor


def counts(d: Any, a: Arguments) -> Counts:
    """Both, from the arguments."""
    return Counts(int(a["total_count"]), categories(d, a).log_probs)


def draw_multinomial(c: Counts, stream: Stream, count: int) -> Tensor:
    """A binomial for each category of what the categories before it left."""
    probs = c.log_probs.exp()
    # sums from the back, so that the last share is exactly 1; 0/0 where nothing is left for it
    # NumPy refuses a probability above 1, by however little: none may round there
    shares = (probs / probs.flip(0).cumsum(0).flip(0)).nan_to_num(0).clamp(max=1)
    left = probs.new_full((count,), float(c.total_count))
    drawn = probs.new_empty((count, len(probs)))
    for category, share in enumerate(shares):
        drawn[:, category] = stream.binomial(left, share, count)
        left = left - drawn[:, category]
    return drawn


def log_density_multinomial(c: Counts, x: Tensor) -> Tensor:
    """log n! - Σ log xᵢ! + Σ xᵢ log pᵢ, where 0 log 0 = 0."""
    # 0 · −inf would be NaN: a category that never comes up has no part in it
    weighed = x.mul(c.log_probs).where(x > 0, 0.0).sum(-1)
    return weighed.add_(lgamma(c.total_count + 1)).sub_((x + 1).lgamma().sum(-1))


def is_multinomial(c: Counts, x: Tensor) -> Tensor:
    """Whether all are whole numbers >= 0 that sum to total_count."""
    # sums of whole numbers are exact in float64, so that == may be asked
    return ((x >= 0) & (x == x.floor())).all(-1) & (x.sum(-1) == c.total_count)


def multinomial_atoms(c: Counts) -> Tensor | None:
    """Every way to put total_count balls into the categories, told by where the bars between them stand."""
    bars = len(c.log_probs) - 1
    places = c.total_count + bars
    if comb(places, bars) > MAX_ATOMS:
        return None
    stands = [(-1, *chosen, places) for chosen in combinations(range(places), bars)]
    return c.log_probs.new_tensor(stands).diff(dim=1) - 1


MULTINOMIAL = Family(
    name="Multinomial",
    summary="How often each category comes up in total_count draws.",
    kind="discrete",
    parameters=(Parameter("total_count", COUNT, 1), *CATEGORIES),
    alternatives=PROBS_OR_LOGITS,
    support_text="vectors of whole numbers >= 0 that sum to total_count",
    support=lambda a: Space(f"counts of {_size(a)} categories that sum to {int(a['total_count'])}"),
    event_shape=_vector,
    space="integers",
    examples=(
        "Multinomial(total_count=5, probs=[0.2, 0.3, 0.5])",
        "Multinomial(total_count=1000, logits=[0, 1])",
        "Multinomial(total_count=5, logits=[0, -inf, 1])",
    ),
    prepare=counts,
    draw=draw_multinomial,
    log_prob=log_density_multinomial,
    scores={"logits": lambda c, x: x - c.log_probs.exp() * c.total_count},
    inside=is_multinomial,
    atoms=multinomial_atoms,
)

FAMILIES = (CATEGORICAL, MULTINOMIAL, ONE_HOT_CATEGORICAL, ONE_HOT_CATEGORICAL_STRAIGHT_THROUGH)
