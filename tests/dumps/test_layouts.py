"""Each layout on a file as DUMPS has it: what is read, as what, with which mask, group and sentence."""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from klbench.dumps.layouts.found import layouts, refusals
from klbench.dumps.read import ensure_two_roles
from klbench.errors import SpecError
from klbench.frameworks.catalogue import find
from tests.dumps.conftest import Written, mask, opened, rows, values

SLIME = {
    "log_probs": torch.tensor([-1.0, -2.0]),
    "ref_log_probs": torch.tensor([-1.5, -2.5]),
    "rollout_log_probs": torch.tensor([-1.25, -2.0]),
    "loss_masks": torch.tensor([1, 0], dtype=torch.int32),
    "tokens": torch.tensor([5, 6, 7, 8, 9]),
    "response_lengths": 2,
    "total_lengths": 5,
    "sample_index": 0,
    "kl": torch.zeros(2),
    "truncated": 0,
}


def slime_train(path: Path, *samples: dict[str, Any]) -> Path:
    content = {"format_version": 2, "rollout_id": 7, "rank": 0, "samples": list(samples), "dp_shards": [[0]]}
    torch.save(content, path / "7.pt")
    return path / "7.pt"


def test_slime_train_data(tmp_path: Path) -> None:
    uncut = {**SLIME, "loss_masks": None}
    dump = opened(slime_train(tmp_path, SLIME, uncut))
    assert (dump.layout, dump.entry) == ("slime train data", "slime:low_var_kl")
    assert dump.roles == ("log_q", "log_p", "log_sampler")
    assert dump.said.startswith("slime train data: log_probs is q before the update, ref_log_probs p")
    one, other = dump.rows()
    assert values(one, "log_q") == [-1.0, -2.0]
    assert values(one, "log_p") == [-1.5, -2.5]
    assert values(one, "log_sampler") == [-1.25, -2.0]
    assert mask(one) == [1, 0]
    assert mask(other) is None, "no mask: every token of the response counts"
    assert one.prompt == other.prompt == (5, 6, 7)
    assert one.group is None


def test_slime_without_a_reference(tmp_path: Path) -> None:
    sample = {name: value for name, value in SLIME.items() if name != "ref_log_probs"}
    assert opened(slime_train(tmp_path, sample)).roles == ("log_q", "log_sampler")
    assert opened(slime_train(tmp_path, {**SLIME, "ref_log_probs": None})).roles == ("log_q", "log_sampler")


def test_slime_teacher_only_if_asked(tmp_path: Path) -> None:
    teacher = {**SLIME, "teacher_log_probs": torch.tensor([-9.0, -9.0])}
    path = slime_train(tmp_path, teacher)
    assert values(rows(path)[0], "log_p") == [-1.5, -2.5]
    dump = opened(path, log_p="teacher_log_probs")
    assert values(next(dump.rows()), "log_p") == [-9.0, -9.0]
    assert "teacher_log_probs is log_p, as asked" in dump.said


def test_a_later_row_without_a_role(tmp_path: Path) -> None:
    path = slime_train(tmp_path, SLIME, {**SLIME, "ref_log_probs": None})
    with pytest.raises(SpecError, match=r"row 1: there is no log_p"):
        rows(path)


def test_slime_rollout_data(tmp_path: Path) -> None:
    sample = {
        "rollout_log_probs": [-1.0, -2.0],
        "loss_mask": None,
        "tokens": [1, 2, 3],
        "response_length": 2,
        "group_index": 4,
        "index": 9,
        "status": "completed",
        "remove_sample": False,
    }
    removed = {**sample, "remove_sample": True}
    torch.save({"rollout_id": 1, "samples": [sample, {**sample, "loss_mask": [0, 1]}, removed]}, tmp_path / "1.pt")
    dump = opened(tmp_path / "1.pt")
    one, two, three = dump.rows()
    assert dump.roles == ("log_sampler",)
    assert (one.group, one.prompt, mask(one), mask(two), mask(three)) == (4, (1,), None, [0, 1], [0, 0])
    assert dump.notices == ["1 sequence: left out by the framework itself: no token counts"]
    with pytest.raises(SpecError, match="there is only log_sampler"):
        ensure_two_roles(dump)


def test_miles_only_where_sequences_are_whole(tmp_path: Path) -> None:
    data = {
        "log_probs": [torch.tensor([-1.0, -2.0])],
        "rollout_log_probs": [torch.tensor([-1.5, -2.0])],
        "loss_masks": [torch.tensor([1, 1])],
        "tokens": [torch.tensor([3, 4, 5])],
        "response_lengths": [2],
    }
    content = {"rollout_id": 0, "rank": 0, "rollout_data": data, "cp_rank": 0, "cp_size": 1, "qkv_format": "thd"}
    torch.save(content, tmp_path / "0_0.pt")
    dump = opened(tmp_path / "0_0.pt")
    (row,) = dump.rows()
    assert (dump.layout, dump.entry) == ("miles train data", "miles:low_var_kl")
    assert (values(row, "log_q"), values(row, "log_sampler"), row.prompt) == ([-1.0, -2.0], [-1.5, -2.0], (3,))
    torch.save({**content, "cp_size": 2}, tmp_path / "0_0.pt")
    with pytest.raises(SpecError, match="cp_size 2"):
        rows(tmp_path / "0_0.pt")


def test_miles_policy_loss(tmp_path: Path) -> None:
    sample = {
        "train_log_probs": torch.tensor([-1.0, -2.0]),
        "old_log_probs": torch.tensor([-1.25, -2.0]),
        "rollout_log_probs": torch.tensor([-1.5, -2.0]),
        "local_loss_mask": torch.tensor([1, 0]),
    }
    torch.save({"samples": [sample]}, tmp_path / "rank_0_call_1.pt")
    (row,) = rows(tmp_path / "rank_0_call_1.pt")
    assert (values(row, "log_q"), mask(row)) == ([-1.0, -2.0], [1, 0])
    (row,) = rows(tmp_path / "rank_0_call_1.pt", log_q="old_log_probs")
    assert values(row, "log_q") == [-1.25, -2.0]


NEMO = {
    "prev_logprobs": [[0.0, 0.0, -1.0, -2.0, 0.0]],
    "generation_logprobs": [[0.0, 0.0, -1.5, -2.0, 0.0]],
    "token_ids": [[7, 8, 9, 10, 0]],
    "token_loss_mask": [[0, 0, 1, 1, 0]],
    "sample_loss_mask": [1.0],
    "input_lengths": [4],
    "idx": 0,
}


def test_nemo_rl(lines: Written) -> None:
    rejected = {**NEMO, "sample_loss_mask": [0.0]}
    counted = {**NEMO, "token_loss_mask": [[1, 0, 1, 1, 0]]}
    dump = opened(lines(NEMO, rejected, counted))
    assert (dump.layout, dump.entry, dump.roles) == ("NeMo-RL train data", "nemo-rl:k3", ("log_q", "log_sampler"))
    assert "prev_logprobs is q before the update, generation_logprobs the sampler; length-1 lists opened" in dump.said
    one, two, three = dump.rows()
    assert (values(one, "log_q"), mask(one), one.prompt) == ([0.0, 0.0, -1.0, -2.0, 0.0], [0, 0, 1, 1, 0], (7, 8))
    assert values(one, "log_sampler") == [0.0, 0.0, -1.5, -2.0, 0.0]
    assert mask(two) == [0, 0, 0, 0, 0]
    assert mask(three) == [0, 0, 1, 1, 0], "the first position is never a log-probability"
    assert sorted(dump.notices) == [
        "1 sequence: left out by the framework itself: no token counts",
        "1 sequence: the first token has no log-probability and does not count",
    ]


def test_nemo_rl_needs_its_mask(lines: Written) -> None:
    unmasked = {name: value for name, value in NEMO.items() if name != "token_loss_mask"}
    with pytest.raises(SpecError, match=r"run\.jsonl:1: a padded sequence needs a mask, and there is none"):
        rows(lines(unmasked))


def test_nemo_rl_with_nan_as_json_writes_it(tmp_path: Path) -> None:
    text = json.dumps(NEMO).replace('"generation_logprobs": [[0.0, 0.0', '"generation_logprobs": [[NaN, -Infinity')
    (tmp_path / "run.jsonl").write_text(text + "\n")
    (row,) = rows(tmp_path / "run.jsonl")
    assert values(row, "log_sampler") == [None, float("-inf"), -1.5, -2.0, 0.0]


def test_prime_rl(lines: Written) -> None:
    export = {
        "schema_version": 1,
        "trainer_logprobs": [-11.9, None, -1.0, -2.0],
        "inference_logprobs": [0.0, 0.0, -1.5, -2.0],
        "mismatch_kl": [None, None, 0.1, 0.0],
        "loss_mask": [True, False, True, True],
        "env_name": "math",
        "export_sequence_idx": 3,
    }
    dump = opened(lines(export))
    (row,) = dump.rows()
    assert (dump.layout, dump.entry) == ("prime-rl token export", "prime-rl:mismatch_kl")
    assert values(row, "log_q") == [-11.9, None, -1.0, -2.0]
    assert mask(row) == [0, 0, 1, 1], "position 0 is the log of one in the vocabulary"
    assert (row.group, row.prompt) == (None, None)


TEXT = {
    "text": "2 + 2 = 4",
    "n_predicted": 2,
    "reward": 1.0,
    "logprobs": [-1.0, -2.0],
    "ref_logprobs": [-1.5, -2.5],
    "input_ids": [5, 6, 7, 8],
    "labels": [-100, -100, 7, 8],
    "group_id": "run_3",
}


def test_pipeline_rl_actor(lines: Written) -> None:
    dump = opened(lines([TEXT, {**TEXT, "group_id": "run_4"}], [TEXT]))
    one, two, three = dump.rows()
    assert (dump.layout, dump.entry, dump.roles) == (
        "PipelineRL actor",
        "pipelinerl:approx_kl",
        ("log_p", "log_sampler"),
    )
    assert values(one, "log_sampler") == [None, None, -1.0, -2.0], "compact log-probs stand where labels are"
    assert values(one, "log_p") == [None, None, -1.5, -2.5]
    assert (mask(one), one.group, one.prompt) == ([0, 0, 1, 1], "run_3", (5, 6))
    assert [row.place.rpartition("/")[2] for row in (one, two, three)] == [
        "run.jsonl:1, entry 0",
        "run.jsonl:1, entry 1",
        "run.jsonl:2, entry 0",
    ]
    assert opened(lines([{**TEXT, "ref_logprobs": []}])).roles == ("log_sampler",)


def test_pipeline_rl_training_data(lines: Written) -> None:
    entry = {**TEXT, "old_logprobs": [0, 0, -1.0, -2.0], "ref_logprobs": [0, 0, -1.5, -2.5]}
    dump = opened(lines([entry]))
    (row,) = dump.rows()
    assert dump.layout == "PipelineRL training data"
    assert (values(row, "log_sampler"), mask(row)) == ([0, 0, -1.0, -2.0], [0, 0, 1, 1])


def test_open_instruct(lines: Written) -> None:
    rollout = {
        "step": 2,
        "sample_idx": 0,
        "prompt_idx": 5,
        "prompt_tokens": [1, 2],
        "response_tokens": [3, 4],
        "logprobs": [-1.0, -2.0],
        "reward": 1.0,
    }
    dump = opened(lines(rollout))
    (row,) = dump.rows()
    assert (dump.layout, dump.entry, row.group) == ("open-instruct rollouts", "open-instruct:2", "2/5")
    assert row.prompt == (1, 2)
    assert "no mask" in dump.said


def node(parent: int | None, ids: list[int], where: list[bool], **log_probs: list[float]) -> dict[str, Any]:
    return {"parent": parent, "message": {"role": "x"}, "token_ids": ids, "mask": where, **log_probs}


def test_traces_are_walked_from_leaf_to_root(lines: Written) -> None:
    nodes = [
        node(None, [1, 2], [False, False]),
        node(0, [3, 4, 5], [False, True, True], logprobs=[-1.0, -2.0], reference_logprobs=[-1.5, -2.5]),
        node(1, [6], [False]),
        node(2, [7], [True], logprobs=[-3.0], reference_logprobs=[-3.5]),
        node(1, [8], [True], logprobs=[-4.0], reference_logprobs=[-4.5]),
    ]
    dump = opened(lines({"id": "e1", "traces": [{"task": {"key": "t9"}, "nodes": nodes}]}))
    one, two = dump.rows()
    assert (dump.layout, dump.entry, dump.roles) == ("verifiers traces", None, ("log_p", "log_sampler"))
    assert values(one, "log_sampler") == [None, None, None, -1.0, -2.0, None, -3.0]
    assert values(one, "log_p") == [None, None, None, -1.5, -2.5, None, -3.5]
    assert mask(one) == [0, 0, 0, 1, 1, 0, 1]
    assert values(two, "log_sampler") == [None, None, None, -1.0, -2.0, -4.0]
    assert (one.group, one.prompt) == ("t9", (1, 2, 3))
    (said,) = dump.notices
    assert said.startswith("2 sequences: shares sampled tokens with another branch")


def test_traces_with_faults(lines: Written) -> None:
    good = node(None, [1], [True], logprobs=[-1.0])
    cases = {
        "the parent 0": [node(0, [1], [True], logprobs=[-1.0])],
        "the parent 5": [good, node(5, [1], [True], logprobs=[-1.0])],
        "do not fit": [node(None, [1, 2, 3], [True, True, True], logprobs=[-1.0])],
        "mask of 1": [node(None, [1, 2], [True], logprobs=[-1.0])],
        "a node is no object": [good, 3],
    }
    for said, nodes in cases.items():
        with pytest.raises(SpecError, match=r"run\.jsonl:1") as raised:
            rows(lines({"traces": [{"nodes": nodes}]}))
        assert said in raised.value.message


def test_traces_of_relays_are_said(lines: Written) -> None:
    full = {"traces": [{"nodes": [node(None, [1], [True], logprobs=[-1.0])]}]}
    dump = opened(lines(full, {"traces": [{"nodes": [node(None, [], [])]}]}))
    assert len(list(dump.rows())) == 1
    assert "no tokens" in dump.notices[0]


def test_results_of_older_verifiers(lines: Written) -> None:
    tokens = {
        "prompt_ids": [1],
        "prompt_mask": [0],
        "completion_ids": [2, 3],
        "completion_mask": [1, 0],
        "completion_logprobs": [-1.0, -2.0],
    }
    dump = opened(lines({"example_id": 5, "trajectory": [{"tokens": tokens}, {"tokens": tokens}]}))
    one, two = dump.rows()
    assert (values(one, "log_sampler"), mask(one), one.group, one.prompt) == ([-1.0, -2.0], [1, 0], 5, (1,))
    assert two.place.endswith("run.jsonl:1, step 1")


class _Device:
    def __reduce__(self) -> tuple[Any, ...]:
        return torch.device, ("cpu",)


def skyrl(path: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Path:
    """A pickle as SkyRL's own classes make it, under their names."""
    module = types.ModuleType("skyrl.backends.skyrl_train.training_batch")
    batch = type("TrainingInputBatch", (), {"__module__": module.__name__, "__qualname__": "TrainingInputBatch"})

    def _rebuild_tensor_batch(*_: Any) -> None:
        raise AssertionError("SkyRL's code was run")

    _rebuild_tensor_batch.__module__, _rebuild_tensor_batch.__qualname__ = module.__name__, "_rebuild_tensor_batch"
    module.TrainingInputBatch, module._rebuild_tensor_batch = batch, _rebuild_tensor_batch  # type: ignore[attr-defined]
    for name in ("skyrl", "skyrl.backends", "skyrl.backends.skyrl_train"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def numbers(array: Any, dtype: str = "float32") -> dict[str, Any]:
        array = np.asarray(array, dtype)
        return {"format": "numpy", "data": array.tobytes(), "shape": array.shape, "dtype": str(array.dtype)}

    columns = {
        "sequences": numbers([[0, 0, 5, 6, 7], [0, 4, 5, 6, 7]], "int64"),
        "attention_mask": numbers([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]], "int64"),
        "action_log_probs": numbers([[0, -1, -2], [-3, -4, -5]]),
        "base_action_log_probs": numbers([[0, -1.5, -2.5], [-3, -4, -5]]),
        "rollout_logprobs": None,
        "response_mask": numbers([[0, 1, 1], [1, 1, 1]], "int64"),
        "loss_mask": numbers([[0, 1, 1], [1, 0, 1]]),
        "kl": numbers([[0, 0, 0], [0, 0, 0]]),
        "pixel_values": {"format": "tensor_list", "items": []},
        **more,
    }
    state = {"batch_dict": columns, "batch_size": 2, "device": _Device(), "metadata": {"global_step": 3}}

    class Dumped:
        def __reduce__(self) -> tuple[Any, ...]:
            return _rebuild_tensor_batch, (batch, state)

    (path / "global_step_3_training_input.pkl").write_bytes(pickle.dumps(Dumped()))
    for name in ("skyrl", "skyrl.backends", "skyrl.backends.skyrl_train", module.__name__):
        monkeypatch.delitem(sys.modules, name)
    return path / "global_step_3_training_input.pkl"


def test_skyrl_without_skyrl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = opened(skyrl(tmp_path, monkeypatch))
    one, two = dump.rows()
    assert (dump.layout, dump.entry, dump.roles) == ("SkyRL training batch", "skyrl:k3", ("log_q", "log_p"))
    assert (values(one, "log_q"), values(one, "log_p")) == ([0, -1, -2], [0, -1.5, -2.5])
    assert (mask(one), mask(two)) == ([0, 1, 1], [1, 0, 1]), "padded on the left: the mask alone tells"
    assert (one.prompt, two.prompt) == ((), (4,))


def test_skyrl_in_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    file = io.BytesIO()
    torch.save(torch.tensor([[-1.0, -2.0, -3.0]] * 2, dtype=torch.bfloat16), file)
    path = skyrl(tmp_path, monkeypatch, rollout_logprobs={"format": "torch", "data": file.getvalue()})
    assert values(rows(path)[0], "log_sampler") == [-1.0, -2.0, -3.0]


@pytest.mark.parametrize(
    "tensor",
    [
        {"format": "numpy", "data": b"abc", "shape": (2, 3), "dtype": "float32"},
        {"format": "numpy", "data": b"abc", "shape": (2, 3), "dtype": "object"},
        {"format": "numpy", "data": "abc", "shape": (2, 3), "dtype": "float32"},
        {"format": "torch", "data": b"abc"},
        3,
    ],
)
def test_skyrl_with_faults(tensor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"training_input\.pkl"):
        rows(skyrl(tmp_path, monkeypatch, rollout_logprobs=tensor))


EXPORTS = {
    "verl": ("old_log_probs", "ref_log_prob", "rollout_log_probs", "response_mask", "uid"),
    "TRL": ("old_per_token_logps", "ref_per_token_logps", "sampling_per_token_logps", "completion_mask", "prompt"),
    "OpenRLHF": ("action_log_probs", "base_action_log_probs", "rollout_log_probs", "action_mask", "index"),
    "AReaL": ("prox_logp", "ref_logp", "logprobs", "loss_mask", "task_id"),
    "ROLL": ("old_log_probs", "ref_log_probs", "infer_logprobs", "response_mask", "uid"),
    "NeMo-RL in memory": ("prev_logprobs", "reference_policy_logprobs", "log_sampler", "token_mask", "group"),
}


@pytest.mark.parametrize("names", EXPORTS.values(), ids=EXPORTS)
def test_names_of_frameworks_in_the_neutral_form(names: tuple[str, ...], lines: Written) -> None:
    q, p, sampler, counts, group = names
    record = {q: [-1.0, 0.0], p: [-2.0, 0.0], sampler: [-3.0, 0.0], counts: [1, 0], group: "g"}
    dump = opened(lines({**record, "advantages": [1.0, 1.0], "kl": [0.5, 0.5]}))
    (row,) = dump.rows()
    assert (dump.layout, dump.entry) == ("neutral", None)
    assert [values(row, role)[0] for role in ("log_q", "log_p", "log_sampler")] == [-1.0, -2.0, -3.0]
    assert (mask(row), row.group) == ([1, 0], "g")


def test_trl_masks_tools(lines: Written) -> None:
    record = {"per_token_logps": [-1.0] * 3, "ref_per_token_logps": [-2.0] * 3, "completion_mask": [1, 1, 0]}
    assert mask(rows(lines({**record, "tool_mask": [1, 0, 1]}))[0]) == [1, 0, 0]
    with pytest.raises(SpecError, match="tool_mask has 2 entries, the mask 3"):
        rows(lines({**record, "tool_mask": [1, 0]}))


def test_every_entry_is_in_the_catalogue() -> None:
    entries = {layout.entry for layout in layouts() if layout.entry}
    assert len(entries) >= 6
    for entry in entries:
        assert find(entry).name


def test_layouts_have_names_of_their_own_and_only_the_neutral_form_is_last() -> None:
    names = [layout.name for layout in layouts()]
    assert len(set(names)) == len(names)
    assert [layout.name for layout in layouts() if layout.last] == ["neutral"]
    assert names[-1] == "neutral"
    assert refusals()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"input": "a", "output": "b", "gts": "c", "score": 1.0, "step": 3}, "verl's texts"),
        ({"doc_id": 0, "resps": [["-1.23", "True"]], "filtered_resps": [["-1.23", "True"]]}, "lm-eval"),
        ({"step": 1, "prompt": "a", "completion": "b", "advantage": 0.5}, "TRL's table"),
        ({"seqlen": 10, "reward": 1.0, "prompt_len": 4}, "AReaL's texts"),
        ({"choices": [{"message": {"content": "4"}}]}, "not asked for log-probabilities"),
    ],
)
def test_files_without_log_probs_are_refused_by_name(record: dict[str, Any], said: str, lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1") as raised:
        opened(lines(record))
    assert said in raised.value.message
    assert raised.value.help
