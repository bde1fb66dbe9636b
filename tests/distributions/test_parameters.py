"""Which parameters a gradient can be taken in, and what is said of the others."""

import pytest

from klbench.distributions.catalogue import FAMILIES
from klbench.distributions.parameters import chosen, differentiable
from klbench.errors import SpecError
from klbench.spec.expression import parse

NAMES = {
    "N(0, 1)": ("loc", "scale"),
    "N({mu}, 1)": ("loc", "scale"),
    "StudentT(df=5)": ("df", "loc", "scale"),
    "Bernoulli(probs=0.3)": ("probs",),
    "Bernoulli(logits=0.3)": ("logits",),
    "Bernoulli(probs={t})": ("probs",),
    "Binomial(total_count=10, probs=0.3)": ("probs",),
    "NegativeBinomial(total_count=5, logits=0)": ("logits",),
    "Categorical([0.2, 0.8])": ("logits",),
    "OneHotCategorical(logits=[0, 1])": ("logits",),
    "Multinomial(total_count=5, probs=[0.2, 0.8])": ("logits",),
    "RelaxedOneHotCategorical(0.7, [0.2, 0.8])": ("temperature", "logits"),
    "Pareto(scale=1, alpha=3)": ("alpha",),
    "GeneralizedPareto(0, 1, 0.3)": ("scale", "concentration"),
    "GeneralizedPareto(0, 1, {c})": ("scale", "concentration"),
    "MultivariateNormal([0, 0], precision_matrix=[[1, 0], [0, 1]])": ("loc", "precision_matrix"),
    "Wishart(df=4, scale_tril=[[1, 0], [0, 1]])": ("df", "scale_tril"),
    "LKJCholesky(dim=3)": ("concentration",),
    "N(0, 1)**10": ("loc", "scale"),
    "0.5*N(0, 1) + 0.5*Gamma(2, 1)": ("0.loc", "0.scale", "1.concentration", "1.rate", "logits"),
    "0.5*Uniform(0, 1) + 0.5*Uniform(1, 2)": ("logits",),
    "(0.5*N(0, 1) + 0.5*N(1, 1))**2": ("0.loc", "0.scale", "1.loc", "1.scale", "logits"),
}


@pytest.mark.parametrize("text", NAMES)
def test_names_are_torch_s_in_torch_s_order(text: str) -> None:
    assert differentiable(parse(text)) == NAMES[text]


NONE = {
    "Uniform(0, 1)": "low: the support moves with it",
    "GeneralizedPareto(0, 1, -0.5)": "scale: the support moves with it",
    "Bernoulli(probs=1)": "probs: 1 is the end of its range, where it has no derivative",
    "Geometric(probs=1)": "probs: 1 is the end",
    "NegativeBinomial(2, probs=0)": "total_count: it is a count",
    "Poisson(0)": "rate: 0 is the end",
    "Uniform(0, 1)**2": "high: the support moves with it",
}


@pytest.mark.parametrize("text", NONE)
def test_a_distribution_without_any_is_refused_with_the_reasons_and_what_to_do(text: str) -> None:
    with pytest.raises(SpecError, match="no parameter to take a gradient in") as raised:
        differentiable(parse(text))
    assert any(line.startswith(NONE[text]) for line in raised.value.help)
    assert "measure values" in raised.value.help[-1]


def test_some_may_be_chosen_in_any_order() -> None:
    q = parse("StudentT(df=5)")
    assert chosen(q, ("scale", "df")) == ("scale", "df")
    assert chosen(q, None) == differentiable(q)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"unknown parameter of Normal.* 'scael'") as raised:
        chosen(parse("N(0, 1)"), ("scael",))
    assert raised.value.help == ("did you mean scale?",)


def test_a_name_without_a_gradient_is_refused_with_the_reason() -> None:
    with pytest.raises(SpecError, match="no gradient in scale: the support moves with it") as raised:
        chosen(parse("Pareto(1, 3)"), ("scale",))
    assert "allowed: alpha" in raised.value.help


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_families_declare_scores_of_parameters_that_they_have(family: object) -> None:
    parameters = {parameter.name for parameter in family.parameters}  # type: ignore[attr-defined]
    assert set(family.scores) <= parameters  # type: ignore[attr-defined]


def test_only_the_uniform_has_no_parameter_at_all() -> None:
    def has_one(text: str) -> bool:
        try:
            return bool(differentiable(parse(text)))
        except SpecError:
            return False

    assert {name for name, f in FAMILIES.items() if not any(map(has_one, f.examples))} == {"Uniform"}
