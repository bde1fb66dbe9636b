"""The tokens of a response, and of a prompt that was scored, in each way that engines write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from klbench.dumps.containers.container import Record
from klbench.errors import SpecError

_ID = "token_id:"
"""How vLLM writes tokens with return_tokens_as_token_ids."""


@dataclass(frozen=True)
class Tokens:
    """Tokens with their log-probabilities; texts and ids where they are there."""

    log_probs: list[float | None]
    texts: list[str] | None = None
    ids: list[int] | None = None

    def part(self, start: int, stop: int) -> Tokens:
        """Some of them."""
        return Tokens(
            self.log_probs[start:stop], self.texts and self.texts[start:stop], self.ids and self.ids[start:stop]
        )

    def differs_at(self, other: Tokens) -> int | None:
        """The first token that is another, or missing; None where all are the same. 0 where nothing tells."""
        if self.ids is not None and other.ids is not None:
            return _differ(self.ids, other.ids)
        if self.texts is not None and other.texts is not None:
            return _differ(self.texts, other.texts)
        return 0

    def shown(self, at: int) -> str:
        """A token for a message."""
        if self.texts is not None:
            return repr(self.texts[at])
        return f"id {self.ids[at]}" if self.ids is not None else "unknown"


@dataclass(frozen=True)
class Response:
    """One response: the tokens that were generated, and the prompt's where it was scored."""

    place: str
    generated: Tokens
    scored: Tokens | None
    prompt: tuple[int, ...] | None
    group: str | int | None


def is_response(record: Record) -> bool:
    """Whether a record is the response of an engine."""
    body = _body(record.value)
    if body is None:
        return False
    if "meta_info" in body:
        return "output_token_logprobs" in body["meta_info"] or "input_token_logprobs" in body["meta_info"]
    return "completion_probabilities" in body or any(
        isinstance(choice, Mapping) and ("logprobs" in choice or "prompt_logprobs" in choice)
        for choice in body.get("choices", [])
    )


def responses(record: Record) -> Iterator[Response]:
    """The responses of a record: a choice each.

    Raises:
        SpecError: it is another kind of record, or its log-probabilities cannot be read.
    """
    body = _body(record.value)
    if body is None:
        help = ["a response of an engine a line, all of one kind"]
        raise SpecError(f"{record.place}: this is no response with log-probabilities", help=help)
    named = (record.value.get(name) for name in ("group", "prompt_id"))
    group = next((value for value in named if isinstance(value, str | int)), None)
    if "meta_info" in body:
        yield _sglang(record.place, body["meta_info"], group)
    elif "completion_probabilities" in body:
        yield Response(record.place, _llama_server(record.place, body["completion_probabilities"]), None, None, group)
    else:
        choices = body.get("choices") or []
        for at, choice in enumerate(choices):
            place = record.place if len(choices) == 1 else f"{record.place}, choice {at}"
            yield _choice(place, body, choice, group)


def _body(value: Any) -> Mapping[str, Any] | None:
    """The response itself, in what a client or a batch wraps around it."""
    for _ in range(3):
        if not isinstance(value, Mapping):
            return None
        if isinstance(value.get("meta_info"), Mapping) or isinstance(value.get("choices"), list):
            return value
        if isinstance(value.get("completion_probabilities"), list):
            return value
        value = value.get("response", value.get("body"))
    return None


def _choice(place: str, body: Mapping[str, Any], choice: Any, group: str | int | None) -> Response:
    if not isinstance(choice, Mapping):
        raise SpecError(f"{place}: the choice is no object")
    said = choice.get("logprobs")
    prompt = _ids(choice.get("prompt_token_ids") or body.get("prompt_token_ids"))
    if isinstance(said, Mapping) and isinstance(said.get("content"), list):
        generated = _chat(place, said["content"])
    elif isinstance(said, Mapping) and isinstance(said.get("token_logprobs"), list):
        generated = _completion(place, said)
    elif said is None:
        generated = Tokens([], [], [])
    else:
        raise _unreadable(place, "logprobs")
    ids = _ids(choice.get("token_ids"))
    if ids is not None and len(ids) == len(generated.log_probs):
        generated = Tokens(generated.log_probs, generated.texts, list(ids))
    scored = _prompt_logprobs(place, choice.get("prompt_logprobs") or body.get("prompt_logprobs"), prompt)
    if scored is None and isinstance(said, Mapping) and "token_logprobs" in said:
        scored = generated  # with echo the prompt stands before what was generated
    return Response(place, generated, scored, prompt, group)


def _chat(place: str, content: Sequence[Any]) -> Tokens:
    if not all(isinstance(each, Mapping) and "logprob" in each for each in content):
        raise _unreadable(place, "logprobs.content")
    if any("token" not in each and each.get("top_logprobs") for each in content):
        help = ["ask for logprobs without top_logprobs: then the entry is the sampled token's"]
        raise SpecError(f"{place}: mlx-lm with top_logprobs writes another token's log-probability", help=help)
    texts = [each.get("token") for each in content]
    ids = [each.get("id", _id(each.get("token"))) for each in content]
    return Tokens([each["logprob"] for each in content], _texts(texts), _all_ids(ids))


def _completion(place: str, said: Mapping[str, Any]) -> Tokens:
    log_probs, texts = said["token_logprobs"], said.get("tokens")
    if texts is not None and (not isinstance(texts, list) or len(texts) != len(log_probs)):
        number = len(texts) if isinstance(texts, list) else 0
        raise SpecError(f"{place}: tokens has {number:,} entries, token_logprobs {len(log_probs):,}")
    return Tokens(log_probs, _texts(texts or [None]), _all_ids([_id(text) for text in texts or [None]]))


def _prompt_logprobs(place: str, entries: Any, prompt: tuple[int, ...] | None) -> Tokens | None:
    """vLLM's: for each token of the prompt its log-probability among those of others, by its id."""
    if entries is None:
        return None
    if prompt is None or len(prompt) != len(entries):
        help = ["ask for them with return_token_ids: prompt_logprobs alone does not tell which token stood there"]
        raise SpecError(f"{place}: prompt_logprobs needs prompt_token_ids of the same length", help=help)
    log_probs: list[float | None] = []
    for at, (token, entry) in enumerate(zip(prompt, entries, strict=True)):
        found = entry.get(str(token)) if isinstance(entry, Mapping) else None
        if entry is not None and not isinstance(found, Mapping):
            raise SpecError(f"{place}: prompt_logprobs has no entry for token {token} at {at}")
        log_probs.append(None if found is None else found.get("logprob"))
    return Tokens(log_probs, None, list(prompt))


def _sglang(place: str, about: Mapping[str, Any], group: str | int | None) -> Response:
    generated = _triples(place, "output_token_logprobs", about.get("output_token_logprobs") or [])
    scored = _triples(place, "input_token_logprobs", about.get("input_token_logprobs") or [])
    return Response(place, generated, scored if scored.log_probs else None, None, group)


def _triples(place: str, name: str, entries: Any) -> Tokens:
    """SGLang's: log-probability, id, text or null."""
    if not isinstance(entries, list) or not all(isinstance(each, list) and len(each) >= 2 for each in entries):
        raise _unreadable(place, name)
    texts = [each[2] if len(each) > 2 else None for each in entries]
    return Tokens([each[0] for each in entries], _texts(texts), _all_ids([each[1] for each in entries]))


def _llama_server(place: str, entries: Sequence[Any]) -> Tokens:
    if any(isinstance(each, Mapping) and ("prob" in each or "probs" in each) for each in entries):
        help = ["ask without post_sampling_probs"]
        raise SpecError(f"{place}: these are probabilities after sampling, not log-probabilities", help=help)
    return _chat(place, entries)


def _unreadable(place: str, name: str) -> SpecError:
    return SpecError(f"{place}: {name} is not as the engines write it", help=["see: klbench explain data"])


def _id(text: Any) -> int | None:
    number = text.removeprefix(_ID) if isinstance(text, str) and text.startswith(_ID) else ""
    return int(number) if number.isdigit() and len(number) < 19 else None


def _ids(value: Any) -> tuple[int, ...] | None:
    return tuple(value) if isinstance(value, list) and all(type(each) is int for each in value) else None


def _all_ids(ids: Sequence[Any]) -> list[int] | None:
    return [int(each) for each in ids] if all(type(each) is int for each in ids) else None


def _texts(texts: Sequence[Any]) -> list[str] | None:
    return [str(each) for each in texts] if all(isinstance(each, str) for each in texts) else None


def _differ(one: Sequence[object], other: Sequence[object]) -> int | None:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return None if len(one) == len(other) else min(len(one), len(other))
