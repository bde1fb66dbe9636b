"""Continuous families on a bounded interval."""

from __future__ import annotations

from math import pi

from klbench.distributions.constraints import POSITIVE, PROBABILITY_INSIDE, REAL
from klbench.distributions.family import Arguments, Family, Parameter, Rule
from klbench.distributions.support import Interval

TEMPERATURE = Parameter("temperature", POSITIVE)
PROBS, LOGITS = Parameter("probs", PROBABILITY_INSIDE), Parameter("logits", REAL)
CONCENTRATIONS = (Parameter("concentration1", POSITIVE), Parameter("concentration0", POSITIVE))
CLOSED, OPEN = "the numbers from 0 to 1", "the numbers between 0 and 1"


def _closed(_: Arguments) -> Interval:
    return Interval(0.0, 1.0)


def _open(_: Arguments) -> Interval:
    return Interval(0.0, 1.0, closed=False)


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
    ),
    Family(
        name="Kumaraswamy",
        summary="Kumaraswamy: like a beta, with a closed distribution function.",
        kind="continuous",
        parameters=CONCENTRATIONS,
        support_text=OPEN,
        support=_open,
        examples=("Kumaraswamy(concentration1=2, concentration0=3)", "Kumaraswamy(concentration1=0.5, concentration0=2)"),
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
    ),
    Family(
        name="VonMises",
        summary="Von Mises: a normal on the circle.",
        kind="continuous",
        parameters=(Parameter("loc", REAL), Parameter("concentration", POSITIVE)),
        support_text="the angles from -π to π",
        support=lambda _: Interval(-pi, pi),
        examples=("VonMises(loc=0, concentration=1)", "VonMises(loc=2, concentration=8)", "VonMises(loc=1, concentration=1e4)"),
    ),
)
