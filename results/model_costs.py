"""What estimators of a pair of checkpoints cost: core-seconds for 1,000 tokens, each part timed by itself.

The parts are klbench's own, called in its order: a forward pass for each token drawn; teacher-forced passes of the
other models; log_softmax of every row of logits; and then each estimator by itself, from rows of log-probabilities that
are there. Of k1 and its relatives that is to look up the drawn token in the rows, and the formula. Time is that of the
processor, on one thread, so that what else a machine does counts little.
"""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from klbench.estimators.catalogue import find
from klbench.estimators.term import LogProbs
from klbench.models.drawing import Cast, pick
from klbench.models.reading import Reader
from klbench.problems.build import build_pair
from klbench.problems.checkpoints import Checkpoints
from klbench.runner import one_torch_thread
from klbench.spec.model import Spec

COLUMNS = ("part", "tokens", "rounds", "core_seconds", "core_seconds_mcse")
DRAW, SCORE, NORMALISE = "draw", "score", "normalise"
BATCH, ROUNDS = 16, 5
"""Sequences of a round, and how many rounds are timed after one that is not."""

Given, Made = ParamSpec("Given"), TypeVar("Made")
Rows = Mapping[str, Tensor]
"""Log-probabilities of every token [B, V], by role."""


@dataclass
class Clock:
    """Core-seconds by part."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def time(self, part: str, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """What a function makes, whose time is added to a part."""
        start = time.process_time()
        made = function(*args, **kwargs)
        self.seconds[part] += time.process_time() - start
        return made


def measure(spec: Spec) -> str:
    """The text of costs.csv, for the one pair of a spec."""
    (case,) = spec.cases()
    problem = build_pair(case, "cpu", spec.estimators)
    assert isinstance(problem, Checkpoints)
    with one_torch_thread():
        rounds = [_round(problem, spec.estimators, number) for number in range(ROUNDS + 1)][1:]
    tokens = BATCH * problem.tokens
    return _text(rounds, tokens)


def _round(problem: Checkpoints, estimators: Sequence[str], number: int) -> Mapping[str, float]:
    """The core-seconds of each part of one batch. A sequence that ends is drawn on, so that all rounds are as long."""
    clock, cast = Clock(), problem.cast
    prompts = [list(problem.prompts[at % len(problem.prompts)]) for at in range(BATCH)]
    tokens, logits = _drawn(clock, cast, prompts, problem.tokens, torch.Generator().manual_seed(number))
    by_model = {cast.drawing.loaded: logits}
    for member in cast.members.values():
        if member.loaded not in by_model:
            reader = Reader(member.loaded, prompts)
            by_model[member.loaded] = clock.time(SCORE, reader.read, tokens[:, :-1], problem.tokens)
    for step in range(problem.tokens):
        rows = {
            role: clock.time(NORMALISE, member.policy.log_probs, by_model[member.loaded][:, step])
            for role, member in cast.members.items()
        }
        for name in estimators:
            clock.time(name, _estimated, name, rows, tokens[:, step, None])
    return clock.seconds


def _drawn(
    clock: Clock, cast: Cast, prompts: list[list[int]], steps: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Tokens [B, T] and the logits they were drawn from [B, T, V]."""
    reader, policy = Reader(cast.drawing.loaded, prompts), cast.drawing.policy
    tokens, kept = torch.zeros(len(prompts), 0, dtype=torch.int64), []
    for _ in range(steps):
        kept.append(clock.time(DRAW, reader.read, tokens[:, -1:], 1)[:, 0])
        log_probs = clock.time(DRAW, policy.log_probs, kept[-1])
        uniforms = torch.rand(len(prompts), dtype=torch.float64, generator=generator)
        tokens = torch.cat([tokens, clock.time(DRAW, pick, log_probs, uniforms)[:, None]], 1)
    return tokens, torch.stack(kept, 1)


def _estimated(name: str, rows: Rows, tokens: Tensor) -> Tensor:
    """An estimator at tokens [B, 1], from the rows."""
    estimator = find(name)
    if estimator.whole is not None:
        return estimator.whole.values(rows["log_q"], rows["log_p"]).gather(1, tokens)
    return estimator.term.values(_log_probs(rows, tokens))


def _log_probs(rows: Rows, tokens: Tensor) -> LogProbs:
    log_q, log_p = (rows[role].gather(1, tokens)[:, 0] for role in ("log_q", "log_p"))
    log_sampler = rows["log_sampler"].gather(1, tokens)[:, 0] if "log_sampler" in rows else None
    log_weight = None if log_sampler is None else log_q - log_sampler
    three = log_q, log_p, log_q if log_sampler is None else log_sampler
    return LogProbs(log_p - log_q, log_weight, absolute=lambda: three)


def _text(rounds: Sequence[Mapping[str, float]], tokens: int) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in dict.fromkeys([DRAW, SCORE, NORMALISE, *rounds[0]]):
        seconds = [each.get(part, 0.0) * 1000 / tokens for each in rounds]
        error = statistics.stdev(seconds) / sqrt(len(seconds))
        writer.writerow([part, tokens, len(rounds), f"{statistics.mean(seconds):.4g}", f"{error:.2g}"])
    return written.getvalue()
