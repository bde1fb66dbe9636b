"""The table of a tree of explicit probabilities."""

from __future__ import annotations

import torch

from klbench.distributions.constraints import tokens_of
from klbench.distributions.families.sequences import tree_length
from klbench.distributions.family import Arguments
from klbench.policies.table import ENDED, PolicyTable


def tree(arguments: Arguments) -> PolicyTable:
    """A state for each prefix that has a row: the shorter first, of equal lengths as they are written."""
    rows = sorted(
        ((tokens_of(prefix), row) for prefix, row in arguments["probs"].rows), key=lambda prefixed: len(prefixed[0])
    )
    state = {prefix: number for number, (prefix, _) in enumerate(rows)}
    vocabulary = range(len(rows[0][1]))
    following = [[state.get((*prefix, token), ENDED) for token in vocabulary] for prefix, _ in rows]
    given = torch.tensor([row for _, row in rows], dtype=torch.float64)
    log_probs = (given / given.sum(-1, keepdim=True)).log()
    return PolicyTable(log_probs, torch.tensor(following), 0, tree_length(arguments))
