"""Scores of every family: against derivatives to 100 digits, against torch's autograd, and E_q[s] = 0."""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from mpmath import mp, mpf
from scipy import stats
from torch import Tensor

from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution, Single
from klbench.distributions.parameters import differentiable
from klbench.distributions.reparameter import torch_distribution, value_of
from klbench.distributions.score import OneHotScore, Score, score_of
from klbench.distributions.support import Interval, Lattice
from klbench.errors import SpecError
from klbench.spec.expression import parse
from tests.distributions.examples import EXAMPLES, UNIVARIATE, arguments, built, host_stream, single
from tests.distributions.references import LOG_DENSITIES
from tests.distributions.test_families import EXTREME, panels, points

ALPHA = 1e-6
COUNT = 20_000
EVERY_EXTREME = [example for some in EXTREME.values() for example in some]
MIXTURES = [
    "0.3*N(-2, 0.5) + 0.7*Laplace(2, 1)",
    "0.5*Exponential(1) + 0.5*Gamma(3, 2)",
    "0.2*Categorical([0.2, 0.8]) + 0.8*Categorical([0.5, 0.5])",
    "0.5*Uniform(0, 1) + 0.5*Beta(2, 3)",
    "0.5*Bernoulli(0.3) + 0.5*Binomial(3, 0.5)",
    "0.4*N(0, 1)**2 + 0.6*N(1, 2)**2",
]
POWERS = ["N(0, 1)**3", "Categorical([0.2, 0.3, 0.5])**2", "(0.5*N(0, 1) + 0.5*N(1, 1))**2"]


def with_scores(texts: list[str]) -> list[str]:
    """Those that have a parameter to take a gradient in."""

    def has(text: str) -> bool:
        try:
            return bool(differentiable(parse(text)))
        except SpecError:
            return False

    return [text for text in texts if has(text)]


def perturbed(given: Mapping[str, Any], name: str, index: int, step: Callable[[mpf], mpf]) -> dict[str, Any]:
    """The arguments with one number moved; categories by their logits."""
    moved = dict(given)
    if name == "logits" and "probs" in moved:
        moved["logits"] = tuple(mp.log(mpf(p)) if p else mpf("-inf") for p in moved.pop("probs"))
    value = moved[name]
    if isinstance(value, tuple):
        moved[name] = tuple(step(mpf(v)) if i == index else v for i, v in enumerate(value))
    else:
        moved[name] = step(mpf(value))
    return moved


def derivative(family: str, given: Mapping[str, Any], name: str, index: int, x: float) -> float:
    """Of the reference's log-density, by a central difference so small that nothing is left of its error."""
    with mp.workdps(300):
        density = LOG_DENSITIES[family]
        width = []

        def up(value: mpf) -> mpf:
            width.append(abs(value) * mpf("1e-30") if value and mp.isfinite(value) else mpf("1e-110"))
            return value + width[0]

        high = density(perturbed(given, name, index, up), mpf(x))
        low = density(perturbed(given, name, index, lambda value: value - width[0]), mpf(x))
        return float((high - low) / (2 * width[0]))


def size_of(d: Distribution, score: Score) -> Tensor:
    """The root mean square of each component [J]: over the atoms where they can be listed, else over draws."""
    if d.atoms() is not None:
        return expectation(d, lambda x: score.values(x).square()).sqrt()
    return score.values(d.draw(host_stream(1), 1000)).square().mean(0).sqrt()


@pytest.mark.parametrize("text", with_scores([*UNIVARIATE, *EVERY_EXTREME]))
def test_scores_are_right_to_nine_digits_of_their_scale_also_in_the_tails(text: str) -> None:
    d, given, score = single(text), arguments(text), score_of(built(text))
    x = points(d)
    x = x[d.log_prob(x) > -1e4]
    values, scales = score.values(x), size_of(d, score).tolist()
    for column, (name, index) in enumerate(zip(*score.components, strict=True)):
        for point, value in zip(x.tolist(), values[:, column].tolist(), strict=True):
            wanted = derivative(d.family.name, given, name, index, point)
            assert abs(value - wanted) <= 1e-9 * max(scales[column], abs(wanted)), (name, index, point)


def by_torch(d: Single, x: Tensor) -> Tensor:
    """The scores by torch's own log-densities, a sample at a time [n, J]."""
    names = differentiable(d.expression)
    rows = []
    for point in x:
        leaves = {name: value_of(d, name).clone().requires_grad_() for name in names}
        total = torch_distribution(d, leaves).log_prob(point)
        gradients = torch.autograd.grad(total, list(leaves.values()))
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return torch.stack(rows)


@pytest.mark.parametrize("text", with_scores([text for text in EXAMPLES if text not in UNIVARIATE]))
def test_scores_of_vectors_are_autograd_s_sample_by_sample(text: str) -> None:
    d = single(text)
    x = d.draw(host_stream(), 30)
    assert torch.allclose(score_of(d).values(x), by_torch(d, x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("text", with_scores([*EXAMPLES, *MIXTURES, *POWERS]))
def test_the_expected_score_is_0_on_draws(text: str) -> None:
    """By z-score; a component that is the same for all draws but for rounding has no z."""
    d = built(text)
    values = score_of(d).values(d.draw(host_stream(5), COUNT))
    error = values.std(0) / math.sqrt(COUNT)
    varies = error > 1e-12
    assert values.isfinite().all()
    assert varies.any() or text == "Bernoulli(probs=1e-20)"
    worst = (values.mean(0) / error)[varies].abs().amax() if varies.any() else 0.0
    assert float(worst) < stats.norm.isf(ALPHA / 2 / len(varies))


def expectation(d: Distribution, function: Callable[[Tensor], Tensor], kinks: tuple[float, ...] = ()) -> Tensor:
    """E_d[function] [J], by a sum over the atoms or far beyond the last likely one, or by the tests' own mesh."""
    if isinstance(d.support, Interval):
        x, weights = panels(d.support, [*(d.landmarks() or (1.0,)), *kinks])
        return ((d.log_prob(x).exp() * weights).unsqueeze(1) * function(x)).nan_to_num(0.0).sum(0)
    atoms = d.atoms()
    x = torch.arange(0, 400_000, dtype=torch.float64) if atoms is None else atoms
    mass = d.log_prob(x).exp().unsqueeze(1)
    return torch.where(mass > 0, mass * function(x), 0.0).sum(0)


FINITE = [text for text in EXAMPLES if text not in UNIVARIATE and built(text).atoms() is not None]


@pytest.mark.parametrize("text", with_scores([*UNIVARIATE, *FINITE, *MIXTURES[:-1]]))
def test_the_expected_score_is_0_exactly(text: str) -> None:
    """To 1e-6, as far as x is known near an end other than 0; see ``test_densities_integrate_to_one``."""
    d = built(text)
    score = score_of(d)
    mean = expectation(d, score.values)
    scale = expectation(d, lambda x: score.values(x).square()).sqrt()
    assert bool((mean.abs() <= 1e-6 * scale).all())


FAR = [s * x for x in (1e-300, 1e-9, 1e9, 1e60, math.exp(340), 1e200, 1e300) for s in (1, -1)]


@pytest.mark.parametrize("text", with_scores([*UNIVARIATE, *EVERY_EXTREME, *MIXTURES[:-1]]))
def test_scores_are_finite_wherever_x_is_and_0_where_q_has_no_mass(text: str) -> None:
    d = built(text)
    ends = [1 - 2**-53, 2**-53 - 1, math.nextafter(math.pi, 0), 0.5]
    x = torch.tensor([*FAR, *ends, 0.0, 1.0], dtype=torch.float64)
    if not isinstance(d.support, Lattice):
        assert isinstance(d.support, Interval)
        x = x[(x > d.support.low) & (x < d.support.high)]
    elif d.support.high < math.inf:
        x = x[(x >= 0) & (x <= d.support.high) & (x == x.floor())]
    assert score_of(d).values(x).isfinite().all()


@pytest.mark.parametrize("text", ["Gamma(2, 1)", "Beta(2, 3)", "Laplace(0, 1)**2", "Poisson(3)", "LogNormal(0, 1)"])
def test_points_off_the_support_have_no_score(text: str) -> None:
    d = built(text)
    x = torch.tensor([-0.5, -2.5], dtype=torch.float64)
    values = score_of(d).values(x if not d.event_shape else x.unsqueeze(0))
    assert bool((values == 0).all()) is not text.startswith("Laplace")
    assert values.isfinite().all()


def test_the_tails_of_a_cauchy_reach_their_limits() -> None:
    x = torch.tensor([1e300, -1e300], dtype=torch.float64)
    assert score_of(built("Cauchy(0, 2)")).values(x)[:, 1].tolist() == [0.5, 0.5]


def test_a_mixture_s_score_is_that_of_the_sum() -> None:
    q = build(parse("0.3*N(-2, 0.5) + 0.7*Laplace(2, 1)"))
    x = torch.tensor([-3.0, 0.1, 2.5, 40.0], dtype=torch.float64)
    rows = []
    for point in x:
        leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (-2.0, 0.5, 2.0, 1.0)]
        weights = torch.tensor([0.3, 0.7], dtype=torch.float64).log().requires_grad_()
        parts = torch.distributions.Normal(*leaves[:2]), torch.distributions.Laplace(*leaves[2:])
        total = (torch.stack([part.log_prob(point) for part in parts]) + weights.log_softmax(0)).logsumexp(0)
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(total, [*leaves, weights])]))
    score = score_of(q)
    assert score.components == (("0.loc", "0.scale", "1.loc", "1.scale", "logits", "logits"), (0, 0, 0, 0, 0, 1))
    assert torch.allclose(score.values(x), torch.stack(rows), rtol=1e-12, atol=1e-300)


def test_a_power_s_score_is_the_sum_over_copies() -> None:
    q, base = built("Gamma(2, 1)**4"), built("Gamma(2, 1)")
    x = q.draw(host_stream(), 7)
    each = score_of(base).values(x.flatten()).view(7, 4, 2)
    assert torch.equal(score_of(q).values(x), each.sum(1))


def test_parameters_may_be_chosen_and_ordered() -> None:
    q = built("0.3*N(-2, 0.5) + 0.7*Laplace(2, 1)")
    x = q.draw(host_stream(), 5)
    whole = score_of(q).values(x)
    some = score_of(q, ("logits", "1.scale", "0.loc"))
    assert some.components == (("logits", "logits", "1.scale", "0.loc"), (0, 1, 0, 0))
    assert torch.equal(some.values(x), whole[:, [4, 5, 3, 0]])


@pytest.mark.parametrize("family", ["Categorical", "OneHotCategorical"])
def test_softmax_logits_need_no_matrix(family: str) -> None:
    """At 50,000 categories and 10,000 draws a matrix would hold 4 GB."""
    size, count = 50_000, 10_000 if family == "Categorical" else 20
    q = build(parse(f"{family}(logits={[0.001 * (k % 97) for k in range(size)]})"))
    score = score_of(q)
    assert isinstance(score, OneHotScore)
    category = score.category(q.draw(host_stream(), count))
    assert category.dtype == torch.int64
    assert category.shape == (count,)
    assert score.probabilities.shape == (size,)
    assert float(score.probabilities.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("text", ["Categorical([0.2, 0.3, 0.5])", "OneHotCategorical([0.2, 0.3, 0.5])"])
def test_values_of_softmax_logits_are_one_hot_less_the_probabilities(text: str) -> None:
    q = built(text)
    score = score_of(q)
    assert isinstance(score, OneHotScore)
    x = q.draw(host_stream(), 50)
    hot = torch.nn.functional.one_hot(score.category(x), 3)
    assert torch.equal(score.values(x), hot - score.probabilities)


def test_threads_without_gradients_find_the_same() -> None:
    d = built("VonMises(1, 4)")
    x = d.draw(host_stream(), 500)

    def quietly(_: int) -> Tensor:
        with torch.no_grad():
            return score_of(d).values(x)

    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(found, score_of(d).values(x)) for found in pool.map(quietly, range(16)))


@pytest.mark.parametrize("text", with_scores([*UNIVARIATE, *MIXTURES, *POWERS]))
def test_no_draws_have_no_scores(text: str) -> None:
    d = built(text)
    score = score_of(d)
    values = score.values(d.draw(host_stream(), 0))
    assert values.shape == (0, len(score.components[0]))
    assert values.dtype == torch.float64
