"""The sampled gradients against what a training loop does: one backward pass per sample, gradients side by side.

The same draws, taken from the run's own stream; torch's distributions with their parameters as leaves; the loss of each
sample written as a trainer writes it. No coefficient, no score, no sums: a matrix of samples × parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from klbench.problems.pair import Pair
from klbench.runner import run
from klbench.spec.read import read_text
from klbench.stats.tail import above, khat, none_yet
from tests.measure.gradient_run import by_cell

COUNT = 100
Values = Callable[[Tensor], Tensor]

VALUES: dict[str, Values] = {
    "k1": lambda log_ratio: -log_ratio,
    "k2": lambda log_ratio: log_ratio**2 / 2,
    "k3": lambda log_ratio: log_ratio.exp() - 1 - log_ratio,
    "verl:low_var_kl": lambda log_ratio: (log_ratio.clamp(-20, 20).exp() - log_ratio.clamp(-20, 20) - 1).clamp(-10, 10),
}


def gaussian(parameters: list[Tensor]) -> Distribution:
    return Normal(*parameters)


def categorical(parameters: list[Tensor]) -> Distribution:
    return Categorical(logits=parameters[0])


PAIRS = {
    "gaussian": (gaussian, "N(0, 1)", "N(1, 1.2)", "N(0.2, 1.1)", ([0.0], [1.0]), ([1.0], [1.2]), ([0.2], [1.1])),
    "categorical": (
        categorical,
        "Categorical(logits=[0, 1, 2, -1])",
        "Categorical(logits=[2, 1, 0, 3])",
        "Categorical(logits=[0.5, 1, 1, 0])",
        ([0.0, 1.0, 2.0, -1.0],),
        ([2.0, 1.0, 0.0, 3.0],),
        ([0.5, 1.0, 1.0, 0.0],),
    ),
}
Leaves = tuple[list[float], ...]


def leaves(values: Leaves, requires_grad: bool = False) -> list[Tensor]:
    """One number each where there are several parameters, else one vector."""
    tensors = [torch.tensor(each if len(values) == 1 else each[0], dtype=torch.float64) for each in values]
    return [tensor.requires_grad_(requires_grad) for tensor in tensors]


def loss(name: str, placement: str, weighting: str, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
    value = VALUES[name](log_p - log_q)
    weight = {"none": torch.ones_like(log_q), "ratio": (log_q - log_sampler).exp()}.get(weighting)
    if weight is None:
        weight = (log_q - log_sampler).exp().detach()
    if placement == "reward":
        return (weight * value).detach() * log_q
    return weight * value


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_a_loop_of_backward_passes_finds_the_same(pair: str, stale: bool) -> None:
    build, q, p, sampler, at_q, at_p, at_sampler = PAIRS[pair]
    text = f"""
name: loop
measure: gradient
samples: {COUNT}
estimators: [{", ".join(f'"{name}"' for name in VALUES)}]
placements: [loss, reward]
weightings: [none, ratio, detached]
pairs: [{{q: "{q}", p: "{p}"{f', sampler: "{sampler}"' if stale else ""}}}]
"""
    spec = read_text(text)
    (case,) = spec.cases()
    x = Pair.build(case).block(spec.seed, 0)(COUNT)
    found = by_cell(run(spec, device="cpu", threads=1).cases[0])
    reference, old = build(leaves(at_p)), build(leaves(at_sampler if stale else at_q))
    for cell in product(VALUES, ("loss", "reward"), ("none", "ratio", "detached")):
        rows = []
        for each in x:
            parameters = leaves(at_q, requires_grad=True)
            log_q = build(parameters).log_prob(each)
            loss(*cell, log_q, reference.log_prob(each), old.log_prob(each)).backward()  # type: ignore[no-untyped-call]
            rows.append(torch.cat([leaf.grad.reshape(-1) for leaf in parameters if leaf.grad is not None]).numpy())
        gradients = np.array(rows)
        components, row = found[cell].components, found[cell]
        assert components is not None
        np.testing.assert_allclose(components.mean, gradients.mean(0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(components.stdev, gradients.std(0, ddof=1), rtol=1e-9, atol=1e-12)
        noise = sqrt(gradients.var(0, ddof=1).sum())
        assert row.stdev_over_true * row.true_norm == pytest.approx(noise, rel=1e-9)
        off = gradients.mean(0) - components.true
        squared = float(off @ off) - gradients.var(0, ddof=1).sum() / COUNT
        assert row.bias_over_true * row.true_norm == pytest.approx(sqrt(max(squared, 0.0)), rel=1e-6, abs=1e-9)
        if pair == "gaussian":
            lengths = torch.from_numpy(gradients).norm(dim=1)
            assert row.khat == pytest.approx(khat(above(lengths, none_yet(COUNT))), rel=1e-6)
