"""Finding an entry: names, other names, versions, and errors that teach."""

from __future__ import annotations

import subprocess
import sys

import pytest

from klbench.errors import SpecError
from klbench.frameworks import catalogue


def test_names_are_unique_and_find_their_entry() -> None:
    names = catalogue.names()
    assert len(set(names)) == len(names) == len(catalogue.entries())
    for entry in catalogue.entries():
        assert catalogue.find(entry.qualified) is entry
        assert catalogue.find(f" {entry.qualified} ") is entry


def test_other_names_find_it_and_none_means_two_things() -> None:
    for entry in catalogue.entries():
        version = f"@{entry.until}" if entry.until else ""
        for alias in entry.aliases:
            assert catalogue.find(f"{entry.framework}{version}:{alias}") is entry


def test_frameworks_are_those_of_the_entries() -> None:
    assert set(catalogue.frameworks()) == {entry.framework for entry in catalogue.entries()}
    assert len(catalogue.frameworks()) == 24


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("nemo-rl:k3", "from 0.7"),
        ("nemo-rl@0.7:k3", "from 0.7"),
        ("nemo-rl@1.0:k3", "from 0.7"),
        ("nemo-rl@0.6:k3", "up to 0.6"),
        ("nemo-rl@0.6.3:k3", "up to 0.6"),
        ("nemo-rl@0.2:k3", "up to 0.6"),
        ("verl@0.4:low_var_kl", "up to 0.4"),
        ("verl@0.4.1:low_var_kl", "up to 0.4"),
        ("verl@0.5:low_var_kl", "from 0.5"),
        ("verl@v0.6.1:k3", "from 0.5"),
        ("verl@0.6:k3", "from 0.5"),
        ("verl@0.10:k3+", "from 0.8"),
        ("openrlhf@0.8:k3", "up to 0.8.5"),
        ("openrlhf@0.8.5:k3", "up to 0.8.5"),
        ("openrlhf@0.8.6:k3", "from 0.8.6"),
        ("openrlhf@0.9:k3", "from 0.8.6"),
        ("trl@0.9:grpo", ""),
    ],
)
def test_a_version_finds_what_it_shipped(given: str, found: str) -> None:
    assert catalogue.find(given).versions == found


@pytest.mark.parametrize(
    ("given", "message", "help_"),
    [
        ("verll:k3", "unknown framework 'verll'", "did you mean verl?"),
        ("VERL:k3", "unknown framework 'VERL'", "did you mean verl?"),
        ("nemo:k3", "unknown framework 'nemo'", "did you mean nemo-rl?"),
        ("verl:low_var", "unknown name in verl 'low_var'", "did you mean low_var_kl?"),
        ("trl:grpo_bias", "unknown name in trl 'grpo_bias'", "did you mean grpo_bias_correction?"),
        ("skyrl:k4", "unknown name in skyrl 'k4'", "allowed: k1, abs, k2, k3"),
        ("verl@0.6:k3+", "verl 0.6 has no k3+", "k3+ ships from 0.8"),
        ("verl@0.6:k3+", "verl 0.6 has no k3+", "verl 0.6 has: kl, k1, abs, mse, k2, low_var_kl, k3"),
        ("verl@0.4:k3", "verl 0.4 has no k3", "verl 0.4 has: kl, abs, mse, low_var_kl"),
        ("deepseek@3.1:unbiased_kl", "deepseek 3.1 has no unbiased_kl", "deepseek 3.1 has: nothing"),
        ("verl@new:k3", "version 'new' in 'verl@new:k3' is not a release number", "for example nemo-rl@0.6:k3"),
        ("verl@:k3", "version '' in 'verl@:k3' is not a release number", "without a version the newest is meant"),
        ("verl:", "'verl:' names nothing a framework ships", "write framework:name or framework@version:name"),
        (":k3", "':k3' names nothing a framework ships", "verl:low_var_kl"),
        ("k3", "'k3' names nothing a framework ships", "verl:low_var_kl"),
        ("verl:k3:x", "'verl:k3:x' names nothing a framework ships", "verl:low_var_kl"),
    ],
)
def test_what_cannot_be_found_is_refused_with_what_can(given: str, message: str, help_: str) -> None:
    with pytest.raises(SpecError) as refused:
        catalogue.find(given)
    assert refused.value.message == message
    assert any(help_ in line for line in refused.value.help), refused.value.help


def test_an_estimator_is_called_what_it_was_asked_for_as() -> None:
    for name in ("verl:k3", "verl:low_var_kl", "verl@0.6:k3", "nemo-rl@0.6:k3"):
        assert catalogue.estimator(name).name == name


def test_who_else_ships_the_same_is_found_by_what_it_computes() -> None:
    def same(name: str) -> set[str]:
        return {entry.qualified for entry in catalogue.same_as(catalogue.find(name))}

    clamped = {"verl:low_var_kl", "skyrl:k3", "ms-swift:grpo", "cosmos-rl:grpo", "trinity-rft:low_var_kl"}
    assert same("nemo-rl@0.6:k3") == clamped
    assert {"trl:ppo_k3", "torchtune:grpo", "unsloth:grpo", "megatron-lm:grpo", "openrlhf@0.8.5:k3"} <= same("trl:grpo")
    assert same("trl:grpo_bias_correction") == {"deepseek:unbiased_kl", "slime:k3_unbiased"}
    assert "verl:mse" in same("verl:mse+")
    assert same("verl:low_var_kl+") == same("nemo-rl:k3") == same("trinity-rft:corrected_k3") == set()
    assert same("open-instruct:0") == same("open-instruct:3") == set()


TORCH_FREE = """
import sys
from klbench.errors import SpecError
from klbench.frameworks import catalogue

for entry in catalogue.entries():
    estimator = catalogue.estimator(entry.qualified)
    print(entry.versions, entry.clamps, entry.saturation, estimator.formula, len(catalogue.same_as(entry)))
try:
    catalogue.find("verl:k33")
except SpecError as error:
    print(error.help)
print("imported:", *sorted({"torch", "numpy", "scipy", "pandas"} & set(sys.modules)))
"""


def test_listing_and_naming_import_nothing_heavy() -> None:
    process = subprocess.run(
        [sys.executable, "-c", TORCH_FREE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    *listed, _, imported = process.stdout.splitlines()
    assert len(listed) == len(catalogue.entries())
    assert imported == "imported:"
