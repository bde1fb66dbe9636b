"""One sequence of a dump, as any layout gives it: log-probabilities of tokens, side by side, with what counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["log_q", "log_p", "log_sampler"]
ROLES: tuple[Role, ...] = ("log_q", "log_p", "log_sampler")
"""Whose log-probabilities a column has: the policy's, the reference's, those of the engine that drew the tokens."""


@dataclass(frozen=True)
class Row:
    """One sequence. All lists have one entry for each of its tokens, padding and masked tokens too.

    Args:
        place: where it is: ``run.jsonl:12`` (lines from 1), ``run.npz, row 3`` (rows from 0).
        log_probs: by role, nats; what the file has as null is None or NaN.
        mask: 1 or True where a token counts; None where every token does.
        group: what it shares its error with, such as the answers to one prompt; None where the file does not say.
        prompt: the token ids of its prompt, which tell the group where there is no other.
        texts: each token's text, where the file has it.
        known: exact numbers of each token that the file has whole distributions for, by an estimator's name: ``full``.
    """

    place: str
    log_probs: Mapping[Role, Sequence[float | None]]
    mask: Sequence[float | None] | None = None
    group: str | int | None = None
    prompt: tuple[int, ...] | None = None
    texts: Sequence[str] | None = None
    known: Mapping[str, Sequence[float]] = field(default_factory=dict)
