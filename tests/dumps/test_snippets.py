"""The lines for frameworks, run on stand-ins of what these have in memory: the file that they write is read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from klbench.dumps.snippets import SNIPPETS, of_pt, snippet
from klbench.errors import SpecError
from tests.dumps.conftest import mask, rows, values

Q, P, SAMPLER = ([[-1.0, 0.0], [-2.0, -3.0]], [[-1.5, 0.0], [-2.5, -3.5]], [[-1.25, 0.0], [-2.25, -3.25]])
COUNTS = [[1, 0], [1, 1]]


def tensors(*names: str) -> dict[str, torch.Tensor]:
    return dict(zip(names, map(torch.tensor, (Q, P, SAMPLER, COUNTS)), strict=True))


NAMES = {
    "verl": ("old_log_probs", "ref_log_prob", "rollout_log_probs", "response_mask"),
    "trl": ("old_per_token_logps", "ref_per_token_logps", "sampling_per_token_logps", "completion_mask"),
    "openrlhf": ("action_log_probs", "base_action_log_probs", "rollout_log_probs", "action_mask"),
    "areal": ("prox_logp", "ref_logp", "logprobs", "loss_mask"),
}


def memory(framework: str) -> dict[str, Any]:
    """What the trainer of a framework has at hand where the lines are put."""
    there = tensors(*NAMES[framework])
    return {
        "verl": {"data": SimpleNamespace(batch=there, non_tensor_batch={"uid": np.array(["a", "b"], object)})},
        "trl": {
            "output": there,
            "inputs": [{"prompt": "a"}, {"prompt": "b"}],
            "self": SimpleNamespace(state=SimpleNamespace(global_step=7)),
        },
        "openrlhf": {"experiences": [SimpleNamespace(**there)]},
        "areal": {"batch": there},
    }[framework]


@pytest.mark.parametrize("framework", SNIPPETS)
def test_what_the_lines_write_is_read(framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(snippet(framework), {"step": 7, **memory(framework)})
    found = rows(Path("step_7.jsonl"))
    for role, expected in zip(("log_q", "log_p", "log_sampler"), (Q, P, SAMPLER), strict=True):
        assert [values(row, role) for row in found] == expected
    assert [mask(row) for row in found] == COUNTS
    if framework in ("verl", "trl"):
        assert len({row.group for row in found}) == 2


def test_every_framework_of_the_issue_has_lines() -> None:
    assert set(SNIPPETS) == {"verl", "trl", "openrlhf", "areal"}
    with pytest.raises(SpecError, match="unknown framework 'verll'"):
        snippet("verll")


def test_the_lines_for_a_pickle_are_python() -> None:
    compile("\n".join(of_pt()), "of_pt", "exec")
