"""The table of a Markov chain."""

from __future__ import annotations

import torch

from klbench.distributions.families.sequences import whole
from klbench.distributions.family import Arguments
from klbench.distributions.stream import stream_for
from klbench.policies.table import PolicyTable, markov


def chain(arguments: Arguments) -> PolicyTable:
    """A Markov chain.

    Its random logits are standard normals of one numbered stream times ``scale``: row by row those of the token that
    follows each token, and last those of the first token.
    """
    if "initial" in arguments:
        given = [torch.tensor(arguments[name], dtype=torch.float64) for name in ("initial", "transition")]
        initial, transition = ((row / row.sum(-1, keepdim=True)).log() for row in given)
    else:
        vocab = int(arguments["vocab"])
        normals = stream_for(int(arguments["seed"]), b"Markov", 0).normal(vocab * (vocab + 1))
        rows = normals.view(vocab + 1, vocab).mul_(float(arguments["scale"])).log_softmax(-1)
        initial, transition = rows[-1], rows[:-1]
    return markov(initial, transition, int(arguments["length"]), whole(arguments.get("eos")))
