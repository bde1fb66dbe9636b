"""The gamma and what is made of gammas: χ², one over a gamma, the ratio of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klbench.distributions.constraints import POSITIVE
from klbench.distributions.families.positive import OPEN, above_zero
from klbench.distributions.family import Built, Family, Natural, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

CONCENTRATION = Parameter("concentration", POSITIVE)
RATE = Parameter("rate", POSITIVE)


def draw_gamma(d: Built, stream: Stream, count: int) -> Tensor:
    """Scaled."""
    return stream.gamma(d.concentration, count).div_(d.rate)


def log_density_gamma(d: Built, x: Tensor) -> Tensor:
    """A Poisson probability of concentration at rate x, times concentration/x; torch's cancels where it is large."""
    from klbench.distributions.special import log_poisson

    return log_poisson(d.concentration, x * d.rate) + (d.concentration.log() - x.log())


def concentration_score_of_gamma(d: Built, x: Tensor) -> Tensor:
    """log(x rate) - ψ(concentration)."""
    return x.log().add_(d.rate.log() - d.concentration.digamma())


def rate_score_of_gamma(d: Built, x: Tensor) -> Tensor:
    """The mean less x."""
    return d.concentration / d.rate - x


def natural_gamma(d: Built) -> Natural:
    """On log x and x."""
    return Natural({"log x": float(d.concentration) - 1, "x": -float(d.rate)})


GAMMA = Family(
    name="Gamma",
    summary="Gamma with mean concentration/rate.",
    kind="continuous",
    parameters=(CONCENTRATION, RATE),
    support_text=OPEN,
    support=above_zero,
    examples=(
        "Gamma(concentration=2, rate=1)",
        "Gamma(concentration=0.3, rate=2)",
        "Gamma(concentration=1e4, rate=10)",
    ),
    draw=draw_gamma,
    log_prob=log_density_gamma,
    scores={"concentration": concentration_score_of_gamma, "rate": rate_score_of_gamma},
    natural=natural_gamma,
)

# torch's Chi2 is a Gamma of concentration df/2 and rate 1/2, and has its attributes.
CHI2 = Family(
    name="Chi2",
    summary="χ² with df degrees of freedom.",
    kind="continuous",
    parameters=(Parameter("df", POSITIVE),),
    support_text=OPEN,
    support=above_zero,
    examples=("Chi2(df=3)", "Chi2(df=0.5)"),
    draw=draw_gamma,
    log_prob=log_density_gamma,
    scores={"df": lambda d, x: concentration_score_of_gamma(d, x).div_(2)},
    natural=natural_gamma,
)


def draw_fisher_snedecor(d: Built, stream: Stream, count: int) -> Tensor:
    """The ratio of two χ² over their df, in logarithms: either may underflow."""
    above, below = stream.log_gamma(d.df1 / 2, count), stream.log_gamma(d.df2 / 2, count)
    return above.sub_(below).exp_().mul_(d.df2 / d.df1)


def log_density_fisher_snedecor(d: Built, x: Tensor) -> Tensor:
    """A binomial probability of a = df1/2 in a + b, b = df2/2, at odds x df1/df2, times ab/(a + b)/x."""
    from klbench.distributions.special import log_binomial

    a, b = d.df1 / 2, d.df2 / 2
    odds = x * (a / b)
    # 1/(1 + 1/odds), not odds/(1 + odds): infinite odds would be inf/inf
    core = log_binomial(a, a + b, 1 / (1 + 1 / odds), 1 / (1 + odds))
    return core + (a.log() + b.log() - (a + b).log()) - x.log()


def df1_score_of_fisher_snedecor(d: Built, x: Tensor) -> Tensor:
    """Half of ψ(a + b) - ψ(a) + 1 - log(1 + 1/odds) - (1 + b/a)/(1 + 1/odds), as in ``log_density_fisher_snedecor``."""
    from klbench.distributions.special import digamma_step

    a, b = d.df1 / 2, d.df2 / 2
    # 1/odds: what is needed of large odds is small, and has digits
    inverse = b / a / x
    return (digamma_step(a, b) + 1 - inverse.log1p() - (1 + b / a) / (1 + inverse)) / 2


def df2_score_of_fisher_snedecor(d: Built, x: Tensor) -> Tensor:
    """Half of ψ(a + b) - ψ(b) - a/b - log(1 + odds) + (1 + a/b)/(1 + 1/odds)."""
    from klbench.distributions.special import digamma_step

    a, b = d.df1 / 2, d.df2 / 2
    odds = x * (a / b)
    # 1/(1 + 1/odds) again: its limit, 1, where the odds are infinite
    return (digamma_step(b, a) - a / b - odds.log1p() + (1 + a / b) / (1 + 1 / odds)) / 2


FISHER_SNEDECOR = Family(
    name="FisherSnedecor",
    summary="Fisher-Snedecor (F): the ratio of two scaled χ².",
    kind="continuous",
    parameters=(Parameter("df1", POSITIVE), Parameter("df2", POSITIVE)),
    support_text=OPEN,
    support=above_zero,
    examples=("FisherSnedecor(df1=4, df2=6)", "FisherSnedecor(df1=1, df2=2.5)"),
    draw=draw_fisher_snedecor,
    log_prob=log_density_fisher_snedecor,
    scores={"df1": df1_score_of_fisher_snedecor, "df2": df2_score_of_fisher_snedecor},
)


def draw_inverse_gamma(d: Built, stream: Stream, count: int) -> Tensor:
    """One over a gamma, in logarithms: it may underflow."""
    return stream.log_gamma(d.concentration, count).neg_().exp_().mul_(d.rate)


def log_density_inverse_gamma(d: Built, x: Tensor) -> Tensor:
    """The gamma's at 1/x, times 1/x²."""
    from klbench.distributions.special import log_poisson

    return log_poisson(d.concentration, d.rate / x) + (d.concentration.log() - x.log())


INVERSE_GAMMA = Family(
    name="InverseGamma",
    summary="One over a gamma.",
    kind="continuous",
    parameters=(CONCENTRATION, RATE),
    support_text=OPEN,
    support=above_zero,
    examples=("InverseGamma(concentration=3, rate=2)", "InverseGamma(concentration=0.5, rate=1)"),
    draw=draw_inverse_gamma,
    log_prob=log_density_inverse_gamma,
    scores={
        "concentration": lambda d, x: concentration_score_of_gamma(d, 1 / x),
        "rate": lambda d, x: rate_score_of_gamma(d, 1 / x),
    },
    natural=lambda d: Natural({"log x": -float(d.concentration) - 1, "1/x": -float(d.rate)}),
)

FAMILIES = (CHI2, FISHER_SNEDECOR, GAMMA, INVERSE_GAMMA)
