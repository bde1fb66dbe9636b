"""Overrides from the command line."""

from __future__ import annotations

import pytest

from klbench.errors import SpecError
from klbench.spec.expression import parse
from klbench.spec.model import Spec
from klbench.spec.read import read_text

SPEC = """\
name: x
estimators: [k1, k2]
pairs:
  - name: close
    q: N(0, 1)
    p: N(0.1, 1)
  - name: grid
    q: {Normal: {loc: 0, scale: 1}}
    p: N({mu}, 1)
    grid: {mu: [0.1, 1]}
"""


def overridden(*overrides: str) -> Spec:
    return read_text(SPEC, "spec.yaml", overrides)


def test_a_value_is_yaml() -> None:
    spec = overridden("samples=1e6", "seed=3", "name=y", "estimators=[k3, k1]", "description=two words")
    assert (spec.samples, spec.seed, spec.name) == (1_000_000, 3, "y")
    assert (spec.estimators, spec.description) == (("k3", "k1"), "two words")


@pytest.mark.parametrize("value", ["N(0.2, 1)", '"N(0.2, 1)"', "'N(0.2, 1)'", " N(0.2,1) ", "{Normal: [0.2, 1]}"])
@pytest.mark.parametrize("path", ["pairs.0.p", "pairs.close.p"])
def test_a_distribution_needs_no_quotes(path: str, value: str) -> None:
    assert overridden(f"{path}={value}").pairs[0].p == parse("N(0.2, 1)")


def test_a_path_leads_into_lists_and_mappings() -> None:
    spec = overridden("pairs.1.grid.mu=0.5", "pairs.1.q.Normal.scale=2", "estimators.0=k3")
    assert spec.pairs[1].grid == {"mu": (0.5,)}
    assert spec.pairs[1].q == parse("N(0, 2)")
    assert spec.estimators == ("k3", "k2")


def test_what_is_not_there_is_added() -> None:
    spec = overridden("pairs.0.p=N({a}, 1)", "pairs.0.grid.a=[1, 2]", "pairs.0.expect.k1.mean={value: 1, within: 1}")
    assert spec.pairs[0].grid == {"a": (1, 2)}
    assert spec.pairs[0].expect["k1"]["mean"].value == 1


def test_the_last_one_counts_and_an_empty_one_takes_away() -> None:
    assert overridden("seed=1", "seed=2").seed == 2
    assert overridden("samples=5", "samples=").samples == read_text(SPEC, "x").samples


def test_an_override_makes_it_a_gradient_spec() -> None:
    spec = overridden("measure=gradient", "placements=[loss]", "weightings=ratio", "dtype=[float32,bfloat16]")
    assert (spec.measure, spec.placements, spec.weightings) == (("gradient",), ("loss",), ("ratio",))
    assert spec.dtype == ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("override", "column", "says"),
    [
        ("samples", 1, "an override is KEY=VALUE"),
        ("", 1, "an override is KEY=VALUE"),
        ("=3", 1, "an override is KEY=VALUE"),
        ("pairs..p=3", 1, "an override is KEY=VALUE"),
        ("samples=0", 9, "0 is not a sample count"),
        ("sample=1e6", 1, "did you mean samples?"),
        ("pairs.0.pp=N(0, 1)", 9, "allowed: q, p"),
        ("pairs.0.gird.mu=1", 9, "did you mean grid?"),
        ("pairs.9.p=N(0, 1)", 7, "an index from 0 to 1 or a name: close, grid"),
        ("pairs.-1.p=N(0, 1)", 7, "an index from 0 to 1"),
        ("pairs.x=1", 7, "there is no entry 'x'"),
        ("pairs." + "9" * 5000 + "=1", 7, "there is no entry"),
        ("pairs.0.p.loc=1", 11, "there is no 'loc' in 'N(0.1, 1)'"),
        ("pairs.0.p=N(0, -1)", 16, "given -1"),
        ('pairs.0.p="N(0, -1)"', 17, "given -1"),
        ("pairs.0.p=Nomal(0, 1)", 11, "did you mean Normal?"),
        ("pairs.0.p=N({nu}, 1)", 11, "the grid parameter nu has no values"),
        ("estimators=[k1", 15, "this is not YAML"),
        ("estimators=k1,k2", 12, "a list of names"),
        ("measure=gradeint", 9, "did you mean gradient?"),
        ("placements=[loss]", 1, "add measure: gradient"),
        ("dtype=[float32,bf16]", 16, "did you mean bfloat16?"),
        ("seed=!!int 3", 6, "is not allowed"),
        ("seed=1\n--- 2", 1, "a second document"),
        ("description=a: b", 13, "a mapping is not a text"),
    ],
)
def test_a_refusal_is_placed_in_the_override(override: str, column: int, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        overridden(override)
    assert says in "\n".join([caught.value.message, *caught.value.help])
    location = caught.value.location
    assert location is not None
    assert (location.source, location.column) == ("override", column)
