"""Families on a half line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from math import inf

from klbench.distributions.constraints import POSITIVE, REAL
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.distributions.support import Interval

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

CONCENTRATION = Parameter("concentration", POSITIVE)
RATE = Parameter("rate", POSITIVE)
SCALE = Parameter("scale", POSITIVE)
CLOSED, OPEN = "the numbers >= 0", "the numbers > 0"


def _closed(_: Arguments) -> Interval:
    return Interval(0.0, inf)


def _open(_: Arguments) -> Interval:
    return Interval(0.0, inf, closed=False)


def _from_scale(a: Arguments) -> Interval:
    return Interval(float(a["scale"]), inf)


def _generalized_pareto_support(a: Arguments) -> Interval:
    loc, scale, concentration = float(a["loc"]), float(a["scale"]), float(a["concentration"])
    return Interval(loc, loc - scale / concentration if concentration < 0 else inf)


def draw_chi2(d: Any, stream: Stream, count: int) -> Tensor:
    """Twice a gamma."""
    return stream.gamma(d.df / 2, count).mul_(2)


def draw_exponential(d: Any, stream: Stream, count: int) -> Tensor:
    """Scaled."""
    return stream.exponential(count).div_(d.rate)


def draw_fisher_snedecor(d: Any, stream: Stream, count: int) -> Tensor:
    """The ratio of two χ² over their df, in logarithms: either may underflow."""
    above, below = stream.log_gamma(d.df1 / 2, count), stream.log_gamma(d.df2 / 2, count)
    return above.sub_(below).exp_().mul_(d.df2 / d.df1)


def draw_gamma(d: Any, stream: Stream, count: int) -> Tensor:
    """Scaled."""
    return stream.gamma(d.concentration, count).div_(d.rate)


def draw_generalized_pareto(d: Any, stream: Stream, count: int) -> Tensor:
    """The quantile at 1 - exp(-E); an exponential where the concentration is 0."""
    x = stream.exponential(count)
    if d.concentration != 0:
        x = x.mul_(d.concentration).expm1_().div_(d.concentration)
    return x.mul_(d.scale).add_(d.loc)


def draw_half_cauchy(d: Any, stream: Stream, count: int) -> Tensor:
    """The absolute ratio of two normals."""
    return stream.normal(count).div_(stream.normal(count)).abs_().mul_(d.scale)


def draw_half_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """The absolute value of a normal."""
    return stream.normal(count).abs_().mul_(d.scale)


def draw_inverse_gamma(d: Any, stream: Stream, count: int) -> Tensor:
    """One over a gamma, in logarithms: it may underflow."""
    return stream.log_gamma(d.concentration, count).neg_().exp_().mul_(d.rate)


def draw_log_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """The exponential of a normal."""
    return stream.normal(count).mul_(d.scale).add_(d.loc).exp_()


def draw_pareto(d: Any, stream: Stream, count: int) -> Tensor:
    """The exponential of an exponential."""
    return stream.exponential(count).div_(d.alpha).exp_().mul_(d.scale)


def draw_weibull(d: Any, stream: Stream, count: int) -> Tensor:
    """A power of an exponential."""
    return stream.exponential(count).pow_(1 / d.concentration).mul_(d.scale)


def score_generalized_pareto(d: Any, x: Tensor) -> Tensor:
    """-(1 + 1/c) log(1 + c z) - log scale; torch's refuses float64 and takes a small concentration c for 0."""
    z = (x - d.loc).div_(d.scale)
    if d.concentration == 0:
        return z.neg_().sub_(d.scale.log())
    return z.mul_(d.concentration).log1p_().mul_(-1 - 1 / d.concentration).sub_(d.scale.log())


FAMILIES = (
    Family(
        name="Chi2",
        summary="χ² with df degrees of freedom.",
        kind="continuous",
        parameters=(Parameter("df", POSITIVE),),
        support_text=CLOSED,
        support=_closed,
        examples=("Chi2(df=3)", "Chi2(df=0.5)"),
        draw=draw_chi2,
    ),
    Family(
        name="Exponential",
        summary="Exponential with mean 1/rate.",
        kind="continuous",
        parameters=(RATE,),
        support_text=CLOSED,
        support=_closed,
        examples=("Exponential(rate=1)", "Exponential(rate=4)"),
        draw=draw_exponential,
    ),
    Family(
        name="FisherSnedecor",
        summary="Fisher-Snedecor (F): the ratio of two scaled χ².",
        kind="continuous",
        parameters=(Parameter("df1", POSITIVE), Parameter("df2", POSITIVE)),
        support_text=OPEN,
        support=_open,
        examples=("FisherSnedecor(df1=4, df2=6)", "FisherSnedecor(df1=1, df2=2.5)"),
        draw=draw_fisher_snedecor,
    ),
    Family(
        name="Gamma",
        summary="Gamma with mean concentration/rate.",
        kind="continuous",
        parameters=(CONCENTRATION, RATE),
        support_text=CLOSED,
        support=_closed,
        examples=(
            "Gamma(concentration=2, rate=1)",
            "Gamma(concentration=0.3, rate=2)",
            "Gamma(concentration=1e4, rate=10)",
        ),
        draw=draw_gamma,
    ),
    Family(
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
        log_prob=score_generalized_pareto,
        centres=lambda _: (),
    ),
    Family(
        name="HalfCauchy",
        summary="The absolute value of a Cauchy.",
        kind="continuous",
        parameters=(SCALE,),
        support_text=CLOSED,
        support=_closed,
        examples=("HalfCauchy(scale=1)", "HalfCauchy(scale=3)"),
        draw=draw_half_cauchy,
    ),
    Family(
        name="HalfNormal",
        summary="The absolute value of a normal.",
        kind="continuous",
        parameters=(SCALE,),
        support_text=CLOSED,
        support=_closed,
        examples=("HalfNormal(scale=1)", "HalfNormal(scale=0.1)"),
        draw=draw_half_normal,
    ),
    Family(
        name="InverseGamma",
        summary="One over a gamma.",
        kind="continuous",
        parameters=(CONCENTRATION, RATE),
        support_text=OPEN,
        support=_open,
        examples=("InverseGamma(concentration=3, rate=2)", "InverseGamma(concentration=0.5, rate=1)"),
        draw=draw_inverse_gamma,
    ),
    Family(
        name="LogNormal",
        summary="The exponential of a normal(loc, scale).",
        kind="continuous",
        parameters=(Parameter("loc", REAL), SCALE),
        support_text=OPEN,
        support=_open,
        examples=("LogNormal(loc=0, scale=1)", "LogNormal(loc=1, scale=0.2)"),
        draw=draw_log_normal,
    ),
    Family(
        name="Pareto",
        summary="Pareto from scale on, tail exponent alpha.",
        kind="continuous",
        parameters=(SCALE, Parameter("alpha", POSITIVE)),
        support_text="the numbers >= scale",
        support=_from_scale,
        examples=("Pareto(scale=1, alpha=3)", "Pareto(scale=2, alpha=0.8)"),
        draw=draw_pareto,
    ),
    Family(
        name="Weibull",
        summary="Weibull: a stretched exponential.",
        kind="continuous",
        parameters=(SCALE, CONCENTRATION),
        support_text=OPEN,
        support=_open,
        examples=("Weibull(scale=1, concentration=1.5)", "Weibull(scale=2, concentration=0.6)"),
        draw=draw_weibull,
    ),
)
