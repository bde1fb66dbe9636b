"""Continuous families on a bounded interval."""

from __future__ import annotations

from math import pi, remainder
from typing import TYPE_CHECKING

from klbench.distributions.constraints import POSITIVE, PROBABILITY_INSIDE, REAL
from klbench.distributions.families import real_line
from klbench.distributions.family import (
    MOVES_SUPPORT,
    Arguments,
    Built,
    Family,
    Natural,
    Parameter,
    ParameterScore,
    Rule,
)
from klbench.distributions.support import Interval

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

TEMPERATURE = Parameter("temperature", POSITIVE)
PROBS, LOGITS = Parameter("probs", PROBABILITY_INSIDE), Parameter("logits", REAL)
CONCENTRATIONS = (Parameter("concentration1", POSITIVE), Parameter("concentration0", POSITIVE))
CLOSED, OPEN = "the numbers from 0 to 1", "the numbers between 0 and 1"


def _closed(_: Arguments) -> Interval:
    return Interval(0.0, 1.0)


def _open(_: Arguments) -> Interval:
    return Interval(0.0, 1.0, closed=False)


def draw_beta(d: Built, stream: Stream, count: int) -> Tensor:
    """See ``Stream.beta``."""
    return stream.beta(d.concentration1, d.concentration0, count)


def log_density_beta(d: Built, x: Tensor) -> Tensor:
    """A binomial probability of a in a + b at x, times ab/(a + b)/x/(1 - x); torch's cancels where they are large."""
    from klbench.distributions.special import log_binomial

    a, b = d.concentration1, d.concentration0
    core = log_binomial(a, a + b, x, 1 - x)
    # log1p(−x), not log(1 − x): near 0 the difference from 1 is all there is
    return core + (a.log() + b.log() - (a + b).log()) - x.log() - (-x).log1p()


def concentration1_score_of_beta(d: Built, x: Tensor) -> Tensor:
    """log x + ψ(a + b) - ψ(a)."""
    from klbench.distributions.special import digamma_step

    return x.log().add_(digamma_step(d.concentration1, d.concentration0))


def concentration0_score_of_beta(d: Built, x: Tensor) -> Tensor:
    """log(1 - x) + ψ(a + b) - ψ(b)."""
    from klbench.distributions.special import digamma_step

    return (-x).log1p_().add_(digamma_step(d.concentration0, d.concentration1))


BETA = Family(
    name="Beta",
    summary="Beta; concentration1 pulls to 1, concentration0 to 0.",
    kind="continuous",
    parameters=CONCENTRATIONS,
    support_text=OPEN,
    support=_open,
    examples=(
        "Beta(concentration1=2, concentration0=3)",
        "Beta(concentration1=0.5, concentration0=0.5)",
        "Beta(concentration1=300, concentration0=2)",
    ),
    draw=draw_beta,
    log_prob=log_density_beta,
    scores={"concentration1": concentration1_score_of_beta, "concentration0": concentration0_score_of_beta},
    natural=lambda d: Natural({"log x": float(d.concentration1) - 1, "log(1 - x)": float(d.concentration0) - 1}),
)


def draw_continuous_bernoulli(logit: Tensor, stream: Stream, count: int) -> Tensor:
    """The quantile, log(1 + u (exp(t) - 1)) / t for logits t; mirrored where t > 0, lest exp(t) overflows."""
    u, t = stream.uniform(count), -logit.abs()
    # expm1 and log1p: near t = 0 both exp(t) − 1 and the logarithm are small; at 0 the quantile is u itself
    x = u if t == 0 else u.mul_(t.expm1()).log1p_().div_(t)
    return 1 - x if logit > 0 else x


def log_density_continuous_bernoulli(logit: Tensor, x: Tensor) -> Tensor:
    """t x - log((exp(t) - 1) / t), mirrored where t > 0; torch's stops where probs round to 0 or 1."""
    t = logit.abs()
    # (1 − e^−t)/t is 0/0 at t = 0, where its logarithm is 0, as t is
    norm = (-(-t).expm1() / t).log() if t > 0 else t
    # t (x − 1), not t x: mirrored, the norm is that of −t, and no e^t is formed
    return (x - 1).mul_(t).sub_(norm) if logit > 0 else x.mul(-t).sub_(norm)


def logits_score_of_continuous_bernoulli(logit: Tensor, x: Tensor) -> Tensor:
    """x less its mean, (1 + coth(t/2) - 2/t)/2, whose two large terms cancel near t = 0."""
    from klbench.distributions.special import langevin

    return x - (1 + langevin(logit / 2)) / 2


def probs_score_of_continuous_bernoulli(logit: Tensor, x: Tensor) -> Tensor:
    """The same over probs (1 - probs)."""
    # two sigmoids: 1 − probs is 0 in float64 for logits from 37 on
    return logits_score_of_continuous_bernoulli(logit, x) / (logit.sigmoid() * (-logit).sigmoid())


CONTINUOUS_BERNOULLI = Family(
    name="ContinuousBernoulli",
    summary="Continuous Bernoulli: an exponential cut to [0, 1].",
    kind="continuous",
    parameters=(PROBS, LOGITS),
    alternatives=("probs", "logits"),
    support_text=CLOSED,
    support=_closed,
    examples=(
        "ContinuousBernoulli(probs=0.2)",
        "ContinuousBernoulli(probs=0.5)",
        "ContinuousBernoulli(probs=0.5009)",
        "ContinuousBernoulli(logits=4)",
    ),
    prepare=real_line.logit,
    draw=draw_continuous_bernoulli,
    log_prob=log_density_continuous_bernoulli,
    natural=lambda logit: Natural({"x": float(logit)}),
    scores={"probs": probs_score_of_continuous_bernoulli, "logits": logits_score_of_continuous_bernoulli},
)


def draw_kumaraswamy(d: Built, stream: Stream, count: int) -> Tensor:
    """The quantile at 1 - exp(-E)."""
    # expm1: a large concentration0 leaves little of 1 − exp(−E/b)
    return stream.exponential(count).div_(-d.concentration0).expm1_().neg_().pow_(1 / d.concentration1)


def log_density_kumaraswamy(d: Built, x: Tensor) -> Tensor:
    """log(a b) + (a - 1) log x + (b - 1) log(1 - x^a); torch's loses both ends."""
    a, b = d.concentration1, d.concentration0
    log_x = x.log()
    # 1 − x^a by expm1: near x = 1 it is small, and its logarithm is all of the density
    return (-(log_x * a).expm1()).log_().mul_(b - 1).add_(log_x * (a - 1)).add_((a * b).log())


KUMARASWAMY = Family(
    name="Kumaraswamy",
    summary="Kumaraswamy: like a beta, with a closed distribution function.",
    kind="continuous",
    parameters=CONCENTRATIONS,
    support_text=OPEN,
    support=_open,
    examples=("Kumaraswamy(concentration1=2, concentration0=3)", "Kumaraswamy(concentration1=0.5, concentration0=2)"),
    draw=draw_kumaraswamy,
    log_prob=log_density_kumaraswamy,
)


def draw_relaxed_bernoulli(d: real_line.Relaxed, stream: Stream, count: int) -> Tensor:
    """The sigmoid of its logit."""
    return real_line.draw_logit_relaxed_bernoulli(d, stream, count).sigmoid_()


def log_density_relaxed_bernoulli(d: real_line.Relaxed, x: Tensor) -> Tensor:
    """The logit's density over x (1 - x); torch's rounds x near both ends."""
    # each by itself: near an end x (1 − x) keeps the digits of one of the two only
    log_x, log_rest = x.log(), (-x).log1p()
    return real_line.log_density_logit_relaxed_bernoulli(d, log_x - log_rest).sub_(log_x).sub_(log_rest)


def _of_logit(score: ParameterScore) -> ParameterScore:
    return lambda d, x: score(d, x.log() - (-x).log1p())


RELAXED_BERNOULLI = Family(
    name="RelaxedBernoulli",
    summary="Relaxed (concrete) Bernoulli: nearer 0 and 1 the lower the temperature.",
    kind="continuous",
    parameters=(TEMPERATURE, PROBS, LOGITS),
    alternatives=("probs", "logits"),
    support_text=OPEN,
    support=_open,
    examples=("RelaxedBernoulli(temperature=0.7, probs=0.3)", "RelaxedBernoulli(temperature=2, logits=1)"),
    prepare=real_line.relaxed,
    draw=draw_relaxed_bernoulli,
    log_prob=log_density_relaxed_bernoulli,
    scores={name: _of_logit(score) for name, score in real_line.LOGIT_RELAXED_SCORES.items()},
    centres=lambda d: (float((d.logits / d.temperature).sigmoid()),),
)


def draw_uniform(d: Built, stream: Stream, count: int) -> Tensor:
    """Shifted and scaled."""
    return stream.uniform(count).mul_(d.high - d.low).add_(d.low)


def log_density_uniform(d: Built, x: Tensor) -> Tensor:
    """-log(high - low) for every x."""
    # a clone: what is expanded is one number in memory, and callers work in place
    return (d.high - d.low).log().neg().expand(x.shape).clone()


UNIFORM = Family(
    name="Uniform",
    summary="Uniform from low to high.",
    kind="continuous",
    parameters=(Parameter("low", REAL), Parameter("high", REAL)),
    rules=(Rule("low < high", ("low", "high"), lambda a: a["low"] < a["high"]),),
    support_text="the numbers from low to high",
    support=lambda a: Interval(float(a["low"]), float(a["high"])),
    examples=("Uniform(low=0, high=1)", "Uniform(low=-2, high=5)"),
    draw=draw_uniform,
    log_prob=log_density_uniform,
    natural=lambda _: Natural({}),
    unscored=lambda _: {"low": MOVES_SUPPORT, "high": MOVES_SUPPORT},
)


def draw_von_mises(d: Built, stream: Stream, count: int) -> Tensor:
    """About loc, wrapped to [-π, π)."""
    return stream.von_mises(d.concentration, count).add_(d.loc + pi).remainder_(2 * pi).sub_(pi)


def log_density_von_mises(d: Built, x: Tensor) -> Tensor:
    """k (cos(x - loc) - 1) - log(2π exp(-k) I₀(k)); torch's Bessel function has seven digits."""
    import torch

    k = d.concentration
    # i0e is I₀ without its e^k, which overflows from k = 709 on
    norm = (2 * pi * torch.special.i0e(k)).log()
    # cos y − 1 = −2 sin²(y/2), which keeps its digits near y = 0
    return ((x - d.loc) / 2).sin_().square_().mul_(-2 * k).sub_(norm)


VON_MISES = Family(
    name="VonMises",
    summary="Von Mises: a normal on the circle.",
    kind="continuous",
    parameters=(Parameter("loc", REAL), Parameter("concentration", POSITIVE)),
    support_text="the angles from -π to π",
    support=lambda _: Interval(-pi, pi),
    examples=(
        "VonMises(loc=0, concentration=1)",
        "VonMises(loc=2, concentration=8)",
        "VonMises(loc=10, concentration=1e4)",
    ),
    draw=draw_von_mises,
    log_prob=log_density_von_mises,
    # IEEE remainder goes to the nearest multiple: into [−π, π] in one step, without rounding
    centres=lambda d: (remainder(float(d.loc), 2 * pi),),
)

FAMILIES = (BETA, CONTINUOUS_BERNOULLI, KUMARASWAMY, RELAXED_BERNOULLI, UNIFORM, VON_MISES)
