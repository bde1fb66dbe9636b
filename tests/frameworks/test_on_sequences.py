"""At which level and with which aggregation each framework's KL is taken, as the documents of their code have it."""

from __future__ import annotations

import pytest

from klbench.estimators.vocabulary import AGGREGATIONS, LEVELS
from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import LEGEND, OnSequences, of_the_sum, tally, token_mean

SUM, MEAN, TOKEN = "seq-mean-token-sum", "seq-mean-token-mean", "token-mean"
SETTLED = [
    (TOKEN, "verl:low_var_kl verl:mse+ verl:abs verl@0.2:low_var_kl verl:ppo_kl"),
    (TOKEN, "trl:grpo trl:grpo_bias_correction trl:gspo_token axolotl:grpo unsloth:grpo liger-kernel:grpo"),
    (TOKEN, "openrlhf:k2 openrlhf@0.8.5:k3 nemo-rl:k3 nemo-rl@0.3:k3 cosmos-rl:grpo megatron-lm:grpo open-instruct:2"),
    (TOKEN, "prime-rl:kl prime-rl:ref_kl prime-rl@0.4:kl torchtune:grpo art:grpo trinity-rft:k2"),
    (TOKEN, "cleanrl:approx_kl stable-baselines3:approx_kl verl:token_k3"),
    (TOKEN, "tinker-cookbook:kl_sample_train_v1 tinker-cookbook:kl_sample_train_v2"),
    (MEAN, "slime:k1 slime:k3_unbiased miles:low_var_kl roll:k3 skyrl:k1 skyrl:k3 tunix:kl tunix@0.1.5:low_var_kl"),
    (MEAN, "ms-swift:grpo ms-swift@4.0.3:grpo trl:gmpo colossalai:grpo rlhf-book:kl3 verl:seq_mean_k1"),
    (MEAN, "colossalai@0.3.0:approx_kl colossalai@0.3.6:approx_kl"),
    (SUM, "trl:rloo ms-swift:kl_in_reward trlx:mean_kl verl:seq_sum_k2"),
    (SUM, "verl:kl trl:ppo_k1 trl:ppo_k3 trl@0.11.4:mse openrlhf:k1 areal:k3 roll:mse easyr1:kl torchtune:ppo"),
    (SUM, "deepspeed-chat:kl llama-factory:kl trlx:kl_penalty colossalai:kl rl4lms:kl_div oat:kl_rewards labs-molt:k1"),
]
NOT_SETTLED = (
    "deepseek:unbiased_kl xtuner:kl rlinf:kl compose-rl:k1 oat:kl3 rl2:k3 torchforge:grpo prime-rl:mismatch_kl"
)

every = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.qualified)


@pytest.mark.parametrize(
    ("name", "aggregation"), [(name, aggregation) for aggregation, names in SETTLED for name in names.split()]
)
def test_the_level_and_aggregation_are_those_of_the_documents(name: str, aggregation: str) -> None:
    entry = catalogue.find(name)
    assert (entry.level, entry.aggregation) == ("token", aggregation)


@pytest.mark.parametrize("name", NOT_SETTLED.split())
def test_what_no_document_settles_is_said_to_be_open(name: str) -> None:
    entry = catalogue.find(name)
    assert entry.aggregation is None
    assert entry.sequences.estimates == entry.sequences.short == "not settled"


def test_a_sequences_own_k3_exists_once() -> None:
    of_sequences = [entry.qualified for entry in catalogue.entries() if entry.level == "sequence"]
    assert of_sequences == ["torchtune:grpo_completion"]
    assert catalogue.find("torchtune:grpo_completion").aggregation is None


def test_a_mean_that_counts_pads_is_none_of_the_four() -> None:
    others = {entry.qualified: entry.sequences for entry in catalogue.entries() if entry.sequences.other}
    assert set(others) == {"trl:approxkl", "torchrl:kl_to_ref"}
    assert "without the mask" in others["trl:approxkl"].note
    assert "depends on the batch" in others["torchrl:kl_to_ref"].note


@every
def test_every_entry_has_a_level_and_an_aggregation_or_says_that_they_are_not_settled(entry: Entry) -> None:
    on = entry.sequences
    assert entry.on_sequences is not None
    assert on.level in (*LEVELS, None)
    assert on.aggregation in (*AGGREGATIONS, None)
    if on.is_settled:
        assert on.level is not None
        assert on.estimates != "not settled"
        assert on.called
    else:
        assert (on.aggregation, on.estimates) == (None, "not settled")
    assert on.level != "sequence" or on.aggregation is None
    assert not on.other or (on.aggregation is None and on.note)


@every
def test_in_the_reward_the_return_sums_unless_the_entry_says_another(entry: Entry) -> None:
    averaged = ("prime-rl", "colossalai")
    if entry.placement == "reward" and entry.framework not in averaged:
        assert entry.aggregation == SUM


def test_notes_say_what_else_can_be_chosen() -> None:
    for name, part in [
        ("verl:low_var_kl", "depends on the batch"),
        ("verl:kl", "the controller sees the mean over tokens, then over sequences"),
        ("skyrl:k3", "always, whatever loss_reduction is"),
        ("slime:k3", "--calculate-per-token-loss"),
        ("trlx:mean_kl", "the tokens of the prompt are in the sum"),
        ("nemo-rl:k3", "the mean of the means of sequences by option"),
        ("trl:grpo", "the mean of the means of sequences up to 0.15"),
        ("easyr1:mse", "which is the default is not settled"),
    ]:
        assert part.lower() in catalogue.find(name).sequences.note.lower(), name


def test_each_estimates_what_its_aggregation_does() -> None:
    words = {name: OnSequences("token", name).estimates for name in AGGREGATIONS}
    assert len(set(words.values())) == len(AGGREGATIONS)
    assert words[TOKEN] == "the KL per token: E[sum]/E[length]"
    assert words[SUM] == "the KL of sequences"
    assert "not the KL of sequences" in words[MEAN]
    for name, told in words.items():
        assert any(name in line and told in line for line in LEGEND)


def test_a_place_has_the_framework_s_default_and_an_entry_its_own() -> None:
    framework = Framework("x", "run", in_loss=token_mean("in the loss"), logged=of_the_sum())
    assert framework.on_sequences("loss").aggregation == TOKEN
    assert framework.on_sequences("reward").aggregation == SUM
    assert framework.on_sequences(None).level == "sequence"
    assert OnSequences().called == ""
    assert token_mean().called == "token, token-mean"


def test_the_tally_counts_all() -> None:
    told = tally([token_mean(), token_mean("another note"), of_the_sum(), OnSequences()])
    assert "2 the KL per token" in told
    assert "1 the KL of sequences, by one value" in told
    assert told.endswith("Of 1 it is not settled.")
