"""Policies over tokens: klbench against the loop that a user would write, in turn in one run.

Two cases. Sequences: a Markov policy of V = 1,000 over T = 128 tokens, k1, k2, k3 and full of tokens and k1, k2, k3 of
sequences. One step: a Softmax policy of V = 50,000, k1, k2, k3. The loop is the straightforward one on the same cores:
the rows of logits of each sequence, log_softmax, multinomial, gather; of one step also the loop of who sees that all
rows are the same, and draws from one softmax. klbench's exact answers are part of what is timed.

    python benchmarks/sequences.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from klbench.runner import available_cores, run
from klbench.spec.read import read_text

TOKENS, LENGTH, VOCABULARY = 1000, 128, 50_000
CHUNK = 256


def _estimates(log_ratio: Tensor) -> list[Tensor]:
    return [-log_ratio, log_ratio.square() / 2, log_ratio.expm1() - log_ratio]


def _summed(values: list[Tensor], total: Tensor) -> None:
    total += torch.stack([torch.stack([value.sum(), value.square().sum()]) for value in values])


def loop_of_sequences(samples: int) -> None:
    """Token by token, as a trainer has it: both policies' logits of every sequence, and what is sampled."""
    generator = torch.Generator().manual_seed(0)
    q = 1.5 * torch.randn(TOKENS + 1, TOKENS, generator=generator, dtype=torch.float64)
    p = q + 0.1 * torch.randn(TOKENS + 1, TOKENS, generator=generator, dtype=torch.float64)
    totals = torch.zeros(7, 2, dtype=torch.float64)
    for _ in range(max(1, samples // CHUNK)):
        state = torch.full((CHUNK,), TOKENS)
        log_ratio, full = torch.zeros(CHUNK, LENGTH, dtype=torch.float64), torch.zeros(CHUNK, dtype=torch.float64)
        for t in range(LENGTH):
            log_q, log_p = q[state].log_softmax(1), p[state].log_softmax(1)
            state = torch.multinomial(log_q.exp(), 1).squeeze(1)
            log_ratio[:, t] = (log_p - log_q).gather(1, state[:, None]).squeeze(1)
            full += (log_q.exp() * (log_q - log_p)).sum(1)
        tokens = [values.sum(1) for values in _estimates(log_ratio)]
        _summed([*tokens, full, *_estimates(log_ratio.sum(1))], totals)


def loop_of_one_step(samples: int) -> None:
    """Rows of logits for a batch, log_softmax, multinomial, gather."""
    generator = torch.Generator().manual_seed(0)
    q = 2 * torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    p = q + 0.1 * torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    totals = torch.zeros(3, 2, dtype=torch.float64)
    for _ in range(max(1, samples // CHUNK)):
        log_q, log_p = (logits.expand(CHUNK, VOCABULARY).log_softmax(1) for logits in (q, p))
        x = torch.multinomial(log_q.exp(), 1)
        _summed(_estimates((log_p.gather(1, x) - log_q.gather(1, x)).squeeze(1)), totals)


def loop_of_one_softmax(samples: int) -> None:
    """One softmax, and all draws from it."""
    generator = torch.Generator().manual_seed(0)
    q = 2 * torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    p = q + 0.1 * torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    totals, size = torch.zeros(3, 2, dtype=torch.float64), min(2**18, samples)
    log_q, log_p = q.log_softmax(0), p.log_softmax(0)
    for _ in range(max(1, samples // size)):
        x = torch.multinomial(log_q.exp(), size, replacement=True)
        _summed(_estimates((log_p - log_q).gather(0, x)), totals)


def klbench_of_sequences(samples: int) -> None:
    """A whole run."""
    run(
        read_text(
            f"name: bench\nsamples: {samples}\nestimators: [k1, k2, k3, full]\nlevel: [token, sequence]\n"
            f"pairs:\n  - q: Markov(vocab={TOKENS}, scale=1.5, seed=1, length={LENGTH})\n"
            "    p: Perturb(q, scale=0.1, seed=3)\n",
            "bench",
        ),
        device="cpu",
    )


def klbench_of_one_step(samples: int) -> None:
    """A whole run."""
    run(
        read_text(
            f"name: bench\nsamples: {samples}\nestimators: [k1, k2, k3]\n"
            f"pairs:\n  - q: Softmax(vocab={VOCABULARY}, scale=2, seed=7)\n    p: Perturb(q, scale=0.1, seed=3)\n",
            "bench",
        ),
        device="cpu",
    )


CASES: dict[str, dict[str, tuple[Callable[[int], None], int]]] = {
    "sequences": {"loop": (loop_of_sequences, CHUNK), "klbench": (klbench_of_sequences, 100_000)},
    "one step": {
        "loop": (loop_of_one_step, 4 * CHUNK),
        "one softmax": (loop_of_one_softmax, 2**22),
        "klbench": (klbench_of_one_step, 40_000_000),
    },
}
"""Who is timed on what, and on how many samples: the loops' rates do not depend on that."""


def timed(case: str, who: str) -> str:
    """Seconds, samples per second, and the most memory in MiB, once it is warm."""
    contender, samples = CASES[case][who]
    contender(CHUNK)
    start = time.perf_counter()
    contender(samples)
    seconds = time.perf_counter() - start
    return f"{seconds} {samples / seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


def measured(rounds: int) -> dict[tuple[str, str], list[list[float]]]:
    """What ``timed`` says of each contender in each round; they take turns, each in a process of its own."""
    told: dict[tuple[str, str], list[list[float]]] = {(case, who): [] for case in CASES for who in CASES[case]}
    for _ in range(rounds):
        for case, who in told:
            command = [sys.executable, __file__, "--only", case, who]
            line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            told[case, who].append([float(number) for number in line])
    return told


def main() -> None:
    """The table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", nargs=2, metavar=("CASE", "WHO"), help="time one contender")
    given = arguments.parse_args()
    if given.only:
        print(timed(*given.only))
        return
    told = measured(given.rounds)
    table = Table("case", "what", "seconds", "samples/s", "most MiB", "× loop", title=f"{available_cores()} cores")
    for (case, who), rounds in told.items():
        ratio = statistics.median(own[1] / loop[1] for own, loop in zip(rounds, told[case, "loop"], strict=True))
        seconds, rate, memory = (statistics.median(numbers) for numbers in zip(*rounds, strict=True))
        table.add_row(case, who, f"{seconds:.2f}", f"{rate:,.0f}", f"{memory:,.0f}", f"{ratio:,.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
