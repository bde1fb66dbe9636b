"""Gradients by a second road: the mathematics written out by hand, for the tests of gradients.

Values and slopes are differentiated by hand, where klbench asks autograd. Expectations under a Gaussian are sums over
Gauss-Legendre panels cut at the kinks, whose places are solved for; those under categories are sums over a matrix of
categories × logits. Nothing here calls klbench.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.polynomial import legendre

Array = np.ndarray
OfLogRatio = Callable[[Array], Array]


@dataclass(frozen=True)
class Written:
    """An estimator as a function of t = log p − log q.

    Args:
        value: t -> k.
        slope: t -> dk/d log q.
        kinks: the t at which either is not smooth.
    """

    value: OfLogRatio
    slope: OfLogRatio
    kinks: tuple[float, ...] = ()


def k3(log_ratio: Array) -> Array:
    return np.expm1(log_ratio) - log_ratio


def _where_k3_is(bound: float) -> tuple[float, float]:
    """Both t with eᵗ − 1 − t = bound, by bisection."""

    def solve(low: float, high: float, rises: bool) -> float:
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if (exp(middle) - 1 - middle > bound) == rises else (middle, high)
        return (low + high) / 2

    return solve(-50.0, 0.0, False), solve(0.0, 50.0, True)


LOW, HIGH = _where_k3_is(10.0)
_CUT = sqrt(20.0)

WRITTEN: Mapping[str, Written] = {  # t is log_ratio
    "k1": Written(lambda t: -t, np.ones_like),
    "k2": Written(lambda t: t**2 / 2, lambda t: -t),
    "k3": Written(k3, lambda t: -np.expm1(t)),
    "abs": Written(np.abs, lambda t: -np.sign(t), (0.0,)),
    "trlx:mean_kl": Written(lambda t: k3(-t), lambda t: np.expm1(-t)),
    "verl:low_var_kl": Written(
        lambda t: np.minimum(k3(np.clip(t, -20, 20)), 10.0),
        lambda t: np.where((t > LOW) & (t < HIGH), -np.expm1(np.clip(t, -20, 20)), 0.0),
        (LOW, HIGH),
    ),
    "openrlhf:k2": Written(
        lambda t: np.minimum(t**2 / 2, 10.0), lambda t: np.where(np.abs(t) < _CUT, -t, 0.0), (-_CUT, _CUT)
    ),
    # the weight has the derivative 1 · value, inside the clamp
    "nemo-rl:k3": Written(
        lambda t: np.minimum(k3(np.clip(t, -20, 20)), 10.0),
        lambda t: np.where((t > LOW) & (t < HIGH), -t, 0.0),
        (LOW, HIGH),
    ),
}


def coefficient(name: str, placement: str, weighting: str, log_ratio: Array, weight: Array) -> Array:
    """What multiplies the score of each sample [n]."""
    written = WRITTEN[name]
    value = written.value(log_ratio)
    if placement == "reward":
        return value if weighting == "none" else weight * value
    slope = written.slope(log_ratio)
    return {"none": slope, "ratio": weight * (value + slope), "detached": weight * slope}[weighting]


@dataclass(frozen=True)
class Moments:
    """Mean [J] and second moment matrix [J, J] of a gradient."""

    mean: Array
    second: Array

    @property
    def covariance(self) -> Array:
        return self.second - np.outer(self.mean, self.mean)

    @property
    def stdev(self) -> Array:
        return np.sqrt(np.diag(self.covariance))


def moments(probabilities: Array, gradients: Array) -> Moments:
    """Of gradients [n, J] with these probabilities [n]."""
    return Moments(probabilities @ gradients, gradients.T @ (probabilities[:, None] * gradients))


@dataclass(frozen=True)
class Gaussians:
    """q, p and the sampler, each (loc, scale); the components of a gradient are loc and scale."""

    q: tuple[float, float]
    p: tuple[float, float]
    sampler: tuple[float, float]

    @staticmethod
    def log_density(x: Array, of: tuple[float, float]) -> Array:
        return -(((x - of[0]) / of[1]) ** 2) / 2 - np.log(of[1])

    def log_ratio(self, x: Array) -> Array:
        return self.log_density(x, self.p) - self.log_density(x, self.q)

    def weight(self, x: Array) -> Array:
        return np.exp(self.log_density(x, self.q) - self.log_density(x, self.sampler))

    def score(self, x: Array) -> Array:
        loc, scale = self.q
        z = (x - loc) / scale
        return np.stack([z / scale, (z**2 - 1) / scale], 1)

    def gradients(self, x: Array, name: str, placement: str, weighting: str) -> Array:
        found = coefficient(name, placement, weighting, self.log_ratio(x), self.weight(x))
        return found[:, None] * self.score(x)

    def moments(self, name: str, placement: str, weighting: str) -> Moments:
        x, lengths = self.nodes(WRITTEN[name].kinks)
        density = np.exp(self.log_density(x, self.sampler)) / sqrt(2 * np.pi)
        return moments(lengths * density, self.gradients(x, name, placement, weighting))

    def nodes(self, kinks: Sequence[float]) -> tuple[Array, Array]:
        """Points x and the lengths they stand for, for what is not smooth where log_ratio is at a kink."""
        return _panels(self._cuts(kinks))

    def _cuts(self, kinks: Sequence[float]) -> Array:
        """Where log_ratio, a parabola in x, is at a kink; and a grid."""
        third, second, first = np.linalg.solve(np.vander([-1.0, 0.0, 1.0], 3), self.log_ratio(np.array([-1.0, 0, 1])))
        roots = [root for kink in kinks for root in np.roots(np.trim_zeros([third, second, first - kink], "f"))]
        loc, scale = self.sampler
        inside = [root.real for root in roots if abs(np.imag(root)) < 1e-12 and abs(root.real - loc) < 40 * scale]
        return np.sort(np.concatenate([loc + scale * np.linspace(-40, 40, 161), inside]))

    @property
    def reverse(self) -> Array:
        """∇ KL(q‖p), from the formula."""
        (loc, scale), (other, width) = self.q, self.p
        return np.array([(loc - other) / width**2, scale / width**2 - 1 / scale])

    @property
    def forward(self) -> Array:
        """∇ KL(p‖q), from the formula."""
        (loc, scale), (other, width) = self.q, self.p
        return np.array([(loc - other) / scale**2, 1 / scale - (width**2 + (loc - other) ** 2) / scale**3])


def _panels(cuts: Array) -> tuple[Array, Array]:
    nodes, lengths = legendre.leggauss(24)
    low, half = cuts[:-1, None], np.diff(cuts)[:, None] / 2
    return (low + half * (nodes + 1)).ravel(), (half * lengths).ravel()


@dataclass(frozen=True)
class Categories:
    """Logits of q, p and the sampler; the components of a gradient are q's logits."""

    q: tuple[float, ...]
    p: tuple[float, ...]
    sampler: tuple[float, ...]

    @staticmethod
    def log_probs(logits: Sequence[float]) -> Array:
        shifted = np.array(logits) - max(logits)
        return shifted - np.log(np.exp(shifted).sum())

    @property
    def score(self) -> Array:
        """Of each category [V, V]."""
        return np.eye(len(self.q)) - np.exp(self.log_probs(self.q))

    @property
    def log_ratio(self) -> Array:
        return self.log_probs(self.p) - self.log_probs(self.q)

    def gradients(self, name: str, placement: str, weighting: str) -> Array:
        """Of each category [V, V]."""
        weight = np.exp(self.log_probs(self.q) - self.log_probs(self.sampler))
        return coefficient(name, placement, weighting, self.log_ratio, weight)[:, None] * self.score

    def moments(self, name: str, placement: str, weighting: str) -> Moments:
        return moments(np.exp(self.log_probs(self.sampler)), self.gradients(name, placement, weighting))

    @property
    def reverse(self) -> Array:
        """∇ KL(q‖p), from the formula: π_j (log(π_j/ρ_j) − KL)."""
        pi, off = np.exp(self.log_probs(self.q)), -self.log_ratio
        return pi * (off - pi @ off)

    @property
    def forward(self) -> Array:
        """∇ KL(p‖q), from the formula: π − ρ."""
        return np.exp(self.log_probs(self.q)) - np.exp(self.log_probs(self.p))
