"""The few lines of Python that write the neutral form where a framework writes no log-probs, or only a pickle."""

from __future__ import annotations

from collections.abc import Mapping

from klbench.errors import unknown

SNIPPETS: Mapping[str, tuple[str, ...]] = {
    "verl": (
        "# in the trainer, once old_log_probs and ref_log_prob are there: data is its DataProto",
        "import json",
        'names = {"log_q": "old_log_probs", "log_p": "ref_log_prob", "log_sampler": "rollout_log_probs", '
        '"mask": "response_mask"}',
        "columns = {to: data.batch[of].tolist() for to, of in names.items() if of in data.batch.keys()}",
        'columns["group"] = [str(uid) for uid in data.non_tensor_batch["uid"]]',
        'with open(f"step_{step}.jsonl", "w") as file:',
        '    file.writelines(json.dumps(dict(zip(columns, row))) + "\\n" for row in zip(*columns.values()))',
    ),
    "trl": (
        "# at the end of _generate_and_score_completions: output is the dict that it returns",
        "import json",
        'names = {"log_q": "old_per_token_logps", "log_p": "ref_per_token_logps", '
        '"log_sampler": "sampling_per_token_logps", "mask": "completion_mask"}',
        "columns = {to: output[of].tolist() for to, of in names.items() if output.get(of) is not None}",
        'columns["group"] = [json.dumps(each["prompt"]) for each in inputs]',
        'with open(f"step_{self.state.global_step}.jsonl", "a") as file:',
        '    file.writelines(json.dumps(dict(zip(columns, row))) + "\\n" for row in zip(*columns.values()))',
    ),
    "openrlhf": (
        "# where the experience is made: experiences is the list of Experience",
        "import json",
        'names = {"log_q": "action_log_probs", "log_p": "base_action_log_probs", "log_sampler": "rollout_log_probs", '
        '"mask": "action_mask"}',
        'with open(f"step_{step}.jsonl", "a") as file:',
        "    for each in experiences:",
        "        found = {to: getattr(each, of, None) for to, of in names.items()}",
        "        found = {to: tensor.tolist() for to, tensor in found.items() if tensor is not None}",
        '        file.writelines(json.dumps(dict(zip(found, row))) + "\\n" for row in zip(*found.values()))',
    ),
    "areal": (
        "# in the actor, after compute_logp: batch is its dict of padded [sequences, tokens] tensors",
        "import json",
        'names = {"log_q": "prox_logp", "log_p": "ref_logp", "log_sampler": "logprobs", "mask": "loss_mask"}',
        "columns = {to: batch[of].tolist() for to, of in names.items() if of in batch}",
        'with open(f"step_{step}.jsonl", "a") as file:',
        '    file.writelines(json.dumps(dict(zip(columns, row))) + "\\n" for row in zip(*columns.values()))',
    ),
}
"""By framework, the lines to add to its trainer; log-probs, masks and groups as it names them in memory."""


def snippet(framework: str) -> str:
    """The lines for a framework, one text.

    Raises:
        SpecError: there are none for it.
    """
    if framework not in SNIPPETS:
        raise unknown("framework", framework, SNIPPETS)
    return "\n".join(SNIPPETS[framework])


def of_pt() -> tuple[str, ...]:
    """The lines that write what a .pt or .pkl holds as one that needs no code: run where its classes are installed."""
    return (
        "import torch  # where the run is at home, and with a file that you trust",
        "data = torch.load(PATH, weights_only=False)  # or pickle.load",
        "names = {'log_q': ..., 'log_p': ..., 'log_sampler': ..., 'mask': ...}  # the keys in data",
        "torch.save({to: torch.as_tensor(data[of]) for to, of in names.items()}, 'neutral.pt')",
    )
