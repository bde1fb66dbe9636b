"""The table of an n-gram: in the context of the n − 1 tokens before, each token as often as it follows them in a text.

A context of fewer tokens, at the start of a sequence, is a state of its own, with the counts of wherever the text has
it. Counts are smoothed additively (Lidstone): (count + α)/(total + αV). A context that the text does not have is
uniform then, and all such are one state for as much of their end as the text has: what comes next depends on no more.
Without smoothing there is nothing to say of such a context, and its longest end that the text goes on from stands for
it.

States are numbered by the length of their context, then in sorted order; those of unknown contexts come last. What no
sequence reaches has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from klbench.distributions.corpus import units_of, vocabulary_of
from klbench.distributions.families.sequences import ngram_eos
from klbench.distributions.family import Arguments
from klbench.policies.table import ENDED, PolicyTable

Array = np.ndarray[Any, Any]
Context = tuple[int, ...]


def ngram(arguments: Arguments) -> PolicyTable:
    """The table of an n-gram; ``eos`` ends a sequence.

    Raises:
        FileFault: the file is no text.
    """
    numbers = vocabulary_of(arguments["file"], arguments["unit"])
    tokens = [numbers[unit] for unit in units_of(arguments["file"], arguments["unit"])]
    order, smoothing = int(arguments["order"]), float(arguments["smoothing"])
    text = _Contexts(tokens, len(numbers), order, ends=smoothing > 0)
    following, counts = text.following(), text.counts()
    if smoothing > 0:
        following, counts = text.with_unknown(following, counts)
    eos = ngram_eos(arguments)
    if eos is not None:
        following[:, eos] = ENDED
    kept, following = _reached(following)
    weights = counts[kept] + smoothing
    with np.errstate(divide="ignore"):
        log_probs = np.log(weights) - np.log(weights.sum(1, keepdims=True))
    leads = torch.from_numpy(following)
    if bool((leads == leads[:1]).all()):
        leads = leads[:1].clone().expand(len(leads), -1)
    return PolicyTable(torch.from_numpy(log_probs), leads, 0, int(arguments["length"]))


class _Contexts:
    """The contexts of a text, up to ``order`` − 1 tokens, and how a sequence goes from one to the next.

    Args:
        ends: whether a context counts that only stands at the end of the text, where nothing follows it.
    """

    def __init__(self, tokens: Sequence[int], vocabulary: int, order: int, *, ends: bool) -> None:
        self._vocabulary, self._longest = vocabulary, order - 1
        self._counted: dict[Context, dict[int, int]] = {}
        for length in range(order):
            for at in range(len(tokens) - length + 1):
                context = tuple(tokens[at : at + length])
                if at + length < len(tokens):
                    after = self._counted.setdefault(context, {})
                    token = tokens[at + length]
                    after[token] = after.get(token, 0) + 1
                elif ends:
                    self._counted.setdefault(context, {})
        self._contexts = sorted(self._counted, key=lambda context: (len(context), context))
        self._number = {context: number for number, context in enumerate(self._contexts)}

    def counts(self) -> Array:
        """How often each token follows each context [contexts, V]."""
        counts = np.zeros((len(self._contexts), self._vocabulary))
        for row, context in zip(counts, self._contexts, strict=True):
            after = self._counted[context]
            row[list(after)] = list(after.values())
        return counts

    def following(self) -> Array:
        """The longest end of each context and a token that is a context too [contexts, V]."""
        following = np.zeros((len(self._contexts), self._vocabulary), dtype=np.int64)
        for number, context in enumerate(self._contexts):  # the shorter first: an end is there before what has it
            if context:
                following[number] = following[self._number[context[1:]]]
            if len(context) < self._longest:
                for token in self._counted[context]:
                    longer = self._number.get((*context, token))
                    if longer is not None:
                        following[number, token] = longer
        return following

    def with_unknown(self, following: Array, counts: Array) -> tuple[Array, Array]:
        """With a second state, behind the others, for each short context: as the end of one that the text lacks."""
        lengths = np.array([len(context) for context in self._contexts])
        short = int((lengths < self._longest).sum())
        # a context is known as long as a short one grows with each token, and where it is whole
        grows = lengths[following] == np.minimum(lengths + 1, self._longest)[:, None]
        known = np.where(grows, following, following + len(lengths))
        again = following[:short]
        unknown = np.where(lengths[again] == self._longest, again, again + len(lengths))
        return np.concatenate([known, unknown]), np.concatenate([counts, np.zeros((short, self._vocabulary))])


def _reached(following: Array) -> tuple[Array, Array]:
    """The states that a sequence reaches from state 0, in their order, and where they lead, in their new numbers."""
    reached = np.zeros(len(following), dtype=bool)
    front = np.array([0])
    while len(front):
        reached[front] = True
        front = np.unique(following[front])
        front = front[(front != ENDED)]
        front = front[~reached[front]]
    kept = np.flatnonzero(reached)
    numbers = np.full(len(following) + 1, ENDED)
    numbers[kept] = np.arange(len(kept))
    return kept, numbers[following[kept]]
