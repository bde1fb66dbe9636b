"""Mixtures, powers, supports and landmarks."""

import math

import pytest
import torch
from scipy import stats

from klbench.distributions.alias import AliasTable
from klbench.distributions.build import build
from klbench.distributions.distribution import Mixture, Power
from klbench.distributions.expression import Named
from klbench.distributions.support import Interval, Lattice, Space, hull
from klbench.errors import SpecError
from klbench.spec.expression import parse
from tests.distributions.examples import STREAMS, built, host_stream

ALPHA = 1e-6
COUNT = 20_000
TWO_HUMPS = "0.3*N(-2, 0.5) + 0.7*Laplace(2, 1)"


def grid(low: float, high: float) -> torch.Tensor:
    return torch.linspace(low, high, 101, dtype=torch.float64)


def test_a_mixture_scores_as_the_sum_of_its_parts() -> None:
    x = grid(-6, 6)
    parts = 0.3 * built("N(-2, 0.5)").log_prob(x).exp() + 0.7 * built("Laplace(2, 1)").log_prob(x).exp()
    assert torch.allclose(built(TWO_HUMPS).log_prob(x), parts.log(), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("kind", STREAMS)
def test_a_mixture_draws_each_component_independently_with_its_weight(kind: str) -> None:
    x = built(TWO_HUMPS).draw(STREAMS[kind](), COUNT).numpy()

    def cdf(t: float) -> float:
        return 0.3 * stats.norm.cdf(t, -2, 0.5) + 0.7 * stats.laplace.cdf(t, 2, 1)

    assert stats.kstest(x, cdf).pvalue > ALPHA
    left = x < 0
    share, both = left.mean(), (left[1:] & left[:-1]).mean()
    assert abs(both - share**2) < stats.norm.isf(ALPHA) / math.sqrt(COUNT)


def test_a_mixture_of_bounded_parts_is_empty_between_them() -> None:
    d = built("0.5*Uniform(0, 1) + 0.5*Uniform(2, 3)")
    x = torch.tensor([-1.0, 0.5, 1.5, 2.5, 4.0], dtype=torch.float64)
    expected = [-math.inf, math.log(0.5), -math.inf, math.log(0.5), -math.inf]
    assert d.log_prob(x).tolist() == pytest.approx(expected)
    assert d.log_density(x).tolist() == pytest.approx(expected)
    assert d.support == Interval(0, 3)
    assert d.landmarks() == (0.0, 0.5, 1.0, 2.0, 2.5, 3.0)


def test_a_mixture_of_finite_parts_has_the_atoms_of_all() -> None:
    d = built("0.2*Bernoulli(0.3) + 0.8*Binomial(3, 0.5)")
    atoms = d.atoms()
    assert atoms is not None
    assert atoms.tolist() == [0, 1, 2, 3]
    assert float(d.log_prob(atoms).exp().sum()) == pytest.approx(1)
    assert built("0.5*Bernoulli(0.3) + 0.5*Poisson(1)").atoms() is None


def test_mixtures_nest_in_powers_and_powers_in_mixtures() -> None:
    d = built("0.5*N(0, 1)**2 + 0.5*N(3, 1)**2")
    x = d.draw(host_stream(), 50)
    assert x.shape == (50, 2)
    square = built(f"({TWO_HUMPS})**3")
    y = square.draw(host_stream(), 50)
    assert torch.allclose(square.log_prob(y), built(TWO_HUMPS).log_prob(y.flatten()).view(50, 3).sum(1))
    assert isinstance(square, Power)
    assert isinstance(square.base, Mixture)


def test_copies_are_independent() -> None:
    x = built(f"({TWO_HUMPS})**2").draw(host_stream(), COUNT)
    z = float(torch.corrcoef(x.T)[0, 1]) * math.sqrt(COUNT)
    assert abs(z) < stats.norm.isf(ALPHA / 2)


def test_one_copy_is_the_thing_itself() -> None:
    assert built("N(0, 1)**1").event_shape == ()


def test_a_power_of_a_finite_support_is_its_product() -> None:
    d = built("Categorical([0.2, 0.3, 0.5])**3")
    atoms = d.atoms()
    assert atoms is not None
    assert atoms.shape == (27, 3)
    assert float(d.log_prob(atoms).exp().sum()) == pytest.approx(1)
    assert built("OneHotCategorical([0.5, 0.5])**2").atoms().shape == (4, 2, 2)  # type: ignore[union-attr]
    assert built("Bernoulli(0.5)**21").atoms() is None


def test_a_power_outside_in_one_coordinate_is_outside() -> None:
    d = built("Exponential(1)**2")
    assert d.log_prob(torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)).tolist() == [-2, -math.inf]


def test_supports_cover_what_lies_in_them() -> None:
    assert Interval().covers(Interval(0, 1))
    assert Interval(0, 1, closed=False).covers(Interval(0, 1))
    assert not Interval(0, 1).covers(Interval(0, 2))
    assert Lattice().covers(Lattice(0, 5))
    assert not Lattice(0, 4).covers(Lattice(0, 5))
    assert not Interval().covers(Lattice())
    assert Space("simplex").covers(Space("simplex"))
    assert not Space("simplex").covers(Interval())


def test_supports_say_what_they_are() -> None:
    told = [str(s) for s in (Interval(), Interval(0, 1), Interval(0, math.inf, closed=False), Lattice(0, 3))]
    assert told == ["(-inf, inf)", "[0, 1]", "(0, inf)", "{0, ..., 3}"]


def test_the_hull_of_supports_holds_all_of_them() -> None:
    assert hull([Interval(0, 1), Interval(2, 3, closed=False)]) == Interval(0, 3)
    assert hull([Lattice(0, 3), Lattice()]) == Lattice()
    assert hull([Space("b"), Space("a")]) == Space("a or b")


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("N(3, 1)", (3.0,)),
        ("Cauchy(-3, 1)", (-3.0,)),
        ("Exponential(4)", (0.0, 0.25)),
        ("Uniform(-2, 5)", (-2.0, 1.5, 5.0)),
        ("Poisson(3)", ()),
        ("N(0, 1)**2", ()),
        (TWO_HUMPS, (-2.0, 2.0)),
    ],
)
def test_landmarks_are_finite_points_of_the_support(text: str, marks: tuple[float, ...]) -> None:
    assert built(text).landmarks() == marks


def test_building_checks_again() -> None:
    for wrong in (Named("Normal", (("loc", 0), ("scale", -1))), Named("Norml", ())):
        with pytest.raises(SpecError):
            build(wrong)


def test_an_alias_table_keeps_every_probability() -> None:
    probs = torch.tensor([0.0, 1e-12, 0.2, 0.5, 0.3 - 1e-12, 0.0], dtype=torch.float64)
    table = AliasTable.of(probs)
    shares = torch.zeros_like(probs)
    shares += table.keep / len(probs)
    shares.index_add_(0, table.alias, (1 - table.keep) / len(probs))
    assert torch.allclose(shares, probs, rtol=1e-9, atol=1e-16)
    drawn = table.draw(torch.linspace(1e-9, 1 - 1e-16, 10_001, dtype=torch.float64))
    assert not {0, 5} & set(drawn.tolist())


def test_a_category_of_probability_zero_is_never_drawn_and_impossible() -> None:
    d = built("Categorical([0.5, 0, 0.5])")
    assert set(d.draw(host_stream(), 1000).tolist()) == {0.0, 2.0}
    assert d.log_prob(torch.tensor([0.0, 1.0, 2.0, 3.0, 0.5])).tolist()[1:] == [
        -math.inf,
        math.log(0.5),
        -math.inf,
        -math.inf,
    ]


def test_a_thousand_categories_follow_their_probabilities() -> None:
    probs = [k / 500500 for k in range(1, 1001)]
    d = build(Named("Categorical", (("probs", tuple(probs)),)))
    counts = d.draw(host_stream(), 200_000).long().bincount(minlength=1000).numpy()
    assert stats.chisquare(counts, [p * 200_000 for p in probs]).pvalue > ALPHA


def test_an_expression_is_kept() -> None:
    assert built("N(0, 1)").expression == parse("Normal(loc=0, scale=1)")
