"""Finding an entry: names, other names, versions, and errors that teach."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from klbench.errors import SpecError
from klbench.frameworks import catalogue, grpo
from klbench.frameworks.entry import Entry
from klbench.frameworks.framework import Framework
from klbench.frameworks.releases import release


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


def test_every_framework_is_described_once_and_none_is_that_ships_nothing() -> None:
    assert set(catalogue.frameworks()) == {entry.framework for entry in catalogue.entries()} == set(catalogue.about())
    for framework in catalogue.about().values():
        assert framework.seen
        assert framework.log_probs or framework.seen == "run"


GRPO = catalogue.find("art:grpo")


def loaded(monkeypatch: pytest.MonkeyPatch, what: str, declared: tuple[object, ...]) -> None:
    """Load the catalogue with more declared in one of its modules."""
    monkeypatch.setattr(grpo, what, (*getattr(grpo, what), *declared))
    catalogue.entries.cache_clear()
    catalogue.about.cache_clear()
    try:
        catalogue.entries()
        catalogue.about()
    finally:
        monkeypatch.undo()
        catalogue.entries.cache_clear()
        catalogue.about.cache_clear()


@pytest.mark.parametrize(
    ("another", "message"),
    [
        (GRPO, "two entries are called art:grpo"),
        (replace(GRPO, until="0.2"), "two entries are called art:grpo"),
        (replace(GRPO, name="kl", aliases=("grpo",)), "two entries are called art:grpo"),
        (replace(catalogue.find("verl@0.4.0:low_var_kl"), until="0.5"), "two entries are called verl:"),
        (replace(catalogue.find("nemo-rl@0.4:k3"), since="0.3.1"), "two entries are called nemo-rl:k3"),
    ],
)
def test_two_entries_of_one_name_in_one_release_are_refused(
    another: Entry, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(monkeypatch, "ENTRIES", (another,))


def test_a_framework_described_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="the framework art is described twice"):
        loaded(monkeypatch, "FRAMEWORKS", (Framework("art", "again"),))


def just_before(since: str) -> str:
    """A release number that comes before another and after all that come before it."""
    *head, last = since.replace(".post", ".").split(".")
    if int(last):
        return ".".join([*head, str(int(last) - 1)]) + ("" if since.count(".") > 1 else ".999")
    return f"{just_before('.'.join(head))}.999"


def just_after(until: str) -> str:
    """A release number that comes after another: one of three numbers is that release alone."""
    *head, last = until.split(".")
    return f"{until}.1" if len(head) > 1 else ".".join([*head, str(int(last) + 1)])


@pytest.mark.parametrize("entry", [each for each in catalogue.entries() if each.versions], ids=lambda e: e.qualified)
def test_outside_its_releases_an_entry_is_not_found(entry: Entry) -> None:
    for name in entry.names:
        releases = entry.releases_of(name)
        for version in filter(None, (releases.since, releases.until)):
            assert catalogue.find(f"{entry.framework}@{version}:{name}") == entry
        outside = [just_before(releases.since)] if releases.since else []
        outside += [just_after(releases.until)] if releases.until else []
        outside += [releases.main_after] if releases.main_after else []
        for version in outside:
            assert not is_found(f"{entry.framework}@{version}:{name}", entry)


def is_found(name: str, entry: Entry) -> bool:
    """Whether a name is this very entry, and not another or refused."""
    try:
        return catalogue.find(name) == entry
    except SpecError:
        return False


def test_names_choose_frameworks_and_entries() -> None:
    assert catalogue.chosen(()) == catalogue.entries()
    assert {entry.framework for entry in catalogue.chosen(["verl", "trl:grpo"])} == {"verl", "trl"}
    assert catalogue.chosen(["verl:k3", "verl@0.6:k3"]) == (catalogue.find("verl:low_var_kl"),)
    assert catalogue.chosen(["nemo-rl"])[0] is catalogue.find("nemo-rl:k1")
    for wrong, message in (("verll", "unknown framework 'verll'"), ("verl@0.3:k3", "verl 0.3 has no k3")):
        with pytest.raises(SpecError, match=message):
            catalogue.chosen(["trl", wrong])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("nemo-rl:k3", "from 0.7"),
        ("nemo-rl@0.7:k3", "from 0.7"),
        ("nemo-rl@0.12:k3", "from 0.7"),
        ("nemo-rl@0.6:k3", "0.5 to 0.6"),
        ("nemo-rl@0.6.3:k3", "0.5 to 0.6"),
        ("nemo-rl@0.4:k3", "0.4"),
        ("nemo-rl@0.4.2:k3", "0.4"),
        ("nemo-rl@0.2:k3", "0.1 to 0.3"),
        ("verl@0.2:low_var_kl", "0.2 to 0.4.0"),
        ("verl@0.4:low_var_kl", "0.2 to 0.4.0"),
        ("verl@0.4.0:k3", "0.2 to 0.4.0"),
        ("verl@0.4.1:low_var_kl", "from 0.4.1"),
        ("verl@0.5:low_var_kl", "from 0.4.1"),
        ("verl@v0.6.1:k3", "from 0.4.1"),
        ("verl@0.10:k3+", "from 0.8"),
        ("openrlhf@0.4.5:k1", "up to 0.5.4"),
        ("openrlhf@0.5.5:k3", "0.5.5 to 0.8.5"),
        ("openrlhf@0.6.0.post1:k2", "0.6.0.post1 to 0.8.5"),
        ("openrlhf@0.8:k3", "0.5.5 to 0.8.5"),
        ("openrlhf@0.8.6:k3", "from 0.8.6"),
        ("openrlhf@0.9:k3", "from 0.8.6"),
        ("colossalai:approx_kl", "from 0.3.7"),
        ("colossalai@0.3.6:approx_kl", "0.3.1 to 0.3.6"),
        ("colossalai@0.3:approx_kl", "0.2.5 to 0.3.0"),
        ("ms-swift@4.0.3:grpo", "up to 4.0.3"),
        ("ms-swift@4.0.4:grpo", "from 4.0.4"),
        ("tunix@0.1.6:kl", "from 0.1.6"),
        ("torchtune@0.7:grpo", "main only, in no release up to 0.6.1"),
        ("trl@1.10:grpo", "from 0.14.0"),
        ("slime@0.1.0:kl", "0.1.0 to 0.1"),
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
        ("verl@0.3:k3", "verl 0.3 has no k3", "k3 ships 0.4.0 and from 0.4.1"),
        ("verl@0.3:k3", "verl 0.3 has no k3", "verl 0.3 has: kl, abs, mse, ppo_kl, low_var_kl"),
        ("verl@0.1:low_var_kl", "verl 0.1 has no low_var_kl", "verl 0.1 has: kl, abs, mse, ppo_kl"),
        ("nemo-rl@0.2:k1", "nemo-rl 0.2 has no k1", "nemo-rl 0.2 has: k3, k3_on_policy"),
        ("nemo-rl@0.1:k3_on_policy", "nemo-rl 0.1 has no k3_on_policy", "nemo-rl 0.1 has: k3"),
        ("areal@0.3.3:k2", "areal 0.3.3 has no k2", "areal 0.3.3 has: k1"),
        ("openrlhf@0.6.0:k2", "openrlhf 0.6.0 has no k2", "openrlhf 0.6.0 has: k1, k3"),
        ("openrlhf@0.4.5:k3", "openrlhf 0.4.5 has no k3", "openrlhf 0.4.5 has: k1"),
        ("trl@0.9:grpo", "trl 0.9 has no grpo", "grpo ships from 0.14.0"),
        ("trl@0.16:ppo_k3", "trl 0.16 has no ppo_k3", "ppo_k3 ships from 0.17.0"),
        ("trl@0.12:kl", "trl 0.12 has no kl", "kl ships 0.4.7 to 0.11.4"),
        ("trl@0.25:grpo_bias_correction", "trl 0.25 has no grpo_bias_correction", "from 0.26.0"),
        ("slime@0.1:k1", "slime 0.1 has no k1", "slime 0.1 has: k2, k3, low_var_kl, kl"),
        ("slime@0.2.0:k3_unbiased", "slime 0.2.0 has no k3_unbiased", "from 0.2.1"),
        ("torchtune@0.6.1:grpo", "torchtune 0.6.1 has no grpo", "torchtune 0.6.1 has: ppo"),
        ("colossalai@0.3.6:kl", "colossalai 0.3.6 has no kl", "colossalai 0.3.6 has: approx_kl"),
        ("cosmos-rl@0.3.6:grpo_unbiased", "cosmos-rl 0.3.6 has no grpo_unbiased", "cosmos-rl 0.3.6 has: grpo"),
        ("megatron-lm@0.14:grpo", "megatron-lm 0.14 has no grpo", "megatron-lm 0.14 has: nothing"),
        ("prime-rl@0.4:ref_kl", "prime-rl 0.4 has no ref_kl", "prime-rl 0.4 has: mismatch_kl, kl"),
        ("open-instruct:kl3", "unknown name in open-instruct 'kl3'", "allowed: 0, 1, 2, 3"),
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
    clamped |= {"xtuner:low_var_kl", "rlinf:low_var_kl", "easyr1:low_var_kl", "miles:low_var_kl"}
    assert same("nemo-rl@0.6:k3") == clamped
    assert {"trl:ppo_k3", "torchtune:grpo", "unsloth:grpo", "megatron-lm:grpo", "openrlhf@0.8.5:k3"} <= same("trl:grpo")
    assert {"deepseek:unbiased_kl", "slime:k3_unbiased", "axolotl:grpo_bias_correction"} <= same(
        "trl:grpo_bias_correction"
    )
    assert "verl:mse" in same("verl:mse+")
    assert same("verl:low_var_kl+") == same("nemo-rl:k3") == same("trinity-rft:corrected_k3") == set()
    assert same("open-instruct:0") == {"compose-rl:k1"}
    assert same("open-instruct:3") == set()


TORCH_FREE = """
import sys
from klbench.errors import SpecError
from klbench.frameworks import catalogue

for entry in catalogue.entries():
    estimator = catalogue.estimator(entry.qualified)
    print(entry.versions, entry.clamps, entry.biased_when, estimator.formula, len(catalogue.same_as(entry)))
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


NUMBERED = tuple(name for name, framework in catalogue.about().items() if framework.newest)


def _beyond(framework: str) -> str:
    major, *_ = catalogue.about()[framework].newest.split(".")
    return f"{int(major) + 1}.0"


def test_the_newest_release_is_as_new_as_all_that_entries_name() -> None:
    assert len(NUMBERED) >= 28
    for entry in catalogue.entries():
        named = [text for text in (entry.since, entry.until, entry.main_after, entry.aliases_since) if text]
        about = catalogue.about().get(entry.framework)
        if named:
            assert about is not None, entry.framework
            assert about.newest, entry.framework
            newest = release(about.newest, "newest")
            assert all(release(text, "named")[:3] <= newest[:3] for text in named), entry.qualified


@pytest.mark.parametrize("framework", NUMBERED)
def test_a_release_beyond_every_known_one_is_refused(framework: str) -> None:
    newest, version = catalogue.about()[framework].newest, _beyond(framework)
    name = next(entry.name for entry in catalogue.entries() if entry.framework == framework)
    numbers = ".".join(newest.split(".")[:2])
    for look_up, asked in (
        (lambda: catalogue.find(f"{framework}@{version}:{name}"), f"{framework}@{numbers}:{name}"),
        (lambda: catalogue.every(framework, version), f"{framework}@{numbers}"),
    ):
        with pytest.raises(SpecError) as refused:
            look_up()
        assert refused.value.message == f"no release {version} of {framework} is known"
        assert refused.value.help == (f"the newest known is {newest}; did you mean {asked}?",)


@pytest.mark.parametrize("framework", NUMBERED)
def test_a_release_newer_than_known_with_a_known_first_number_is_the_newest(framework: str) -> None:
    major, *_ = catalogue.about()[framework].newest.split(".")
    now = {entry.name for entry in catalogue.entries() if entry.framework == framework and not entry.until}
    assert {entry.name for entry in catalogue.every(framework, f"{major}.999").values()} == now
