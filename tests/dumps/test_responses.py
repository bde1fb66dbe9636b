"""Responses of engines, alone and with a second file that scores the same tokens."""

from __future__ import annotations

from typing import Any

import pytest

from klbench.dumps.clean import clean
from klbench.dumps.read import ensure_two_roles
from klbench.errors import SpecError
from tests.dumps.conftest import Written, opened, rows, values

TEXTS = ["The", " sky"]
DRAWN, SCORED = [-1.0, -2.0], [-1.5, -2.5]


def chat(log_probs: list[Any], texts: list[str] = TEXTS, **more: Any) -> dict[str, Any]:
    content = [
        {"token": text, "logprob": log_prob, "bytes": None, "top_logprobs": []}
        for text, log_prob in zip(texts, log_probs, strict=True)
    ]
    return {"id": "x", "choices": [{"index": 0, "logprobs": {"content": content}, **more}]}


def completion(log_probs: list[Any], texts: list[str] = TEXTS, **more: Any) -> dict[str, Any]:
    said = {"tokens": texts, "token_logprobs": log_probs, "top_logprobs": None, "text_offset": []}
    return {"choices": [{"index": 0, "logprobs": said, **more}]}


def sglang(output: list[Any], prompt: list[Any] | None = None) -> dict[str, Any]:
    return {"text": "", "meta_info": {"output_token_logprobs": output, "input_token_logprobs": prompt or []}}


SINGLE = {
    "OpenAI chat": chat(DRAWN),
    "OpenAI completions": completion(DRAWN),
    "wrapped by a batch": {"custom_id": "1", "response": {"status_code": 200, "body": chat(DRAWN)}},
    "SGLang": sglang([[-1.0, 5, "The"], [-2.0, 6, " sky"]]),
    "llama-server": {
        "completion_probabilities": [
            {"id": 5, "token": "The", "logprob": -1.0, "top_logprobs": []},
            {"id": 6, "token": " sky", "logprob": -2.0, "top_logprobs": []},
        ]
    },
}


@pytest.mark.parametrize("record", SINGLE.values(), ids=SINGLE)
def test_one_file_is_the_samplers(record: dict[str, Any], lines: Written) -> None:
    dump = opened(lines(record))
    (row,) = dump.rows()
    assert (dump.layout, dump.roles, dump.entry) == ("responses", ("log_sampler",), None)
    assert values(row, "log_sampler") == DRAWN
    assert row.texts == TEXTS
    with pytest.raises(SpecError, match="only log_sampler"):
        ensure_two_roles(dump)


PAIRS = {
    "generated again": (chat(DRAWN), chat(SCORED)),
    "another engine, by its texts": (chat(DRAWN), completion(SCORED)),
    "echo": (completion(DRAWN), completion([None, -9.0, *SCORED], ["Why", "?", *TEXTS])),
    "echo and one token more": (completion(DRAWN), completion([None, *SCORED, -7.0], ["Why", *TEXTS, " is"])),
    "vLLM's prompt_logprobs": (
        chat(DRAWN, token_ids=[5, 6]),
        {
            "choices": [{"logprobs": None}],
            "prompt_token_ids": [1, 5, 6],
            "prompt_logprobs": [
                None,
                {"9": {"logprob": -0.1, "rank": 1}, "5": {"logprob": -1.5, "rank": 2}},
                {"6": {"logprob": -2.5, "rank": 1}},
            ],
        },
    ),
    "vLLM's tokens as ids": (chat(DRAWN, ["token_id:5", "token_id:6"]), chat(SCORED, token_ids=[5, 6])),
    "SGLang's prefill": (
        sglang([[-1.0, 5, None], [-2.0, 6, None]]),
        sglang([[-0.5, 9, None]], [[None, 1, None], [-1.5, 5, None], [-2.5, 6, None]]),
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_second_file_scores_the_same_tokens(pair: tuple[dict[str, Any], ...], lines: Written) -> None:
    dump = opened(lines(pair[0], name="drawn.jsonl"), lines(pair[1], name="scored.jsonl"))
    (row,) = dump.rows()
    assert dump.roles == ("log_p", "log_sampler")
    assert "drawn.jsonl has the tokens and is the sampler" in dump.said
    assert (values(row, "log_sampler"), values(row, "log_p")) == (DRAWN, SCORED)


def test_other_tokens_are_an_error(lines: Written) -> None:
    one = lines(chat(DRAWN), name="drawn.jsonl")
    for other in (chat(SCORED, ["The", " sea"]), chat([*SCORED, -1.0], ["A", " b", "c"]), chat([-1.0], ["The"])):
        with pytest.raises(SpecError, match=r"drawn\.jsonl:1: 2 tokens were drawn"):
            rows(one, lines(other, name="scored.jsonl"))
    with pytest.raises(SpecError, match="token 1 is ' sky' and there ' sea'"):
        rows(one, lines(chat(SCORED, ["The", " sea"]), name="scored.jsonl"))
    ids = sglang([[-1.0, 5, None], [-2.0, 6, None]])
    with pytest.raises(SpecError, match="2 tokens were drawn"):
        rows(lines(ids, name="drawn.jsonl"), lines(chat(SCORED), name="scored.jsonl"))


def test_files_with_other_numbers_of_responses(lines: Written) -> None:
    one, two = lines(chat(DRAWN), name="1.jsonl"), lines(chat(DRAWN), chat(DRAWN), name="2.jsonl")
    with pytest.raises(SpecError, match="the second file has no response"):
        rows(two, one)
    with pytest.raises(SpecError, match="the first file has no response"):
        rows(one, two)
    with pytest.raises(SpecError, match="at most 2 files"):
        opened(one, one, one)


def test_the_engines_filler_is_no_log_probability(lines: Written) -> None:
    (row,) = rows(lines(chat([-1.0, -9999.0])))
    with pytest.raises(SpecError, match=r"run\.jsonl:1: log_sampler is -9999 at token 1"):
        clean(row)


def test_choices_are_sequences(lines: Written) -> None:
    record = chat(DRAWN)
    record["choices"] *= 2
    assert [row.place[-9:] for row in rows(lines({**record, "prompt_token_ids": [1, 2]}))] == [" choice 0", " choice 1"]
    assert rows(lines({**record, "prompt_token_ids": [1, 2]}))[0].prompt == (1, 2)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"choices": [{"logprobs": {"content": [{"id": 3, "logprob": -1.0, "top_logprobs": [{}]}]}}]}, "mlx-lm"),
        ({"completion_probabilities": [{"token": "a", "prob": 0.5}]}, "probabilities after sampling"),
        ({"choices": [{"logprobs": {"content": [{"token": "a"}]}}]}, "not as the engines write it"),
        ({"choices": [{"logprobs": {"content": [{"token": "a", "logprob": "-1"}]}}]}, "the text '-1'"),
        ({"choices": [{"logprobs": [1]}]}, "not as the engines write it"),
        ({"choices": [{"logprobs": None, "prompt_logprobs": [None]}]}, "needs prompt_token_ids"),
        (
            {"choices": [{"logprobs": None, "prompt_logprobs": [{"1": {}}], "prompt_token_ids": [2]}]},
            "no entry for token 2",
        ),
        ({"meta_info": {"output_token_logprobs": [3]}}, "not as the engines write it"),
        ({"choices": [{"logprobs": {"tokens": [], "token_logprobs": [-1.0]}}]}, "0 entries"),
    ],
)
def test_with_faults(record: dict[str, Any], said: str, lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1") as raised:
        rows(lines(record))
    assert said in str(raised.value)


def test_mlx_without_top_log_probs_is_read(lines: Written) -> None:
    content = [{"id": 3, "logprob": -1.0}, {"id": 4, "logprob": -2.0}]
    assert values(rows(lines({"choices": [{"logprobs": {"content": content}}]}))[0], "log_sampler") == DRAWN


def test_no_column_can_be_named(lines: Written) -> None:
    with pytest.raises(SpecError, match="no column can be named"):
        opened(lines(chat(DRAWN)), log_q="logprobs")
