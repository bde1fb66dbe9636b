"""``ratio*`` before any name: what is weighted, and what has a weight already and refuses a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.estimators.term import LogProbs
from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry

every = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.qualified)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A function of one's own, in the current folder."""
    name = "weighed_by_a_test"
    (tmp_path / f"{name}.py").write_text("def half(log_q, log_p):\n    return (log_q - log_p) / 2\n")
    monkeypatch.chdir(tmp_path)
    yield f"{name}:half"
    sys.modules.pop(name, None)


def at() -> tuple[LogProbs, torch.Tensor]:
    log_ratio = torch.linspace(-3, 3, 25, dtype=torch.float64)
    log_weight = torch.linspace(1, -1, 25, dtype=torch.float64)
    return LogProbs(log_ratio, log_weight), log_weight.exp()


@every
def test_an_entry_is_weighted_once_and_never_twice(entry: Entry) -> None:
    name = f"ratio*{entry.qualified}"
    if entry.multiplies_ratio:
        with pytest.raises(SpecError, match="multiplies by ρ = q/sampler itself") as refused:
            find(name)
        assert refused.value.help == (f"write {entry.qualified} alone",)
        return
    log_probs, weight = at()
    found = find(name)
    torch.testing.assert_close(
        found.term.values(log_probs), weight * find(entry.qualified).term.values(log_probs), rtol=1e-15, atol=0.0
    )
    assert found.name == name


def test_so_is_a_function_of_ones_own(mine: str) -> None:
    log_probs, weight = at()
    found = find(f"ratio * {mine}")
    assert found.name == f"ratio*{mine}"
    torch.testing.assert_close(found.term.values(log_probs), -weight * log_probs.log_ratio / 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ratio*vrl:k3", "unknown framework or module 'vrl'"),
        ("ratio*verl:k33", "unknown name in verl 'k33'"),
        ("ratio*k33", "unknown estimator 'ratio*k33'"),
        ("ratio*", "unknown estimator 'ratio*'"),
        ("ratio*ratio*k3", "'ratio*ratio*k3' has more than one weight"),
    ],
)
def test_a_wrong_name_is_refused_as_it_is_without_the_weight(name: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        find(name)
    assert refused.value.message == message


def test_what_is_weighted_without_a_bound_has_no_variance_where_the_weight_has_none() -> None:
    never = "never: the value is clamped to ±10"
    assert (
        catalogue.find("open-instruct:3").infinite_variance_when
        == "ρ = q/sampler has no second moment under the sampler"
    )
    assert "ρ times the value" in catalogue.find("trl:grpo_bias_correction").infinite_variance_when
    assert catalogue.find("slime:low_var_kl_unbiased").infinite_variance_when == never
    assert catalogue.find("nemo-rl:k3").infinite_variance_when == never
    assert catalogue.find("trinity-rft:corrected_k3").infinite_variance_when.startswith("E_q[r²] is infinite")
    for entry in catalogue.entries():
        is_told = "the sampler misses" in entry.biased_when
        assert is_told == (entry.multiplies_ratio and not entry.against_sampler)
