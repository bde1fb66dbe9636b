"""Families on the whole real line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from sys import float_info
from types import MappingProxyType
from typing import TYPE_CHECKING

from klbench.distributions.constraints import POSITIVE, PROBABILITY_INSIDE, REAL
from klbench.distributions.family import Arguments, Built, Family, Parameter, ParameterScore
from klbench.distributions.support import Interval
from klbench.tolerances import FARTHEST_DRAW

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

LOC = Parameter("loc", REAL)
SCALE = Parameter("scale", POSITIVE)
TEXT = "the real numbers"


def _real_line(_: Arguments) -> Interval:
    return Interval()


def _finite(x: Tensor) -> Tensor:
    """Draws of the heaviest tails, kept from overflowing where their density is taken."""
    return x.clamp_(-FARTHEST_DRAW, FARTHEST_DRAW)


def draw_cauchy(d: Built, stream: Stream, count: int) -> Tensor:
    """The ratio of two normals, which keeps all digits of both tails."""
    return _finite(stream.normal(count).div_(stream.normal(count)).mul_(d.scale).add_(d.loc))


def standardised(d: Built, x: Tensor) -> Tensor:
    """z = (x - loc)/scale."""
    return (x - d.loc).div_(d.scale)


def loc_score_of_cauchy(d: Built, x: Tensor) -> Tensor:
    """2z/(1 + z²)/scale, written so that no square overflows."""
    z = standardised(d, x)
    # z = 0 gives 2/∞ = 0, and so does an infinite z: no inf/inf
    return 2 / (z + 1 / z) / d.scale


def scale_score_of_cauchy(d: Built, x: Tensor) -> Tensor:
    """(z² - 1)/(z² + 1)/scale, with z² = inf let in."""
    return (1 - 2 / (1 + standardised(d, x).square_())) / d.scale


CAUCHY = Family(
    name="Cauchy",
    summary="Cauchy: no mean, tails like 1/x².",
    kind="continuous",
    parameters=(LOC, SCALE),
    support_text=TEXT,
    support=_real_line,
    examples=("Cauchy(loc=0, scale=1)", "Cauchy(loc=-3, scale=0.2)"),
    draw=draw_cauchy,
    scores={"loc": loc_score_of_cauchy, "scale": scale_score_of_cauchy},
)


def draw_gumbel(d: Built, stream: Stream, count: int) -> Tensor:
    """Minus the logarithm of an exponential."""
    return stream.exponential(count).log_().mul_(-d.scale).add_(d.loc)


def log_density_gumbel(d: Built, x: Tensor) -> Tensor:
    """-z - exp(-z) - log scale; z is kept from -inf, where the two terms would make a NaN."""
    z = ((x - d.loc) / d.scale).clamp_(min=-float_info.max)
    return z.add_(z.neg().exp_()).neg_().sub_(d.scale.log())


GUMBEL = Family(
    name="Gumbel",
    summary="Gumbel (maximum): the law of the largest of many.",
    kind="continuous",
    parameters=(LOC, SCALE),
    support_text=TEXT,
    support=_real_line,
    examples=("Gumbel(loc=0, scale=1)", "Gumbel(loc=1, scale=2.5)"),
    draw=draw_gumbel,
    log_prob=log_density_gumbel,
)


def draw_laplace(d: Built, stream: Stream, count: int) -> Tensor:
    """The difference of two exponentials."""
    return stream.exponential(count).sub_(stream.exponential(count)).mul_(d.scale).add_(d.loc)


LAPLACE = Family(
    name="Laplace",
    summary="Laplace: two exponentials back to back, a kink at loc.",
    kind="continuous",
    parameters=(LOC, SCALE),
    support_text=TEXT,
    support=_real_line,
    examples=("Laplace(loc=0, scale=1)", "Laplace(loc=2, scale=0.3)"),
    draw=draw_laplace,
)


@dataclass(frozen=True)
class Relaxed:
    """A relaxed Bernoulli's temperature and logits."""

    temperature: Tensor
    logits: Tensor


def logit(d: Built, a: Arguments) -> Tensor:
    """The logits; torch's own stop at ±36 where probs were given."""
    if "logits" in a:
        return d.logits
    probs = d.probs.new_tensor(a["probs"])
    # log1p: for probs below 5e-17 the complement is 1, and its logarithm would be 0
    return probs.log() - (-probs).log1p()


def relaxed(d: Built, a: Arguments) -> Relaxed:
    """Both, from the arguments."""
    return Relaxed(d.temperature, logit(d, a))


def draw_logit_relaxed_bernoulli(d: Relaxed, stream: Stream, count: int) -> Tensor:
    """A logistic, whose quantile at U = exp(-E) is -log(exp(E) - 1), about the logits, over the temperature."""
    # expm1: the upper tail comes from a small E, which exp(E) − 1 rounds away
    return _finite(stream.exponential(count).expm1_().log_().neg_().add_(d.logits).div_(d.temperature))


def log_density_logit_relaxed_bernoulli(d: Relaxed, y: Tensor) -> Tensor:
    """log t - |z| - 2 log(1 + exp(-|z|)), z = logits - t y; torch's overflows."""
    z = (d.logits - y * d.temperature).abs_()
    # e^-|z| is at most 1: of e^z the large one would overflow
    return z.neg().exp_().log1p_().mul_(-2).sub_(z).add_(d.temperature.log())


def logits_score_of_logit_relaxed(d: Relaxed, y: Tensor) -> Tensor:
    """-tanh(z/2), z = logits - t y."""
    # tanh keeps its digits near z = 0, where 1 − 2 sigmoid(z) cancels
    return (d.logits - y * d.temperature).div_(2).tanh_().neg_()


def probs_score_of_logit_relaxed(d: Relaxed, y: Tensor) -> Tensor:
    """The same over probs (1 - probs)."""
    # two sigmoids: 1 − probs is 0 in float64 for logits from 37 on
    return logits_score_of_logit_relaxed(d, y) / (d.logits.sigmoid() * (-d.logits).sigmoid())


def temperature_score_of_logit_relaxed(d: Relaxed, y: Tensor) -> Tensor:
    """1/t + y tanh(z/2)."""
    return 1 / d.temperature - y * logits_score_of_logit_relaxed(d, y)


LOGIT_RELAXED_SCORES: Mapping[str, ParameterScore] = MappingProxyType(
    {
        "temperature": temperature_score_of_logit_relaxed,
        "probs": probs_score_of_logit_relaxed,
        "logits": logits_score_of_logit_relaxed,
    }
)


def median_of_relaxed(d: Built) -> tuple[float, ...]:
    """The median, on the logits' scale; torch has neither mean nor mode."""
    return (float(d.logits / d.temperature),)


LOGIT_RELAXED_BERNOULLI = Family(
    name="LogitRelaxedBernoulli",
    summary="The logit of a relaxed (concrete) Bernoulli.",
    kind="continuous",
    parameters=(Parameter("temperature", POSITIVE), Parameter("probs", PROBABILITY_INSIDE), Parameter("logits", REAL)),
    alternatives=("probs", "logits"),
    support_text=TEXT,
    support=_real_line,
    examples=("LogitRelaxedBernoulli(temperature=0.5, probs=0.3)", "LogitRelaxedBernoulli(temperature=2, logits=1)"),
    prepare=relaxed,
    draw=draw_logit_relaxed_bernoulli,
    log_prob=log_density_logit_relaxed_bernoulli,
    scores=LOGIT_RELAXED_SCORES,
    centres=median_of_relaxed,
)


def draw_normal(d: Built, stream: Stream, count: int) -> Tensor:
    """Shifted and scaled."""
    return stream.normal(count).mul_(d.scale).add_(d.loc)


def loc_score_of_normal(d: Built, x: Tensor) -> Tensor:
    """z/scale."""
    return standardised(d, x).div_(d.scale)


def scale_score_of_normal(d: Built, x: Tensor) -> Tensor:
    """(z² - 1)/scale."""
    return standardised(d, x).square_().sub_(1).div_(d.scale)


NORMAL = Family(
    name="Normal",
    summary="Normal (Gaussian); scale is the standard deviation.",
    kind="continuous",
    parameters=(LOC, SCALE),
    support_text=TEXT,
    support=_real_line,
    examples=("Normal(loc=0, scale=1)", "Normal(loc=-2, scale=0.5)", "Normal(loc=1000, scale=0.01)"),
    draw=draw_normal,
    scores={"loc": loc_score_of_normal, "scale": scale_score_of_normal},
)


def draw_student_t(d: Built, stream: Stream, count: int) -> Tensor:
    """Polar, sqrt(df (U^(-2/df) - 1)) cos 2πV with U = exp(-E) (Bailey, Math. Comp. 1994): twice as fast as by a χ²."""
    # expm1: at a large df U^(−2/df) − 1 is far below the rounding of 1
    radius = stream.exponential(count).mul_(2 / d.df).expm1_().mul_(d.df).sqrt_()
    angle = stream.uniform(count).mul_(2 * pi)
    return _finite(radius.mul_(angle.cos_()).mul_(d.scale).add_(d.loc))


def log_density_student_t(d: Built, x: Tensor) -> Tensor:
    """-(df + 1)/2 log(1 + z²/df) and its constant in Loader's form; torch's loses all digits by df = 1e12."""
    from klbench.distributions.special import HALF_LOG_TWO_PI, deviance, stirling_error

    half, more = d.df / 2, (d.df + 1) / 2
    constant = stirling_error(more) - stirling_error(half) - deviance(half, more) - d.scale.log() - HALF_LOG_TWO_PI
    z = (x - d.loc).div_(d.scale)
    if d.df < 1:  # draws so large that their squares overflow are common then
        # hypot: √(1 + w) without the square of z
        log_one_plus = (z / d.df.sqrt()).hypot_(d.df.new_ones(())).log_().mul_(2)
    else:
        log_one_plus = z.square_().div_(d.df).log1p_()
    return log_one_plus.mul_(-more).add_(constant)


def df_score_of_student_t(d: Built, x: Tensor) -> Tensor:
    """A constant - log(1 + w)/2 + (1 + 1/df)/2 w/(1 + w), w = z²/df: small differences of terms that grow as df does.

    Near w = 0 log(1 + w) - w is taken in one, and far from it no square is.
    """
    from klbench.distributions.special import second_order_log1p

    z, v = standardised(d, x), d.df
    w = z.square().div_(v)
    # 1 − 1/(1 + w), and hypot for √(1 + w): both hold where w is infinite
    far = (1 + 1 / v) / 2 * (1 - 1 / (1 + w)) - (z / v.sqrt()).hypot(v.new_ones(())).log()
    near = w / 2 * ((1 / v - w) / (1 + w) - w * second_order_log1p(w))
    return near.where(w < 0.5, far) + _df_score_constant(v)


def _df_score_constant(v: Tensor) -> Tensor:
    """ψ((v + 1)/2)/2 - ψ(v/2)/2 - 1/(2v), which is near 1/(4v²)."""
    from klbench.distributions.special import digamma_rest, second_order_log1p

    rest = digamma_rest((v + 1) / 2) - digamma_rest(v / 2)
    # log(1 + 1/v) − 1/v in one: each of the two is near 1/v, and all that is left is of order 1/v²
    return (second_order_log1p(1 / v) / v.square() + 1 / (v * (v + 1)) + rest) / 2


def loc_score_of_student_t(d: Built, x: Tensor) -> Tensor:
    """(df + 1) z/(df + z²)/scale."""
    z = standardised(d, x)
    # a z² that overflows gives 0, its limit
    return z / (d.df + z.square()) * ((d.df + 1) / d.scale)


def scale_score_of_student_t(d: Built, x: Tensor) -> Tensor:
    """((df + 1) w/(1 + w) - 1)/scale, w = z²/df."""
    w = standardised(d, x).square_().div_(d.df)
    # w/(1 + w) as 1/(1 + 1/w): its limit where w is infinite
    return ((d.df + 1) / (1 + 1 / w) - 1) / d.scale


STUDENT_T = Family(
    name="StudentT",
    summary="Student's t with df degrees of freedom, shifted and scaled.",
    kind="continuous",
    parameters=(Parameter("df", POSITIVE), Parameter("loc", REAL, 0.0), Parameter("scale", POSITIVE, 1.0)),
    support_text=TEXT,
    support=_real_line,
    examples=("StudentT(df=5)", "StudentT(df=1.5, loc=1, scale=2)", "StudentT(df=1e6)"),
    draw=draw_student_t,
    log_prob=log_density_student_t,
    scores={"df": df_score_of_student_t, "loc": loc_score_of_student_t, "scale": scale_score_of_student_t},
)

FAMILIES = (CAUCHY, GUMBEL, LAPLACE, LOGIT_RELAXED_BERNOULLI, NORMAL, STUDENT_T)
