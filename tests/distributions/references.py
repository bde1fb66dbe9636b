"""The log-density of every univariate family written out in mpmath, from its definition: what klbench is held to."""

from collections.abc import Callable, Mapping
from typing import Any

from mpmath import mp, mpf

mp.dps = 50
Reference = Callable[[Mapping[str, Any], Any], Any]


def probability(a: Mapping[str, Any]) -> Any:
    """probs, or what logits stand for."""
    return mpf(a["probs"]) if "probs" in a else 1 / (1 + mp.exp(-mpf(a["logits"])))


def logit(a: Mapping[str, Any]) -> Any:
    return mpf(a["logits"]) if "logits" in a else mp.log(mpf(a["probs"]) / (1 - mpf(a["probs"])))


def log(x: Any) -> Any:
    return mp.log(x) if x > 0 else mpf("-inf")


def categorical(a: Mapping[str, Any], x: Any) -> Any:
    if "probs" in a:
        return log(mpf(a["probs"][int(x)]) / sum(map(mpf, a["probs"])))
    return mpf(a["logits"][int(x)]) - log(sum(mp.exp(mpf(t)) for t in a["logits"]))


def binomial(a: Mapping[str, Any], x: Any) -> Any:
    n, p = mpf(a["total_count"]), probability(a)
    return log(mp.binomial(n, x) * p**x * (1 - p) ** (n - x))


def gamma(shape: Any, rate: Any, x: Any) -> Any:
    return shape * log(rate) - mp.loggamma(shape) + (shape - 1) * log(x) - rate * x


def beta(a: Any, b: Any, x: Any) -> Any:
    return (a - 1) * log(x) + (b - 1) * log(1 - x) - log(mp.beta(a, b))


def fisher(a: Mapping[str, Any], x: Any) -> Any:
    m, n = mpf(a["df1"]), mpf(a["df2"])
    ratio = m / n * x
    return m / 2 * log(m / n) + (m / 2 - 1) * log(x) - (m + n) / 2 * log(1 + ratio) - log(mp.beta(m / 2, n / 2))


def continuous_bernoulli(a: Mapping[str, Any], x: Any) -> Any:
    t = logit(a)
    return t * x - (log(mp.expm1(t) / t) if t else 0)


def generalized_pareto(a: Mapping[str, Any], x: Any) -> Any:
    z, c = (x - mpf(a["loc"])) / mpf(a["scale"]), mpf(a["concentration"])
    return -log(mpf(a["scale"])) - ((1 + 1 / c) * log(1 + c * z) if c else z)


def gumbel(a: Mapping[str, Any], x: Any) -> Any:
    z = (x - mpf(a["loc"])) / mpf(a["scale"])
    return -z - mp.exp(-z) - log(mpf(a["scale"]))


def relaxed_logit(a: Mapping[str, Any], y: Any) -> Any:
    t, z = mpf(a["temperature"]), logit(a)
    return log(t) + z - t * y - 2 * log(1 + mp.exp(z - t * y))


def negative_binomial(a: Mapping[str, Any], x: Any) -> Any:
    r, p = mpf(a["total_count"]), probability(a)
    return mp.loggamma(x + r) - mp.loggamma(r) - mp.loggamma(x + 1) + r * log(1 - p) + (x * log(p) if x else 0)


def student_t(a: Mapping[str, Any], x: Any) -> Any:
    v, z = mpf(a["df"]), (x - mpf(a["loc"])) / mpf(a["scale"])
    norm = mp.loggamma((v + 1) / 2) - mp.loggamma(v / 2) - log(v * mp.pi) / 2 - log(mpf(a["scale"]))
    return norm - (v + 1) / 2 * log(1 + z**2 / v)


def kumaraswamy(a: Mapping[str, Any], x: Any) -> Any:
    c1, c0 = mpf(a["concentration1"]), mpf(a["concentration0"])
    return log(c1 * c0) + (c1 - 1) * log(x) + (c0 - 1) * log(1 - x**c1)


def weibull(a: Mapping[str, Any], x: Any) -> Any:
    s, k = mpf(a["scale"]), mpf(a["concentration"])
    return log(k / s) + (k - 1) * log(x / s) - (x / s) ** k


def normal(loc: Any, scale: Any, x: Any) -> Any:
    return -(((x - loc) / scale) ** 2) / 2 - log(scale) - log(2 * mp.pi) / 2


def cauchy(loc: Any, scale: Any, x: Any) -> Any:
    return -log(mp.pi * scale * (1 + ((x - loc) / scale) ** 2))


LOG_DENSITIES: dict[str, Reference] = {
    "Bernoulli": lambda a, x: log(probability(a) if x else 1 - probability(a)),
    "Beta": lambda a, x: beta(mpf(a["concentration1"]), mpf(a["concentration0"]), x),
    "Binomial": binomial,
    "Categorical": categorical,
    "Cauchy": lambda a, x: cauchy(mpf(a["loc"]), mpf(a["scale"]), x),
    "Chi2": lambda a, x: gamma(mpf(a["df"]) / 2, mpf("0.5"), x),
    "ContinuousBernoulli": continuous_bernoulli,
    "Exponential": lambda a, x: log(mpf(a["rate"])) - mpf(a["rate"]) * x,
    "FisherSnedecor": fisher,
    "Gamma": lambda a, x: gamma(mpf(a["concentration"]), mpf(a["rate"]), x),
    "GeneralizedPareto": generalized_pareto,
    "Geometric": lambda a, x: log(probability(a)) + (x * log(1 - probability(a)) if x else 0),
    "Gumbel": gumbel,
    "HalfCauchy": lambda a, x: log(2) + cauchy(0, mpf(a["scale"]), x),
    "HalfNormal": lambda a, x: log(2) + normal(0, mpf(a["scale"]), x),
    "InverseGamma": lambda a, x: gamma(mpf(a["concentration"]), mpf(a["rate"]), 1 / x) - 2 * log(x),
    "Kumaraswamy": kumaraswamy,
    "Laplace": lambda a, x: -abs(x - mpf(a["loc"])) / mpf(a["scale"]) - log(2 * mpf(a["scale"])),
    "LogNormal": lambda a, x: normal(mpf(a["loc"]), mpf(a["scale"]), log(x)) - log(x),
    "LogitRelaxedBernoulli": relaxed_logit,
    "NegativeBinomial": negative_binomial,
    "Normal": lambda a, x: normal(mpf(a["loc"]), mpf(a["scale"]), x),
    "Pareto": lambda a, x: log(mpf(a["alpha"])) + a["alpha"] * log(mpf(a["scale"])) - (a["alpha"] + 1) * log(x),
    "Poisson": lambda a, x: (x * log(mpf(a["rate"])) if x else 0) - mpf(a["rate"]) - mp.loggamma(x + 1),
    "RelaxedBernoulli": lambda a, x: relaxed_logit(a, log(x / (1 - x))) - log(x) - log(1 - x),
    "StudentT": student_t,
    "Uniform": lambda a, _: -log(mpf(a["high"]) - mpf(a["low"])),
    "VonMises": lambda a, x: (
        mpf(a["concentration"]) * mp.cos(x - mpf(a["loc"])) - log(2 * mp.pi * mp.besseli(0, mpf(a["concentration"])))
    ),
    "Weibull": weibull,
}


def log_density(family: str, arguments: Mapping[str, Any], x: float) -> Any:
    """The log-density at one point inside the support, to 50 digits."""
    return LOG_DENSITIES[family](arguments, mpf(x))
