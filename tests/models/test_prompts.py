"""Prompts of a file: a text a line, .jsonl through the chat template; what is wrong with one is said with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.errors import SpecError
from klbench.models.loading import tokenizer_of, tokens_of
from klbench.models.policy import policy_of
from klbench.models.prompts import Prompt, Prompted
from klbench.spec.expression import parse
from tests.models import tiny
from tests.models.conftest import Bench

Write = Callable[[str, str], str]
ROWS = (
    {"messages": [{"role": "user", "content": "w1"}, {"role": "user", "content": "w2"}]},
    {"prompt": "w3 w4"},
    {"prompt": [{"role": "user", "content": "w5"}], "id": 7},
    {"text": "w6 w7"},
)


def ids(text: str) -> list[int]:
    return [tiny.WORDS.index(word) for word in text.split()]


def prompts_in(bench: Bench, name: str) -> tuple[Prompt, ...]:
    return tuple(Prompted(name, str(bench.folder), 8).prompts())


def test_a_line_is_a_prompt(bench: Bench, written: Write) -> None:
    name = written("lines.txt", "\ufeffw1 w2\r\nw3\n\n\n")
    assert prompts_in(bench, name) == (Prompt("w1 w2"), Prompt("w3"))


def test_messages_go_through_the_chat_template(bench: Bench, written: Write) -> None:
    name = written("rows.jsonl", "\n".join(map(json.dumps, ROWS)))
    problem = bench.problem('Model("q")', 'Model("p")', prompts=name)
    assert problem.prompts == [
        ids("<user> w1 <user> w2 <answer>"),
        ids("<user> w3 w4 <answer>"),
        ids("<user> w5 <answer>"),
        ids("w6 w7"),
    ]


def test_without_a_chat_template_messages_are_refused(bench: Bench, written: Write) -> None:
    tiny.write(bench.folder / "bare", tiny.gpt2(1), template=None)
    name = written("rows.jsonl", json.dumps(ROWS[0]))
    with pytest.raises(SpecError, match="the tokenizer of bare has no chat template for messages"):
        _ = bench.problem('Model("bare")', 'Model("bare")', prompts=name).prompts


def test_a_template_that_refuses_is_told(bench: Bench, written: Write) -> None:
    template = "{{ raise_exception('no system here') }}"
    tiny.write(bench.folder / "strict", tiny.gpt2(1), template=template)
    name = written("rows.jsonl", json.dumps(ROWS[0]))
    with pytest.raises(SpecError, match="prompt 1: the chat template of strict refuses it: no system here"):
        _ = bench.problem('Model("strict")', 'Model("strict")', prompts=name).prompts


BAD = {
    "empty.txt": ("", "empty.txt is empty"),
    "blank.txt": (" \n\n", "blank.txt is empty"),
    "gap.txt": ("w1\n\nw2\n", "gap.txt:2 is empty"),
    "torn.jsonl": ('{"prompt": "w1"}\n{"prompt": ', "torn.jsonl:2 is no JSON"),
    "list.jsonl": ("[1]", "list.jsonl:1 is no mapping"),
    "other.jsonl": ('{"question": "w1"}', "other.jsonl:1 has none of these keys"),
    "both.jsonl": ('{"prompt": "w1", "text": "w2"}', "both.jsonl:1 has prompt and text"),
    "number.jsonl": ('{"prompt": 3}', "number.jsonl:1: prompt is not what a prompt has there"),
    "none.jsonl": ('{"messages": []}', "none.jsonl:1: messages is not what a prompt has there"),
    "role.jsonl": ('{"messages": [{"content": "w1"}]}', "role.jsonl:1: messages is not what a prompt has there"),
    "tool.jsonl": (
        '{"messages": [{"role": "user", "content": ["w1"]}]}',
        "tool.jsonl:1: messages is not what a prompt has there",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_prompt_is_refused_with_its_place(bench: Bench, written: Write, name: str) -> None:
    text, said = BAD[name]
    written(name, text)
    with pytest.raises(SpecError) as refused:
        bench.spec('Model("q")', 'Model("p")', prompts=name)
    assert said in refused.value.message
    assert refused.value.location is not None
    assert refused.value.location.line == 1
    assert name in refused.value.location.text[refused.value.location.column - 1 :]


def test_files_that_cannot_be_read_are_refused(bench: Bench) -> None:
    (bench.folder / "latin.txt").write_bytes(b"w1\nw\xe9\n")
    said = {
        "latin.txt": "latin.txt is not UTF-8: byte 5 is 0xe9",
        "nowhere.txt": "there is no file 'nowhere.txt'",
        "q": "'q' is a folder",
    }
    for name, message in said.items():
        with pytest.raises(SpecError) as refused:
            bench.spec('Model("q")', 'Model("p")', prompts=name)
        assert message in refused.value.message


def test_a_prompt_without_a_token_is_refused(bench: Bench) -> None:
    tokenizer = tokenizer_of(policy_of(parse(f'Model("{bench.folder / "q"}")')).checkpoint)
    with pytest.raises(SpecError, match="prompt 2 has no token"):
        tokens_of((Prompt("w1"), Prompt(" ")), tokenizer, "q")


def test_a_prompt_that_leaves_no_room_is_refused(bench: Bench) -> None:
    with pytest.raises(SpecError, match="q reads 64 tokens, and the longest prompt has 5") as refused:
        _ = bench.problem('Model("q")', 'Model("p")', length=60).prompts
    assert refused.value.help == ("length: 59, or shorter prompts",)
    assert bench.problem('Model("q")', 'Model("p")', length=59).prompts


def test_a_digest_knows_the_content(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    digests = []
    for text in ("w1", "w2"):
        file.write_text(text, encoding="utf-8")
        digests.append(Prompted("prompts.txt", str(tmp_path), 4).digest())
    assert digests[0] != digests[1]
