"""Gradient samples per second, klbench against what a user would write, in turn in one run.

Both measure the mean and the noise of every component of the gradient of k1, k2 and k3, as loss and in the reward, on a
categorical of a thousand tokens. The loop is the straightforward one: a copy of the logits for each sample, so that one
backward pass gives every sample's own gradient, in chunks that fit the memory, on the same cores. klbench counts the
tokens instead, since the score of a softmax is one-hot(x) − π; its exact answers are part of what is timed.

    python benchmarks/gradients.py [--tokens 1000] [--samples 1e6] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from klbench.runner import available_cores, run
from klbench.spec.read import read_text

CHUNK = 2048
LOOP_SHARE = 0.05
"""The loop is given fewer samples: its rate does not depend on how many, and it is slow."""


def logits(tokens: int, seed: int) -> Tensor:
    """Logits of a policy: normal with standard deviation 1."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(tokens).round(3))


def estimates(log_ratio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """k1, k2 and k3."""
    return -log_ratio, log_ratio**2 / 2, log_ratio.expm1() - log_ratio


def straightforward(samples: int, tokens: int) -> None:
    """The loop by autograd: per-sample gradients, their sums and sums of squares, for six cells."""
    q, p = logits(tokens, 1), logits(tokens, 2).log_softmax(0)
    sums = [(torch.zeros(tokens, dtype=torch.float64), torch.zeros(tokens, dtype=torch.float64)) for _ in range(6)]
    for _ in range(samples // CHUNK):
        x = torch.distributions.Categorical(logits=q).sample((CHUNK,))
        own = q.expand(CHUNK, tokens).clone().requires_grad_()
        log_q = own.log_softmax(1).gather(1, x[:, None]).squeeze(1)
        values = estimates(p[x] - log_q)
        losses = [*values, *(value.detach() * log_q for value in values)]
        for loss, (total, squares) in zip(losses, sums, strict=True):
            (gradient,) = torch.autograd.grad(loss.sum(), own, retain_graph=True)
            total += gradient.sum(0)
            squares += gradient.square().sum(0)


def klbench(samples: int, tokens: int) -> None:
    """A whole klbench run of the same, exact answers included."""
    q, p = (logits(tokens, seed).tolist() for seed in (1, 2))
    pair = f"  - q: Categorical(logits={q})\n    p: Categorical(logits={p})\n"
    text = f"name: bench\nmeasure: gradient\nsamples: {samples}\nestimators: [k1, k2, k3]\npairs:\n{pair}"
    run(read_text(text, "bench"), device="cpu")


CONTENDERS: dict[str, tuple[Callable[[int, int], None], float]] = {
    "per-sample gradients by autograd": (straightforward, LOOP_SHARE),
    "klbench": (klbench, 1.0),
}


def rate(name: str, samples: int, tokens: int) -> float:
    """Samples per second of one contender, once it is warm."""
    contender, share = CONTENDERS[name]
    contender(2 * CHUNK, tokens)
    start, count = time.perf_counter(), int(samples * share)
    contender(count, tokens)
    return count / (time.perf_counter() - start)


def measure(samples: int, tokens: int, rounds: int) -> dict[str, list[float]]:
    """Samples per second of each contender in each round; they take turns, each in a process of its own."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--samples", str(samples), "--tokens", str(tokens), "--only", name]
            rates[name].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return rates


def show(rates: dict[str, list[float]], tokens: int) -> None:
    """A table: the median rate, its range, and the median over rounds of the ratio to the loop in that round."""
    loop = rates["per-sample gradients by autograd"]
    title = f"gradients of k1, k2, k3 on {tokens:,} tokens, {available_cores()} cores"
    table = Table("what", "M samples/s", "range", "× loop", title=title)
    for name, values in rates.items():
        ratio = statistics.median(value / other for value, other in zip(values, loop, strict=True))
        low, high = min(values) / 1e6, max(values) / 1e6
        table.add_row(name, f"{statistics.median(values) / 1e6:.3g}", f"{low:.3g} to {high:.3g}", f"{ratio:.0f}")
    Console(width=100).print(table)


def main() -> None:
    """The rates."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--samples", type=float, default=1e6)
    arguments.add_argument("--tokens", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", choices=CONTENDERS, help="print the rate of one contender")
    given = arguments.parse_args()
    if given.only:
        print(rate(given.only, int(given.samples), given.tokens))
        return
    show(measure(int(given.samples), given.tokens, given.rounds), given.tokens)


if __name__ == "__main__":
    main()
