"""Exact gradients in the logits of a table of states, of sums over the tokens of a sequence.

The score of token a in state s is e_a − π(s, ·) in row s of q's logits [S, V], π being q's probabilities. What is drawn
may be another policy over the same states. Rows that are never visited are 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from klbench.roads.chain import Chain, DenseMove, laws, moved_on, visits
from klbench.roads.chain_sums import Tokens, mean_of_sums, reached


def mean_token_gradient(chain: Chain, pi: Tensor, coefficients: Tensor) -> Tensor:
    """E[Σ_t c(s_t, a_t) score_t] [S, V], of coefficients [S, V] and q's probabilities ``pi`` [S, V]."""
    return reached(visits(chain)[:, None], _of_rows(chain.weighed(coefficients), pi))


def mean_whole_gradient(chain: Chain, pi: Tensor, function: Tensor) -> Tensor:
    """E[(Σ_t f(s_t, a_t)) · Σ_t score_t] [S, V], of f [S, V] and q's probabilities ``pi`` [S, V].

    NaN throughout where E[Σ f] is not finite.
    """
    visited = visits(chain)
    mean = mean_of_sums(chain, function[None], visited)
    if not bool(mean.isfinite()):
        return torch.full_like(pi, torch.nan)
    tokens = Tokens.of(chain, function[None], visited)
    drawn = torch.cat(list(laws(chain)))
    centred = tokens.means - drawn @ tokens.means[0][:, None]  # [T, S + 1]
    past, own = _past(chain, tokens, drawn, centred), (drawn * centred)[:, :-1].sum(0)
    later = _weighed_later(chain, drawn, _to_go(chain, centred))
    table = own[:, None] * chain.probs + visited[:, None] * chain.weighed(tokens.rests[0]) + later
    # the score's mean in a state is not 0 where another policy draws: then the past and the mean of all matter
    score = (past + visited * mean)[:, None] * (chain.probs - pi)
    return _of_rows(table, pi) + score


def _of_rows(table: Tensor, pi: Tensor) -> Tensor:
    """Σ_a c(a) · score of a, in each row of c = probability · coefficient [S, V]."""
    return table - pi * table.sum(-1, keepdim=True)


def _past(chain: Chain, tokens: Tokens, drawn: Tensor, centred: Tensor) -> Tensor:
    """Σ_t E[Σ before t less its mean; s_t = s] [S]."""
    move = chain.move(tokens.rests[0])
    past, total = torch.zeros_like(tokens.means), torch.zeros_like(tokens.means)
    for law, away in zip(drawn, centred, strict=True):
        total += past
        past = moved_on(chain, past + law * away) + move.forward(law[None, :-1])
    return total[0, :-1]


def _to_go(chain: Chain, centred: Tensor) -> Tensor:
    """E[Σ from t + 1 on less its mean | the state there] [T, S + 1]."""
    later = torch.zeros_like(centred)
    for t in range(len(centred) - 1, 0, -1):
        ahead = chain.step.backward(later[t : t + 1])[0]
        later[t - 1] = centred[t] + torch.cat([ahead, later[t, -1:]])
    return later


def _weighed_later(chain: Chain, drawn: Tensor, later: Tensor) -> Tensor:
    """Σ_t P(s_t = s, a_t = a) · (to go after it) [S, V]."""
    step = chain.step
    if isinstance(step, DenseMove):
        return chain.probs * (drawn[:, :-1].T @ later[:, step.targets])
    cells = torch.zeros_like(step.weights)
    for law, values in zip(drawn, later, strict=True):
        cells += law[step.states] * values[step.targets]
    table = torch.zeros_like(chain.probs)
    table[chain.probs > 0] = step.weights * cells
    return table


def gradient_of_kl(chain: Chain, log_ratio: Tensor) -> Tensor:
    """The gradient of KL(q‖p) of sequences in q's logits [S, V], on q's chain; log_ratio = log p − log q [S, V]."""
    return mean_whole_gradient(chain, chain.probs, -log_ratio)


def gradient_of_mean_length(chain: Chain) -> Tensor:
    """The gradient of E_q[L] in q's logits [S, V], on the chain of q."""
    return mean_whole_gradient(chain, chain.probs, torch.ones_like(chain.probs))


def gradient_of_forward_kl(chain: Chain, pi: Tensor) -> Tensor:
    """The gradient of KL(p‖q) of sequences in q's logits [S, V]; the chain is p's, ``pi`` q's probabilities [S, V]."""
    return visits(chain)[:, None] * (pi - chain.probs)


def gradient_of_token_kl(visited: Tensor, pi: Tensor, log_ratio: Tensor) -> Tensor:
    """Σ_s visits(s) · gradient of KL(q(·|s)‖p(·|s)) [S, V], the visits [S] held fixed; log_ratio = log p − log q.

    The token-local part of the gradient of KL(q‖p), where the visits are q's.
    """
    return reached(visited[:, None], _of_rows(reached(pi, -log_ratio), pi))
