"""The forms of expressions, and the pairs that are refused."""

import pytest

from klbench.distributions.expression import Named
from klbench.distributions.shape import check_pair, form
from klbench.errors import SpecError
from klbench.spec.algebra import mixture
from klbench.spec.expression import parse
from tests.distributions.examples import EXAMPLES, built


@pytest.mark.parametrize("text", [*EXAMPLES, "N(0, 1)**3", "N(0, 1)**1", "0.5*N(0, 1) + 0.5*Laplace(0, 1)"])
def test_the_form_is_what_is_built(text: str) -> None:
    told, made = form(parse(text)), built(text)
    assert (told.kind, told.event_shape) == (made.kind, made.event_shape)


def test_a_size_not_yet_known_matches_any() -> None:
    check_pair(parse("N(0, 1)**{d}"), parse("N(1, 1)**{d}"))


@pytest.mark.parametrize(
    ("q", "p", "says"),
    [
        ("N(0, 1)", "Poisson(3)", "one is continuous, the other discrete"),
        ("N(0, 1)", "N(0, 1)**2", "dimensions differ"),
        ("N(0, 1)**3", "N(0, 1)**2", "vectors of shape 3"),
        ("Categorical([0.5, 0.5])", "Categorical([0.2, 0.3, 0.5])", "2 categories, the other 3"),
        ("Dirichlet([1, 1])", "N(0, 1)**2", "simplex"),
        ("OneHotCategorical([0.5, 0.5])", "Categorical([0.5, 0.5])", "dimensions differ"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_refused_by_name(q: str, p: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        check_pair(parse(q), parse(p))
    assert any(str(parse(q)) in line for line in caught.value.help)


def test_the_sampler_is_compared_too() -> None:
    q = parse("N(0, 1)")
    check_pair(q, q, q)
    with pytest.raises(SpecError, match="q and sampler"):
        check_pair(q, q, parse("Bernoulli(0.5)"))


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("MultivariateNormal([0, 0], [[1, 0], [0, 1]])", "N(0, 1)**2"),
        ("Dirichlet([1, 1])", "RelaxedOneHotCategorical(1, [0.5, 0.5])"),
        ("Binomial(3, 0.5)", "Poisson(1)"),
        ("Bernoulli(0.5)", "Categorical([0.5, 0.5])"),
        ("Uniform(0, 1)", "Uniform(2, 3)"),
    ],
)
def test_densities_on_one_space_can_be_compared(q: str, p: str) -> None:
    check_pair(parse(q), parse(p))


NORMAL = Named("Normal", (("loc", 0), ("scale", 1)))
COIN = Named("Bernoulli", (("probs", 0.5),))


def test_the_components_of_a_mixture_have_one_form() -> None:
    with pytest.raises(SpecError, match="cannot be mixed: one is continuous, the other discrete"):
        form(mixture((0.5, 0.5), (NORMAL, COIN)))
