"""Families on a half line."""

from __future__ import annotations

from math import inf

from klbench.distributions.constraints import POSITIVE, REAL
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.distributions.support import Interval

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


FAMILIES = (
    Family(
        name="Chi2",
        summary="χ² with df degrees of freedom.",
        kind="continuous",
        parameters=(Parameter("df", POSITIVE),),
        support_text=CLOSED,
        support=_closed,
        examples=("Chi2(df=3)", "Chi2(df=0.5)"),
    ),
    Family(
        name="Exponential",
        summary="Exponential with mean 1/rate.",
        kind="continuous",
        parameters=(RATE,),
        support_text=CLOSED,
        support=_closed,
        examples=("Exponential(rate=1)", "Exponential(rate=4)"),
    ),
    Family(
        name="FisherSnedecor",
        summary="Fisher-Snedecor (F): the ratio of two scaled χ².",
        kind="continuous",
        parameters=(Parameter("df1", POSITIVE), Parameter("df2", POSITIVE)),
        support_text=OPEN,
        support=_open,
        examples=("FisherSnedecor(df1=4, df2=6)", "FisherSnedecor(df1=1, df2=2.5)"),
    ),
    Family(
        name="Gamma",
        summary="Gamma with mean concentration/rate.",
        kind="continuous",
        parameters=(CONCENTRATION, RATE),
        support_text=CLOSED,
        support=_closed,
        examples=("Gamma(concentration=2, rate=1)", "Gamma(concentration=0.3, rate=2)", "Gamma(concentration=1e4, rate=10)"),
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
    ),
    Family(
        name="HalfCauchy",
        summary="The absolute value of a Cauchy.",
        kind="continuous",
        parameters=(SCALE,),
        support_text=CLOSED,
        support=_closed,
        examples=("HalfCauchy(scale=1)", "HalfCauchy(scale=3)"),
    ),
    Family(
        name="HalfNormal",
        summary="The absolute value of a normal.",
        kind="continuous",
        parameters=(SCALE,),
        support_text=CLOSED,
        support=_closed,
        examples=("HalfNormal(scale=1)", "HalfNormal(scale=0.1)"),
    ),
    Family(
        name="InverseGamma",
        summary="One over a gamma.",
        kind="continuous",
        parameters=(CONCENTRATION, RATE),
        support_text=OPEN,
        support=_open,
        examples=("InverseGamma(concentration=3, rate=2)", "InverseGamma(concentration=0.5, rate=1)"),
    ),
    Family(
        name="LogNormal",
        summary="The exponential of a normal(loc, scale).",
        kind="continuous",
        parameters=(Parameter("loc", REAL), SCALE),
        support_text=OPEN,
        support=_open,
        examples=("LogNormal(loc=0, scale=1)", "LogNormal(loc=1, scale=0.2)"),
    ),
    Family(
        name="Pareto",
        summary="Pareto from scale on, tail exponent alpha.",
        kind="continuous",
        parameters=(SCALE, Parameter("alpha", POSITIVE)),
        support_text="the numbers >= scale",
        support=_from_scale,
        examples=("Pareto(scale=1, alpha=3)", "Pareto(scale=2, alpha=0.8)"),
    ),
    Family(
        name="Weibull",
        summary="Weibull: a stretched exponential.",
        kind="continuous",
        parameters=(SCALE, CONCENTRATION),
        support_text=OPEN,
        support=_open,
        examples=("Weibull(scale=1, concentration=1.5)", "Weibull(scale=2, concentration=0.6)"),
    ),
)
