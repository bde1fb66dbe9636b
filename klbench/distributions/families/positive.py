"""Families on a half line."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from klbench.distributions.constraints import POSITIVE, REAL, known
from klbench.distributions.family import MOVES_SUPPORT, Arguments, Built, Family, Natural, Parameter
from klbench.distributions.support import Interval

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

SCALE = Parameter("scale", POSITIVE)
CLOSED, OPEN = "the numbers >= 0", "the numbers > 0"


def _closed(_: Arguments) -> Interval:
    return Interval(0.0, inf)


def above_zero(_: Arguments) -> Interval:
    """The numbers > 0."""
    return Interval(0.0, inf, closed=False)


def draw_exponential(d: Built, stream: Stream, count: int) -> Tensor:
    """Scaled."""
    return stream.exponential(count).div_(d.rate)


EXPONENTIAL = Family(
    name="Exponential",
    summary="Exponential with mean 1/rate.",
    kind="continuous",
    parameters=(Parameter("rate", POSITIVE),),
    support_text=CLOSED,
    support=_closed,
    examples=("Exponential(rate=1)", "Exponential(rate=4)"),
    draw=draw_exponential,
    natural=lambda d: Natural({"x": -float(d.rate)}),
)


def draw_generalized_pareto(d: Built, stream: Stream, count: int) -> Tensor:
    """The quantile at 1 - exp(-E); an exponential where the concentration is 0."""
    x = stream.exponential(count)
    if d.concentration != 0:
        # expm1: a small concentration leaves little of exp(c E) − 1
        x = x.mul_(d.concentration).expm1_().div_(d.concentration)
    return x.mul_(d.scale).add_(d.loc)


def log_density_generalized_pareto(d: Built, x: Tensor) -> Tensor:
    """-(1 + 1/c) log(1 + c z) - log scale; torch's refuses float64 and takes a small concentration c for 0."""
    z = (x - d.loc).div_(d.scale)
    if d.concentration == 0:
        return z.neg_().sub_(d.scale.log())
    # log1p: a small concentration leaves little of log(1 + c z)
    return z.mul_(d.concentration).log1p_().mul_(-1 - 1 / d.concentration).sub_(d.scale.log())


def _generalized_pareto_support(a: Arguments) -> Interval:
    loc, scale, concentration = float(a["loc"]), float(a["scale"]), float(a["concentration"])
    return Interval(loc, loc - scale / concentration if concentration < 0 else inf)


def scale_score_of_generalized_pareto(d: Built, x: Tensor) -> Tensor:
    """((1 + c) z/(1 + c z) - 1)/scale."""
    z = (x - d.loc).div_(d.scale)
    # 1/z, so that an infinite z gives its limit and no inf/inf
    return ((1 + d.concentration) / (1 / z + d.concentration) - 1) / d.scale


def concentration_score_of_generalized_pareto(d: Built, x: Tensor) -> Tensor:
    """log(1 + c z)/c² - (1 + 1/c) z/(1 + c z): near c z = 0 differences of large terms, z²/2 - z at c = 0."""
    from klbench.distributions.special import second_order_log1p

    c, z = d.concentration, (x - d.loc).div_(d.scale)
    w = c * z
    near = z * (z * second_order_log1p(w) + (z - 1) / (1 + w))
    far = w.log1p() / c.square() - (1 + 1 / c) / (1 / z + c)
    # far divides by c, which may be 0: then w is 0 too, and near is taken
    return near.where(w < 0.5, far)


def _moving_with_generalized_pareto(a: Arguments) -> dict[str, str]:
    bounded = known(a["concentration"]) and a["concentration"] < 0
    return dict.fromkeys(("loc", "scale", "concentration") if bounded else ("loc",), MOVES_SUPPORT)


GENERALIZED_PARETO = Family(
    name="GeneralizedPareto",
    summary="Generalised Pareto: the law of exceedances, concentration its tail index.",
    kind="continuous",
    parameters=(Parameter("loc", REAL), SCALE, Parameter("concentration", REAL)),
    support_text="from loc to infinity, or to loc - scale/concentration where concentration < 0",
    support=_generalized_pareto_support,
    examples=(
        "GeneralizedPareto(loc=0, scale=1, concentration=0.3)",
        "GeneralizedPareto(loc=1, scale=2, concentration=0)",
        "GeneralizedPareto(loc=0, scale=1, concentration=-0.5)",
    ),
    draw=draw_generalized_pareto,
    log_prob=log_density_generalized_pareto,
    scores={
        "scale": scale_score_of_generalized_pareto,
        "concentration": concentration_score_of_generalized_pareto,
    },
    unscored=_moving_with_generalized_pareto,
    centres=lambda d: (float(d.loc + d.scale),),
)


def draw_half_cauchy(d: Built, stream: Stream, count: int) -> Tensor:
    """The absolute ratio of two normals."""
    # no tangent of a uniform, whose distance from 1 has few digits where the tail is made of it
    return stream.normal(count).div_(stream.normal(count)).abs_().mul_(d.scale)


def scale_score_of_half_cauchy(d: Built, x: Tensor) -> Tensor:
    """(z² - 1)/(z² + 1)/scale, z = x/scale, with z² = inf let in."""
    return (1 - 2 / (1 + (x / d.scale).square_())) / d.scale


HALF_CAUCHY = Family(
    name="HalfCauchy",
    summary="The absolute value of a Cauchy.",
    kind="continuous",
    parameters=(SCALE,),
    support_text=CLOSED,
    support=_closed,
    examples=("HalfCauchy(scale=1)", "HalfCauchy(scale=3)"),
    draw=draw_half_cauchy,
    scores={"scale": scale_score_of_half_cauchy},
    centres=lambda d: (float(d.scale),),
)


def draw_half_normal(d: Built, stream: Stream, count: int) -> Tensor:
    """The absolute value of a normal."""
    return stream.normal(count).abs_().mul_(d.scale)


HALF_NORMAL = Family(
    name="HalfNormal",
    summary="The absolute value of a normal.",
    kind="continuous",
    parameters=(SCALE,),
    support_text=CLOSED,
    support=_closed,
    examples=("HalfNormal(scale=1)", "HalfNormal(scale=0.1)"),
    draw=draw_half_normal,
    natural=lambda d: Natural({"x²": -0.5 / float(d.scale) / float(d.scale)}),
)


def draw_log_normal(d: Built, stream: Stream, count: int) -> Tensor:
    """The exponential of a normal."""
    return stream.normal(count).mul_(d.scale).add_(d.loc).exp_()


LOG_NORMAL = Family(
    name="LogNormal",
    summary="The exponential of a normal(loc, scale).",
    kind="continuous",
    parameters=(Parameter("loc", REAL), SCALE),
    support_text=OPEN,
    support=above_zero,
    examples=("LogNormal(loc=0, scale=1)", "LogNormal(loc=1, scale=0.2)"),
    draw=draw_log_normal,
)


def draw_pareto(d: Built, stream: Stream, count: int) -> Tensor:
    """The exponential of an exponential."""
    return stream.exponential(count).div_(d.alpha).exp_().mul_(d.scale)


PARETO = Family(
    name="Pareto",
    summary="Pareto from scale on, tail exponent alpha.",
    kind="continuous",
    parameters=(SCALE, Parameter("alpha", POSITIVE)),
    support_text="the numbers >= scale",
    support=lambda a: Interval(float(a["scale"]), inf),
    examples=("Pareto(scale=1, alpha=3)", "Pareto(scale=2, alpha=0.8)"),
    draw=draw_pareto,
    natural=lambda d: Natural({"log x": -float(d.alpha) - 1}),
    unscored=lambda _: {"scale": MOVES_SUPPORT},
)


def draw_weibull(d: Built, stream: Stream, count: int) -> Tensor:
    """A power of an exponential."""
    return stream.exponential(count).pow_(1 / d.concentration).mul_(d.scale)


def log_density_weibull(d: Built, x: Tensor) -> Tensor:
    """log(k/s) + (k - 1) log(x/s) - (x/s)^k; torch's goes through (x/s)^k, which underflows near 0."""
    z = x / d.scale
    k = d.concentration
    return z.log().mul_(k - 1).sub_(z.pow(k)).add_((k / d.scale).log())


WEIBULL = Family(
    name="Weibull",
    summary="Weibull: a stretched exponential.",
    kind="continuous",
    parameters=(SCALE, Parameter("concentration", POSITIVE)),
    support_text=OPEN,
    support=above_zero,
    examples=("Weibull(scale=1, concentration=1.5)", "Weibull(scale=2, concentration=0.6)"),
    draw=draw_weibull,
    log_prob=log_density_weibull,
)

FAMILIES = (EXPONENTIAL, GENERALIZED_PARETO, HALF_CAUCHY, HALF_NORMAL, LOG_NORMAL, PARETO, WEIBULL)
