"""Files that look as if they had log-probabilities and have none per token: what they are, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping

from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import has
from klbench.dumps.layouts.layout import Refusal
from klbench.dumps.snippets import SNIPPETS


def _export(framework: str) -> tuple[str, ...]:
    return ("write the neutral form from the trainer:", *SNIPPETS[framework])


def _is_mlx_logits(record: Record) -> bool:
    return has(record.value, "logits", "indices")


def _is_post_sampling(record: Record) -> bool:
    return isinstance(record.value, Mapping) and "choices" in record.value


REFUSALS = (
    Refusal(
        "verl's texts and scores, which have no log-probabilities",
        lambda record: has(record.value, "input", "output", "score"),
        _export("verl"),
    ),
    Refusal(
        "samples of lm-eval, which have one sum for each continuation and nothing per token",
        lambda record: has(record.value, "resps") or has(record.value, "filtered_resps"),
        ("score the texts with an engine that gives log-probabilities of tokens (prompt_logprobs), and save those",),
    ),
    Refusal(
        "TRL's table of completions, which has no log-probabilities",
        lambda record: has(record.value, "prompt", "completion"),
        _export("trl"),
    ),
    Refusal(
        "AReaL's texts and rewards, which have no log-probabilities",
        lambda record: has(record.value, "prompt", "completion_len") or has(record.value, "seqlen", "reward"),
        _export("areal"),
    ),
    Refusal(
        "responses of an engine that was not asked for log-probabilities",
        _is_post_sampling,
        ("ask for them: logprobs: true (chat), logprobs: 1 (completions), return_logprob: true (SGLang)",),
    ),
    Refusal(
        "mlx-lm's largest logits, which are not normalised and have no token that was drawn",
        _is_mlx_logits,
        ("score the same tokens with both models, and save the log-probability of each token",),
    ),
)
