"""Continuous families on a bounded interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from math import exp, pi

from klbench.distributions.constraints import POSITIVE, PROBABILITY_INSIDE, REAL
from klbench.distributions.families.real_line import draw_logit_relaxed_bernoulli, median_of_relaxed
from klbench.distributions.family import Arguments, Family, Parameter, Rule
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


def draw_beta(d: Any, stream: Stream, count: int) -> Tensor:
    """See ``Stream.beta``."""
    return stream.beta(d.concentration1, d.concentration0, count)


def draw_continuous_bernoulli(d: Any, stream: Stream, count: int) -> Tensor:
    """The quantile, log(1 + u (exp(t) - 1)) / t for logits t; mirrored where t > 0, lest exp(t) overflows."""
    u, t = stream.uniform(count), -d.logits.abs()
    x = u if t == 0 else u.mul_(t.expm1()).log1p_().div_(t)
    return 1 - x if d.logits > 0 else x


def draw_kumaraswamy(d: Any, stream: Stream, count: int) -> Tensor:
    """The quantile at 1 - exp(-E)."""
    return stream.exponential(count).div_(-d.concentration0).expm1_().neg_().pow_(1 / d.concentration1)


def draw_relaxed_bernoulli(d: Any, stream: Stream, count: int) -> Tensor:
    """The sigmoid of its logit."""
    return draw_logit_relaxed_bernoulli(d, stream, count).sigmoid_()


def draw_uniform(d: Any, stream: Stream, count: int) -> Tensor:
    """Shifted and scaled."""
    return stream.uniform(count).mul_(d.high - d.low).add_(d.low)


def draw_von_mises(d: Any, stream: Stream, count: int) -> Tensor:
    """About loc, wrapped to [-π, π)."""
    return stream.von_mises(d.concentration, count).add_(d.loc + pi).remainder_(2 * pi).sub_(pi)


FAMILIES = (
    Family(
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
    ),
    Family(
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
        draw=draw_continuous_bernoulli,
    ),
    Family(
        name="Kumaraswamy",
        summary="Kumaraswamy: like a beta, with a closed distribution function.",
        kind="continuous",
        parameters=CONCENTRATIONS,
        support_text=OPEN,
        support=_open,
        examples=(
            "Kumaraswamy(concentration1=2, concentration0=3)",
            "Kumaraswamy(concentration1=0.5, concentration0=2)",
        ),
        draw=draw_kumaraswamy,
    ),
    Family(
        name="RelaxedBernoulli",
        summary="Relaxed (concrete) Bernoulli: nearer 0 and 1 the lower the temperature.",
        kind="continuous",
        parameters=(TEMPERATURE, PROBS, LOGITS),
        alternatives=("probs", "logits"),
        support_text=OPEN,
        support=_open,
        examples=("RelaxedBernoulli(temperature=0.7, probs=0.3)", "RelaxedBernoulli(temperature=2, logits=1)"),
        draw=draw_relaxed_bernoulli,
        centres=lambda d: tuple(1 / (1 + exp(-x)) for x in median_of_relaxed(d)),
    ),
    Family(
        name="Uniform",
        summary="Uniform from low to high.",
        kind="continuous",
        parameters=(Parameter("low", REAL), Parameter("high", REAL)),
        rules=(Rule("low < high", ("low", "high"), lambda a: a["low"] < a["high"]),),
        support_text="the numbers from low to high",
        support=lambda a: Interval(float(a["low"]), float(a["high"])),
        examples=("Uniform(low=0, high=1)", "Uniform(low=-2, high=5)"),
        draw=draw_uniform,
    ),
    Family(
        name="VonMises",
        summary="Von Mises: a normal on the circle.",
        kind="continuous",
        parameters=(Parameter("loc", REAL), Parameter("concentration", POSITIVE)),
        support_text="the angles from -π to π",
        support=lambda _: Interval(-pi, pi),
        examples=(
            "VonMises(loc=0, concentration=1)",
            "VonMises(loc=2, concentration=8)",
            "VonMises(loc=1, concentration=1e4)",
        ),
        draw=draw_von_mises,
    ),
)
