"""The names that columns have in frameworks' memory and files, by role: what the neutral form is read by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

Place = Literal["log_q", "log_p", "log_sampler", "mask", "group"]
PLACES: tuple[Place, ...] = ("log_q", "log_p", "log_sampler", "mask", "group")
OPTIONS: Mapping[str, str] = {place: "--" + place.replace("_", "-") for place in PLACES}
"""The option that names a column."""


@dataclass(frozen=True)
class Names:
    """Names of columns by what they are; of several that are there for one place the user has to choose."""

    log_q: tuple[str, ...] = ()
    log_p: tuple[str, ...] = ()
    log_sampler: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    group: tuple[str, ...] = ()

    def of(self, place: Place) -> tuple[str, ...]:
        """The names for one place."""
        names: tuple[str, ...] = getattr(self, place)
        return names

    def all(self) -> tuple[str, ...]:
        """Every name."""
        return tuple(name for field in fields(self) for name in getattr(self, field.name))


NEUTRAL = Names(
    log_q=(
        "log_q",
        *("old_log_probs", "log_probs", "action_log_probs", "old_per_token_logps", "per_token_logps", "prox_logp"),
        *("prev_logprobs", "trainer_logprobs", "train_log_probs"),
    ),
    log_p=(
        "log_p",
        *("ref_log_prob", "ref_log_probs", "base_action_log_probs", "ref_per_token_logps", "ref_logp"),
        *("reference_policy_logprobs", "reference_logprobs", "ref_logprobs"),
    ),
    log_sampler=(
        "log_sampler",
        *("rollout_log_probs", "rollout_logprobs", "sampling_per_token_logps", "infer_logprobs"),
        *("generation_logprobs", "inference_logprobs", "logprobs"),
    ),
    mask=(
        "mask",
        *("response_mask", "action_mask", "completion_mask", "loss_mask", "loss_masks"),
        *("token_loss_mask", "token_mask", "local_loss_mask"),
    ),
    group=("group", "uid", "task_id", "group_id", "group_index"),
)
"""A bare ``logprobs`` is the sampler's in every framework that writes one."""
FACTORS: Mapping[str, str] = {
    "completion_mask": "tool_mask",
    "token_loss_mask": "sample_loss_mask",
    "token_mask": "sample_mask",
}
"""A mask and what it is multiplied with where that is there too."""
LAST_GROUPS = ("index", "prompt")
"""What tells the group where nothing else does: OpenRLHF's ``index``, a prompt's text."""
PROMPTS = ("prompt_ids", "prompt_token_ids", "prompt_tokens")
"""The token ids of a prompt."""
TEXTS = ("texts", "token_texts", "token", "tokens", "text")
"""The text of each token, where it is a list of texts."""
