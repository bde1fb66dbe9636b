"""The specs that come with klbench, and the one that ``klbench init`` writes."""

from __future__ import annotations

import pytest

from klbench.errors import SpecError
from klbench.spec import builtin
from klbench.spec.read import read_spec, read_text
from klbench.spec.starter import STARTER


@pytest.mark.parametrize("name", builtin.names())
def test_a_built_in_spec_is_called_like_its_file_and_has_a_title(name: str) -> None:
    assert read_spec(name).name == name
    assert builtin.title(name)
    assert "\n" not in builtin.title(name)
    assert builtin.text(name).startswith("#"), "a built-in spec opens by saying what to look for"


def test_schulman_is_among_them() -> None:
    assert "schulman" in builtin.names()


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(SpecError, match="unknown built-in spec 'schulmann'"):
        builtin.text("schulmann")


@pytest.mark.parametrize(
    ("pair", "exact"),
    [
        # FACTS: Gaussians of equal variance, shift d; t = d², K = t/2.
        ("close", {"k1": (0, 20), "k2": (0.0025, 1.4177446878757824), "k3": (0, 1.4165745)}),
        ("far", {"k1": (0, 2), "k2": (0.25, 1.7320508075688772), "k3": (0, 1.6950300)}),
    ],
)
def test_the_exact_values_are_within_what_was_published(pair: str, exact: dict[str, tuple[float, float]]) -> None:
    (found,) = (one for one in read_spec("schulman").pairs if one.name == pair)
    assert found.expect.keys() == exact.keys()
    for estimator, values in exact.items():
        published = [found.expect[estimator][column] for column in ("bias_over_true", "stdev_over_true")]
        for value, one in zip(values, published, strict=True):
            assert abs(value - one.value) <= one.within * (1 + 1e-12)


def test_the_starter_is_a_spec_that_teaches() -> None:
    spec = read_text(STARTER, "starter")
    assert len(spec.cases()) == 5
    assert len(STARTER.splitlines()) <= 45
