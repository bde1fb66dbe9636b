"""Families on the whole real line."""

from __future__ import annotations

from klbench.distributions.constraints import POSITIVE, PROBABILITY_INSIDE, REAL
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.distributions.support import Interval

LOC = Parameter("loc", REAL)
SCALE = Parameter("scale", POSITIVE)
TEXT = "the real numbers"


def _real_line(_: Arguments) -> Interval:
    return Interval()


FAMILIES = (
    Family(
        name="Cauchy",
        summary="Cauchy: no mean, tails like 1/x².",
        kind="continuous",
        parameters=(LOC, SCALE),
        support_text=TEXT,
        support=_real_line,
        examples=("Cauchy(loc=0, scale=1)", "Cauchy(loc=-3, scale=0.2)"),
    ),
    Family(
        name="Gumbel",
        summary="Gumbel (maximum): the law of the largest of many.",
        kind="continuous",
        parameters=(LOC, SCALE),
        support_text=TEXT,
        support=_real_line,
        examples=("Gumbel(loc=0, scale=1)", "Gumbel(loc=1, scale=2.5)"),
    ),
    Family(
        name="Laplace",
        summary="Laplace: two exponentials back to back, a kink at loc.",
        kind="continuous",
        parameters=(LOC, SCALE),
        support_text=TEXT,
        support=_real_line,
        examples=("Laplace(loc=0, scale=1)", "Laplace(loc=2, scale=0.3)"),
    ),
    Family(
        name="LogitRelaxedBernoulli",
        summary="The logit of a relaxed (concrete) Bernoulli.",
        kind="continuous",
        parameters=(
            Parameter("temperature", POSITIVE),
            Parameter("probs", PROBABILITY_INSIDE),
            Parameter("logits", REAL),
        ),
        alternatives=("probs", "logits"),
        support_text=TEXT,
        support=_real_line,
        examples=(
            "LogitRelaxedBernoulli(temperature=0.5, probs=0.3)",
            "LogitRelaxedBernoulli(temperature=2, logits=1)",
        ),
    ),
    Family(
        name="Normal",
        summary="Normal (Gaussian); scale is the standard deviation.",
        kind="continuous",
        parameters=(LOC, SCALE),
        support_text=TEXT,
        support=_real_line,
        examples=("Normal(loc=0, scale=1)", "Normal(loc=-2, scale=0.5)", "Normal(loc=1000, scale=0.01)"),
    ),
    Family(
        name="StudentT",
        summary="Student's t with df degrees of freedom, shifted and scaled.",
        kind="continuous",
        parameters=(Parameter("df", POSITIVE), Parameter("loc", REAL, 0.0), Parameter("scale", POSITIVE, 1.0)),
        support_text=TEXT,
        support=_real_line,
        examples=("StudentT(df=5)", "StudentT(df=1.5, loc=1, scale=2)", "StudentT(df=1e6)"),
    ),
)
