"""Drawing sequences from a checkpoint, and scoring them by all checkpoints of a pair with whole distributions.

The model that draws reads token by token; a member of the pair that is the same model is scored from the same forward
pass. Every other model reads what was drawn behind it, a stretch of tokens at a time, so that the rows [B, tokens, V]
of all models fit memory together; where all tokens are one stretch it is a single teacher-forced pass. Nothing of a row
is kept but the drawn token's log-probabilities and what is known of whole distributions there.

How much a row depends on what else is in the batch is the kernels' doing: see ``klbench.problems.checkpoints``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from klbench.errors import RunError
from klbench.estimators.term import OfRows
from klbench.models.loading import Loaded
from klbench.models.policy import Policy
from klbench.models.reading import Reader

STRETCH_NUMBERS = 2**26
"""Logits that are kept of one model until the others have read as far: 256 MiB in float32."""


@dataclass(frozen=True)
class Member:
    """One member of a pair: what is asked of its checkpoint, and the model."""

    policy: Policy
    loaded: Loaded


@dataclass(frozen=True)
class Cast:
    """Who draws, and who scores.

    Args:
        q, p: the pair.
        sampler: who draws, where that is not q.
        ends: the tokens that end a sequence.
        wanted: the functions of whole distributions that are wanted at every token.
    """

    q: Member
    p: Member
    sampler: Member | None
    ends: frozenset[int]
    wanted: tuple[OfRows, ...]

    @property
    def drawing(self) -> Member:
        """Who draws."""
        return self.sampler or self.q

    @property
    def members(self) -> Mapping[str, Member]:
        """By role: whose log-probabilities are wanted."""
        own = {} if self.sampler is None else {"log_sampler": self.sampler}
        return {"log_q": self.q, "log_p": self.p, **own}


@dataclass(frozen=True)
class Drawn:
    """B sequences with N tokens, one after another; everything is on the CPU.

    Args:
        tokens: [N].
        log_probs: by role [N], nats, float64.
        known: of each wanted function of whole distributions [N].
        lengths: how many tokens each has [B].
    """

    tokens: Tensor
    log_probs: Mapping[str, Tensor]
    known: tuple[Tensor, ...]
    lengths: Tensor


def draw(cast: Cast, prompts: list[list[int]], uniforms: Tensor) -> Drawn:
    """Draw a sequence after each prompt and score it.

    Args:
        cast: the models.
        prompts: tokens, B of them.
        uniforms: a number in (0, 1) for each token that may be drawn [B, T], which decides it.

    Raises:
        RunError: a model gives no probabilities.
    """
    steps = uniforms.shape[1]
    leader = _Leader(cast, prompts, uniforms)
    others = {each.loaded: Reader(each.loaded, prompts) for each in cast.members.values()}
    others.pop(cast.drawing.loaded, None)
    stretch = _stretch(len(prompts), cast.drawing.loaded.vocabulary, steps) if others else 1
    scored = _Scored(cast)
    while leader.step < steps and leader.alive.any():
        first, kept = leader.step, []
        while leader.step < min(first + stretch, steps) and leader.alive.any():
            kept.append(leader.go_on())
        rows = {cast.drawing.loaded: torch.stack(kept, 1)}
        # of the token before the stretch's first the logits are still to come; before it is the prompt
        behind = leader.tokens[:, max(first - 1, 0) : leader.step - 1]
        rows |= {loaded: reader.read(behind, len(kept)) for loaded, reader in others.items()}
        for at in range(len(kept)):
            scored.add(leader, first + at, {loaded: row[:, at] for loaded, row in rows.items()})
    return scored.together(leader)


def _stretch(batch: int, vocabulary: int, steps: int) -> int:
    return max(1, min(steps, STRETCH_NUMBERS // (batch * vocabulary)))


class _Leader:
    """Draws a token of every sequence at a time.

    Attributes:
        tokens: those that are drawn [B, T]; fillers after a sequence's end.
        counts: whether each of them counts [B, T].
        alive: which sequences have not ended [B].
        step: how many tokens are drawn.
    """

    def __init__(self, cast: Cast, prompts: list[list[int]], uniforms: Tensor) -> None:
        device = cast.drawing.loaded.device
        self._member, self._reader = cast.drawing, Reader(cast.drawing.loaded, prompts)
        self._uniforms = uniforms.to(device)
        self._ends = torch.tensor(sorted(cast.ends), dtype=torch.int64, device=device)
        self.tokens = torch.zeros(uniforms.shape, dtype=torch.int64, device=device)
        self.counts = torch.zeros(uniforms.shape, dtype=torch.bool, device=device)
        self.alive = torch.ones(len(prompts), dtype=torch.bool, device=device)
        self.step = 0

    def go_on(self) -> Tensor:
        """Draw the next token of all; the logits that it was drawn from [B, V]."""
        step = self.step
        logits = self._reader.read(self.tokens[:, max(step - 1, 0) : step], 1)[:, 0]
        drawn = pick(self._member.policy.log_probs(logits), self._uniforms[:, step])
        self.counts[:, step] = self.alive
        self.tokens[:, step] = drawn
        self.alive = self.alive & ~torch.isin(drawn, self._ends)
        self.step += 1
        return logits


def pick(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """The token that a number in (0, 1) means in each row [B, V], [B] -> [B]. A token without mass is never one.

    The number is the seed of an exponential for every token, and the token wins whose exponential over its probability
    is least: each as often as it is likely. Where a row changes a little the winner is another as rarely as can be, by
    about the mass that has moved. Looked up in cumulated probabilities it would change a thousand times as often, for
    every boundary between two tokens moves.
    """
    seeds = _mixed((uniforms * 2**53).long())
    numbers = torch.arange(1, log_probs.shape[1] + 1, device=log_probs.device)
    mixed = _mixed(seeds[:, None] + numbers * _GAMMA)
    exponentials = (_shifted(mixed, 11).double().add_(0.5)).mul_(2.0**-53).log_().neg_()
    winners: Tensor = (log_probs - exponentials.log_()).argmax(1)
    return winners


_GAMMA, _FIRST, _SECOND = (number - 2**64 for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""SplitMix64's: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014."""


def _mixed(state: Tensor) -> Tensor:
    """64 bits as SplitMix64 mixes them; int64, which wraps."""
    first: Tensor = (state ^ _shifted(state, 30)) * _FIRST
    second: Tensor = (first ^ _shifted(first, 27)) * _SECOND
    return second ^ _shifted(second, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Bits moved to the right, with zeros behind them."""
    moved: Tensor = (bits >> by) & ((1 << (64 - by)) - 1)
    return moved


class _Scored:
    """Collects what is scored, step by step."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._roles: dict[str, list[Tensor]] = {role: [] for role in cast.members}
        self._known: list[list[Tensor]] = [[] for _ in cast.wanted]

    def add(self, leader: _Leader, step: int, logits: Mapping[Loaded, Tensor]) -> None:
        """Score the tokens of one step: those that count; logits [B, V] by model."""
        cast, counting = self._cast, leader.counts[:, step].nonzero()[:, 0]
        tokens = leader.tokens[counting, step][:, None]
        rows = {}
        for role, member in cast.members.items():
            own = logits[member.loaded][counting.to(member.loaded.device)]
            rows[role] = member.policy.log_probs(own)
            _put(self._roles[role], rows[role].gather(1, tokens), leader, counting)
            _refuse_nan(self._roles[role][-1], member)
        for function, kept in zip(cast.wanted, self._known, strict=True):
            _put(kept, function.values(rows["log_q"], rows["log_p"]).gather(1, tokens), leader, counting)

    def together(self, leader: _Leader) -> Drawn:
        """All of it, one sequence after another."""
        counts = leader.counts[:, : leader.step].cpu()
        return Drawn(
            leader.tokens[:, : leader.step].cpu()[counts],
            {role: torch.stack(steps, 1)[counts] for role, steps in self._roles.items()},
            tuple(torch.stack(steps, 1)[counts] for steps in self._known),
            counts.sum(1),
        )


def _put(steps: list[Tensor], values: Tensor, leader: _Leader, counting: Tensor) -> None:
    column = torch.zeros(len(leader.alive), dtype=torch.float64)
    column[counting.cpu()] = values[:, 0].cpu()
    steps.append(column)


def _refuse_nan(column: Tensor, member: Member) -> None:
    if bool(column.isnan().any()):
        help = ["a wider dtype: dtype=bfloat16 or dtype=float32", "or another revision: its weights may be torn"]
        raise RunError(f"{member.loaded.called} gives NaN for a token's probability", help=help)


def refuse_vocabularies(members: Sequence[tuple[str, Loaded]]) -> str | None:
    """Why models cannot be compared by their vocabularies; None where they can."""
    (first, q), *rest = members
    for name, loaded in rest:
        if loaded.vocabulary != q.vocabulary:
            return (
                f"{first} and {name} cannot be compared: {q.called} has {q.vocabulary:,} tokens, "
                f"{loaded.called} has {loaded.vocabulary:,}"
            )
    return None
