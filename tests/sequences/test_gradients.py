"""Gradients of sequences against torch's autograd of a surrogate for each sequence, all of them listed in Python.

The surrogate is what a trainer writes: the aggregated loss, or the detached value times the log-probability of the
whole sequence. Lengths, distances and angles are compared, which do not depend on how the table's rows are ordered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf, sqrt

import pytest
import torch
from torch import Tensor

import klbench
from klbench.row import Row
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NORM
from tests.sequences.policies import Branches, Prefix, Trio

NAMES = ("published", "chain with eos", "chain with eos, sampler", "tree, sampler", "tree")
ESTIMATORS = ("k1", "k2", "k3", "full", "topk(2)", "topk_head(1)", "topk_bucket(1)", "k1-return")
WEIGHTINGS = ("none", "ratio", "detached", "ratio-sequence", "ratio-geometric")
CLIP = 1.2
Function = Callable[[Tensor], Tensor]
OF_RATIO: dict[str, Function] = {
    "k1": lambda log_r: -log_r,
    "k2": lambda log_r: log_r**2 / 2,
    "k3": lambda log_r: log_r.expm1() - log_r,
    "k1-return": lambda log_r: -log_r,
}


@dataclass(frozen=True)
class Written:
    """One sequence: of each token the row it is in, itself, log p and log sampler there, and p's whole row."""

    rows: tuple[Prefix, ...]
    tokens: tuple[int, ...]
    log_p: Tensor
    log_sampler: Tensor
    p_rows: tuple[Tensor, ...]
    prob: float


@dataclass(frozen=True)
class Table:
    """q's logits, row by row, and every sequence."""

    logits: dict[Prefix, Tensor]
    written: tuple[Written, ...]


@cache
def table_of(case: str) -> Table:
    trio = CASES[case]
    logits: dict[Prefix, Tensor] = {}
    written: list[Written] = []
    _walk(trio, (), (), logits, written)
    return Table(logits, tuple(written))


def _walk(trio: Trio, prefix: Prefix, past: tuple, logits: dict[Prefix, Tensor], written: list[Written]) -> None:  # type: ignore[type-arg]
    q, p = trio.q.after(prefix), trio.p.after(prefix)
    drawn = q if trio.sampler is None else trio.sampler.after(prefix)
    if q is None or p is None or drawn is None:
        rows, log_p, log_sampler, p_rows, probs = zip(*past, strict=True)
        prob = float(torch.tensor(probs).prod())
        written.append(Written(rows, prefix, torch.stack(log_p), torch.stack(log_sampler), p_rows, prob))
        return
    row = prefix if isinstance(trio.q, Branches) else prefix[-1:]
    logits.setdefault(row, torch.tensor(q, dtype=torch.float64).log().requires_grad_())
    log_p, log_sampler = (torch.tensor(probs, dtype=torch.float64).log() for probs in (p, drawn))
    for token, prob in enumerate(drawn):
        if prob:
            step = (row, log_p[token], log_sampler[token], log_p, torch.tensor(prob, dtype=torch.float64))
            _walk(trio, (*prefix, token), (*past, step), logits, written)


def _xlogy(log_q: Tensor, log_p: Tensor) -> Tensor:
    return torch.where(log_q == -inf, 0.0, log_q.exp() * (log_q - log_p).masked_fill(log_q == -inf, 0.0))


def _whole(name: str, log_q: Tensor, log_p: Tensor, token: int, weighting: str) -> Tensor:
    """What one token has of an estimator of whole distributions, to be differentiated."""
    count = len(log_q) if name == "full" else int(name.partition("(")[2][:-1])
    inside = log_q.argsort(descending=True, stable=True)[:count]
    if name.startswith("topk_head"):
        held = (log_q - log_p).detach()[inside]
        return (log_q[inside].exp() * torch.where(held.isnan(), 0.0, held)).sum()
    head = _xlogy(log_q[inside], log_p[inside]).sum()
    if name.startswith("topk_bucket"):
        rest_q, rest_p = 1 - log_q[inside].exp().sum(), 1 - log_p[inside].exp().sum()
        return head + (rest_q * (rest_q / rest_p).log() if float(rest_q.detach()) > 1e-12 else 0.0)
    if name == "full" or token in inside:
        return head
    k1 = log_q[token] - log_p[token]
    if weighting.startswith("ratio"):  # the weight is differentiated, and brings k1 · score
        return head + k1
    # the value k1 and the gradient (1 + k1) · score
    return head + k1.detach() + (1 + k1).detach() * (log_q[token] - log_q[token].detach())


def _surrogate(
    written: Written, logits: dict[Prefix, Tensor], quantity: Row, mean_length: float, clip: float
) -> Tensor:
    log_q_rows = [logits[row].log_softmax(0) for row in written.rows]
    log_q = torch.stack([row[token] for row, token in zip(log_q_rows, written.tokens, strict=True)])
    name, length = quantity.estimator, len(written.tokens)
    over = {"seq-mean-token-mean": length, "token-mean": mean_length, "seq-mean-token-sum-norm": NORM}
    divisor = over.get(quantity.aggregation, 1.0)
    log_weight = log_q - written.log_sampler

    def capped(logarithm: Tensor) -> Tensor:
        return logarithm.exp().clamp(max=clip)

    if quantity.level == "sequence":
        log_r, whole = written.log_p.sum() - log_q.sum(), log_weight.sum()
        k = OF_RATIO[name](log_r)
        weight = {
            "none": torch.ones(()),
            "ratio": capped(whole),
            "detached": capped(whole).detach(),
            "ratio-sequence": capped(whole),
            "ratio-geometric": capped(whole / length),
        }[quantity.weighting]
        value = weight * k
    else:
        if name in OF_RATIO:
            tokens = OF_RATIO[name](written.log_p - log_q)
        else:
            each = zip(log_q_rows, written.p_rows, written.tokens, strict=True)
            tokens = torch.stack([_whole(name, q, p, token, quantity.weighting) for q, p, token in each])
        own = {"ratio": capped(log_weight), "detached": capped(log_weight).detach()}.get(quantity.weighting, 1.0)
        total = log_weight.sum()
        scope = {"ratio-sequence": capped(total), "ratio-geometric": capped(total / length)}.get(
            quantity.weighting, 1.0
        )
        if name == "k1-return":
            weighed = (scope * own * tokens).detach()
            to_go = weighed.flip(0).cumsum(0).flip(0)
            return (to_go * log_q).sum() / divisor
        value = scope * (own * tokens).sum() / divisor
    return value if quantity.placement == "loss" else value.detach() * log_q.sum()


def _true(case: str, quantity: Row) -> Tensor:
    """The gradient of what is estimated, by autograd of the sum over q's own sequences."""
    own = table_of(case) if CASES[case].sampler is None else _on_policy(case)
    summed: list[Tensor] = []
    lengths: list[Tensor] = []
    for written in own.written:
        rows = [own.logits[row].log_softmax(0) for row in written.rows]
        log_q = torch.stack([row[token] for row, token in zip(rows, written.tokens, strict=True)]).sum()
        kl = torch.stack([_xlogy(row, p).sum() for row, p in zip(rows, written.p_rows, strict=True)]).sum()
        length = len(written.tokens)
        over = {"seq-mean-token-mean": length, "seq-mean-token-sum-norm": NORM}.get(quantity.aggregation, 1.0)
        summed.append(log_q.exp() * kl / over)
        lengths.append(log_q.exp() * length)
    value = torch.stack(summed).sum()
    if quantity.aggregation == "token-mean":
        value = value / torch.stack(lengths).sum()
    return _flat(torch.autograd.grad(value, [own.logits[row] for row in sorted(own.logits)], allow_unused=True), own)


@cache
def _on_policy(case: str) -> Table:
    trio = CASES[case]
    logits: dict[Prefix, Tensor] = {}
    written: list[Written] = []
    _walk(Trio(trio.q, trio.p), (), (), logits, written)
    return Table(logits, tuple(written))


def _flat(gradients: tuple[Tensor | None, ...], table: Table) -> Tensor:
    rows = [table.logits[row] for row in sorted(table.logits)]
    whole = [torch.zeros_like(row) if one is None else one for one, row in zip(gradients, rows, strict=True)]
    return torch.cat(whole).nan_to_num(0.0)


def _moments(case: str, quantity: Row, clip: float) -> tuple[Tensor, float]:
    """(the mean gradient, √ of the trace of the covariance) over all sequences that are drawn."""
    table = table_of(case)
    mean_length = sum(written.prob * len(written.tokens) for written in table.written)
    rows = [table.logits[row] for row in sorted(table.logits)]
    first, second = torch.zeros(()), 0.0
    for written in table.written:
        surrogate = _surrogate(written, table.logits, quantity, mean_length, clip)
        gradient = (
            torch.autograd.grad(surrogate, rows, allow_unused=True) if surrogate.requires_grad else (None,) * len(rows)
        )
        vector = _flat(gradient, table)
        first = first + written.prob * vector
        second += written.prob * float(vector @ vector)
    return first, sqrt(max(second - float(first @ first), 0.0))


@cache
def measured(case: str, clip: float = inf) -> tuple[Row, ...]:
    trio = CASES[case]
    spec = {
        "name": "gradients",
        "measure": "gradient",
        "samples": 4000,
        "estimators": [name for name in ESTIMATORS if trio != CASES["published"] or name != "topk_head(1)"],
        "placements": ["loss", "reward"],
        "weightings": list(WEIGHTINGS),
        "level": ["token", "sequence"],
        "aggregation": [aggregation for _, aggregation in LEVELS if aggregation],
        "norm": NORM,
        **({"clip": clip} if clip < inf else {}),
        "pairs": [{"name": "pair", **trio.pair}],
    }
    (result,) = klbench.run(klbench.read_text(json.dumps(spec)), device="cpu", threads=1).cases
    return result.rows


def _named(row: Row) -> str:
    return f"{row.called} ({row.placement} × {row.weighting})"


@pytest.mark.parametrize("case", NAMES)
def test_the_exact_gradient_is_autograds(case: str) -> None:
    trues: dict[tuple[str, str], Tensor] = {}
    for row in measured(case):
        key = (row.level, row.aggregation)
        true = trues.setdefault(key, _true(case, row))
        mean, noise = _moments(case, row, inf)
        size = float(true.norm())
        assert row.true_norm == pytest.approx(size, rel=1e-9), _named(row)
        assert row.exact_bias_over_true == pytest.approx(float((mean - true).norm()) / size, abs=1e-9), _named(row)
        assert row.exact_stdev_over_true == pytest.approx(noise / size, rel=1e-9), _named(row)


@pytest.mark.parametrize("case", NAMES)
def test_what_is_drawn_agrees(case: str) -> None:
    """Some 150 rows a case, whose errors go together: none is far off."""
    for row in measured(case):
        assert abs(row.z_bias) <= 5 or row.z_bias != row.z_bias, _named(row)
        assert abs(row.z_stdev) <= 5 or row.z_stdev != row.z_stdev, _named(row)


def test_a_weight_that_is_cut_off_is_a_constant() -> None:
    case = "chain with eos, sampler"
    true = _true(case, measured(case, CLIP)[0])
    plain = {name for name in OF_RATIO if name != "k1-return"}
    for row in measured(case, CLIP):
        if row.estimator in plain and row.aggregation in ("", "seq-mean-token-sum"):
            mean, noise = _moments(case, row, CLIP)
            size = float(true.norm())
            assert row.exact_bias_over_true == pytest.approx(float((mean - true).norm()) / size, abs=1e-9), _named(row)
            assert row.exact_stdev_over_true == pytest.approx(noise / size, rel=1e-9), _named(row)


def test_the_published_gradients() -> None:
    """The numbers of the contract, in Bernoulli logits of a two-token policy: those of token 1 in softmax logits."""
    expected = {
        ("k1", "reward", "token"): (0.15510609, -0.08370563, 0.17717129),
        ("k2", "loss", "token"): (0.11750186, -0.08370563, 0.17717129),
        ("k3", "loss", "token"): (0.12245933, -0.0916028, 0.22857481),
        ("k3", "loss", "sequence"): (0.12245933, -0.12131514, 0.18360622),
    }
    rows = {
        (row.estimator, row.placement, row.level, row.aggregation, row.weighting): row for row in measured("published")
    }
    for (name, placement, level), numbers in expected.items():
        row = rows[name, placement, level, "seq-mean-token-sum" if level == "token" else "", "none"]
        assert row.components is not None
        assert list(row.components.exact[1::2]) == pytest.approx(numbers, abs=1e-8)
