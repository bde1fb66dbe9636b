"""Responses of engines: OpenAI's two kinds, vLLM's, SGLang's, llama-server's. A second file scores the same tokens.

The first file's tokens were drawn by the engine. The second has the same ones, generated again or scored as a prompt;
they are matched by their ids, else by their texts, and never by their number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.layout import Layout, Opening, Together
from klbench.dumps.layouts.response_tokens import Response, Tokens, is_response, responses
from klbench.dumps.row import Role, Row
from klbench.dumps.shapes import fitted
from klbench.errors import SpecError


def _roles(record: Record, columns: Columns) -> tuple[Role, ...]:
    if columns:
        help = ["its columns are found by the layout; write the neutral form for others"]
        raise SpecError(f"{record.place}: no column can be named in a file of responses", help=help)
    return ("log_sampler",)


def _rows(record: Record, opening: Opening) -> Iterator[Row]:
    for response in responses(record):
        yield _row(response, {"log_sampler": response.generated.log_probs}, opening)


def _row(response: Response, log_probs: Mapping[Role, list[float | None]], opening: Opening) -> Row:
    named = {role: ("the log-probabilities", values) for role, values in log_probs.items()}
    fitting, _ = fitted(response.place, named, None, opening.notices)
    return Row(response.place, fitting, None, response.group, response.prompt, response.generated.texts)


def _side_by_side(files: tuple[Iterator[Record], ...], opening: Opening) -> Iterator[Row]:
    drawn, scored = files
    for one, other in zip_longest(_all(drawn), _all(scored)):
        if one is None or other is None:
            there, which = (one, "second") if other is None else (other, "first")
            help = ["the same responses in the same order in both files"]
            raise SpecError(f"{there.place if there else ''}: the {which} file has no response for it", help=help)
        log_probs: dict[Role, list[float | None]] = {
            "log_p": _same_tokens(one, other),
            "log_sampler": one.generated.log_probs,
        }
        yield _row(one, log_probs, opening)


def _all(records: Iterable[Record]) -> Iterator[Response]:
    for record in records:
        yield from responses(record)


def _same_tokens(one: Response, other: Response) -> list[float | None]:
    """The second file's log-probabilities of the first one's tokens.

    Raises:
        SpecError: it has other tokens.
    """
    drawn = one.generated
    length = len(drawn.log_probs)
    candidates = [other.generated, *_ends(other.scored, length)]
    for candidate in candidates:
        if len(candidate.log_probs) == length and drawn.differs_at(candidate) is None:
            return candidate.log_probs
    nearest = max(candidates, key=lambda each: length if (at := drawn.differs_at(each)) is None else at)
    at = drawn.differs_at(nearest)
    said = f"{one.place}: {length:,} tokens were drawn, and {other.place} scores others"
    if at is not None and at < min(length, len(nearest.log_probs)):
        said += f": token {at} is {drawn.shown(at)} and there {nearest.shown(at)}"
    else:
        said += f": {len(nearest.log_probs):,} of them"
    help = [
        "the second file scores the first one's tokens: as a prompt (prompt_logprobs, echo, input_token_logprobs), or "
        "generated again token by token",
        "engines give token ids with return_token_ids or return_tokens_as_token_ids; texts alone may be alike",
    ]
    raise SpecError(said, help=help)


def _ends(scored: Tokens | None, length: int) -> Iterator[Tokens]:
    """The last tokens of a scored prompt, and those before them where one was generated after it."""
    if scored is not None and len(scored.log_probs) >= length:
        yield scored.part(len(scored.log_probs) - length, len(scored.log_probs))
        if len(scored.log_probs) > length:
            yield scored.part(len(scored.log_probs) - length - 1, len(scored.log_probs) - 1)


def _said(paths: tuple[Path, ...]) -> str:
    return (
        f"responses of engines: {paths[0]} has the tokens and is the sampler, {paths[1]} scores the same tokens and is "
        f"p; a KL between two temperatures, or with top-p cut off, is one of the settings and not of the models"
    )


LAYOUT = Layout(
    "responses",
    lambda _, __: (
        "responses of an engine: its log-probabilities are the sampler's; at a temperature other than 1 the file does "
        "not tell whether they are before or after it"
    ),
    is_response,
    _roles,
    _rows,
    together=Together(2, 1, ("log_p", "log_sampler"), _said, _side_by_side),
)
