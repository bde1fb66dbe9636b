"""The declared data against torch itself, and what bind refuses."""

import inspect
import subprocess
import sys

import pytest
import torch.distributions
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from klbench.distributions.catalogue import ALIASES, FAMILIES, REFUSED, ArgumentError, bind, find
from klbench.distributions.expression import Placeholder
from klbench.errors import SpecError
from klbench.spec.expression import parse

NOT_THE_USERS = {"self", "validate_args", "lims"}
"""torch's checks are ours, and the limits of ContinuousBernoulli's Taylor series have no meaning without the series."""


def torch_classes() -> dict[str, type]:
    every = {name: getattr(torch.distributions, name) for name in torch.distributions.__all__}
    every["LogitRelaxedBernoulli"] = LogitRelaxedBernoulli
    base = torch.distributions.Distribution
    return {name: c for name, c in every.items() if inspect.isclass(c) and issubclass(c, base)}


def test_every_class_of_torch_is_here_or_refused() -> None:
    assert set(torch_classes()) == set(FAMILIES) | set(REFUSED)
    assert not set(FAMILIES) & set(REFUSED)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_arguments_are_torchs(name: str) -> None:
    signature = inspect.signature(torch_classes()[name].__init__).parameters
    theirs = {key: value for key, value in signature.items() if key not in NOT_THE_USERS}
    assert [p.name for p in FAMILIES[name].parameters] == list(theirs)
    for parameter in FAMILIES[name].parameters:
        default = theirs[parameter.name].default
        assert parameter.default == (None if default is inspect.Parameter.empty else default)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_shows_examples_of_itself(name: str) -> None:
    family = FAMILIES[name]
    assert family.summary.endswith(".")
    assert family.support_text
    assert family.examples
    for example in family.examples:
        assert parse(str(parse(example))) == parse(example)
        assert example.startswith(f"{name}(")


def test_positional_and_keyword_bind_alike_in_torchs_order() -> None:
    assert bind("N", (0, 1)) == bind("Normal", (), {"scale": 1, "loc": 0}) == (("loc", 0), ("scale", 1))
    assert bind("StudentT", (5,)) == (("df", 5),)
    assert bind("Bernoulli", (0.3,)) == (("probs", 0.3),)


def test_placeholders_pass_and_are_checked_once_filled() -> None:
    assert bind("N", (Placeholder("mu"), 1)) == (("loc", Placeholder("mu")), ("scale", 1))
    bind("Uniform", (Placeholder("a"), 0))
    with pytest.raises(ArgumentError):
        bind("N", (Placeholder("mu"), -1))


def refusal(*given: object) -> SpecError:
    with pytest.raises(SpecError) as caught:
        bind(*given)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    ("given", "says", "helps"),
    [
        (("Norml",), "unknown distribution 'Norml'", "did you mean Normal?"),
        (("normal",), "unknown distribution 'normal'", "did you mean Normal?"),
        (("MixtureSameFamily",), "MixtureSameFamily", "as a sum"),
        (("Independent",), "Independent", "as a power"),
        (("N", (0,)), "Normal needs scale", "Normal(loc, scale)"),
        (("N", (0, 1, 2)), "at most 2 arguments, 3 were given", "Normal(loc, scale)"),
        (("N", (0,), {"loc": 1}), "loc twice", "Normal(loc, scale)"),
        (("N", (0,), {"sclae": 1}), "unknown argument of Normal 'sclae'", "did you mean scale?"),
        (("N", (0, -1)), "scale must be a number > 0, given -1", ""),
        (("N", (0, 0)), "scale must be a number > 0, given 0", ""),
        (("N", (float("nan"), 1)), "loc must be a finite number, given nan", ""),
        (("N", (float("inf"), 1)), "loc must be a finite number, given inf", ""),
        (("N", (10**400, 1)), "loc must be a finite number", ""),
        (("N", (True, 1)), "loc must be a finite number", ""),
        (("N", ((0, 1), 1)), "loc must be a finite number, given [0, 1]", ""),
        (("Uniform", (1, 1)), "low < high", ""),
        (("Bernoulli",), "exactly one of probs, logits; given: none", ""),
        (("Bernoulli", (), {"probs": 0.1, "logits": 1}), "given: probs and logits", ""),
        (("Bernoulli", (1.1,)), "probs must be a number in [0, 1]", ""),
        (("Geometric", (0,)), "probs must be a number in (0, 1]", ""),
        (("Binomial", (2.5, 0.1)), "total_count must be a whole number >= 0", ""),
        (("Categorical", ((1, 2, 1),)), "sum to 1", ""),
        (("Categorical", ((),)), "sum to 1", ""),
        (("Categorical", ((-0.5, 1.5),)), "numbers >= 0", ""),
        (("Categorical", (Placeholder("p"),)), "list of numbers", ""),
        (("MultivariateNormal", ((0, 0), ((1, 2), (2, 1)))), "positive definite", ""),
        (("MultivariateNormal", ((0, 0), ((1, 0.5), (0.4, 1)))), "symmetric", ""),
        (("MultivariateNormal", ((0, 0), ((1,),))), "of the same size", ""),
        (("MultivariateNormal", ((0, 0),), {"scale_tril": ((1, 1), (0, 1))}), "lower triangular", ""),
        (("Wishart", (0.5, ((1, 0), (0, 1)))), "df > size of the matrix - 1", ""),
        (("LKJCholesky", (1,)), "whole number >= 2", ""),
    ],
)
def test_a_refusal_says_what_was_given_and_what_is_allowed(given: tuple[object, ...], says: str, helps: str) -> None:
    error = refusal(*given)
    assert says in error.message
    assert helps in " ".join(error.help)


def test_an_error_about_an_argument_names_it() -> None:
    error = refusal("N", (0, -1))
    assert isinstance(error, ArgumentError)
    assert error.argument == "scale"


def test_short_names_lead_to_families() -> None:
    assert {find(name).name for name in ALIASES} <= set(FAMILIES)


def test_the_declared_data_need_no_torch() -> None:
    code = (
        "import sys; from klbench.distributions.catalogue import FAMILIES, bind; "
        "from klbench.distributions.shape import check_pair; from klbench.spec.expression import parse; "
        "[parse(e) for f in FAMILIES.values() for e in f.examples]; "
        "check_pair(parse('N(0, 1)**2'), parse('Laplace(0, 1)**2')); "
        "assert not {'torch', 'scipy', 'pandas'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
