"""Samples per second, klbench against what a user has: the published script's loop, in turn in one run.

Every contender measures k1, k2 and k3 of the same pair on the same cores. The published loop works in float32 and
keeps two numbers of each estimator; klbench works in float64 and keeps every moment, tail and error. Two ceilings stand
beside it: NumPy's generator on every core doing nothing else, which no sampler of normals in float64 can pass; and the
same draws, values and sums written out by hand for this one pair, which is what they cost without a compiler. A klbench
run begins with its exact answers, about 0.05 s whatever the number of samples: with more samples they weigh less.

    python benchmarks/throughput.py [--samples 1e8] [--rounds 5]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.distributions as dis
from rich.console import Console
from rich.table import Table

from klbench.roads.memory import keep_freed_memory
from klbench.runner import available_cores, one_torch_thread, run
from klbench.spec.read import read_text

PUBLISHED = Path(__file__).with_name("published.py")
GENERIC = ("Gamma(2, 1)", "Gamma(2.2, 1.1)")
GAUSSIAN = ("N(0, 1)", "N(0.1, 1)")
AT_ONCE = 10_000_000
TAIL_FROM = 0.5
"""Five standard deviations of k1: about as few values are beyond it as may still enter a tail."""


def published(samples: int, q: dis.Distribution, p: dis.Distribution) -> None:
    """The loop of Schulman's script on one pair, float32, as published: 10 million samples at a time."""
    for start in range(0, samples, AT_ONCE):
        x = q.sample(sample_shape=(min(AT_ONCE, samples - start),))
        logr = p.log_prob(x) - q.log_prob(x)
        for k in (-logr, logr**2 / 2, (logr.exp() - 1) - logr):
            _ = k.mean(), k.std()


def ceiling(samples: int) -> None:
    """Float64 normals on every core and nothing else."""
    cores, block = available_cores(), 2**16

    def fill(core: int) -> None:
        generator, out = np.random.Generator(np.random.SFC64(core)), np.empty(block)
        for _ in range(samples // block // cores):
            generator.standard_normal(out=out)

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(fill, range(cores)))


def by_hand(samples: int) -> None:
    """The draws, values and sums that klbench takes on the Gaussian pair, float64, and nothing around them."""
    cores, block = available_cores(), 2**18

    def work(core: int) -> None:
        generator = np.random.Generator(np.random.SFC64(core))
        for _ in range(samples // block // cores):
            log_ratio = torch.from_numpy(generator.standard_normal(block)).mul_(0.1).sub_(0.005)
            k1 = -log_ratio
            k2, k3 = (log_ratio * log_ratio).mul_(0.5), log_ratio.expm1().sub_(log_ratio)
            for k in (k1, k2, k3):
                square = k * k
                _ = k.sum(), square.sum(), torch.dot(square, k), torch.dot(square, square)
                _ = torch.dot(k, k1), torch.dot(k, k3)
                _ = np.count_nonzero(k.numpy() < 0), np.flatnonzero(np.abs(k.numpy()) > TAIL_FROM)

    keep_freed_memory()
    with one_torch_thread(), ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, range(cores)))


def klbench(samples: int, pair: tuple[str, str]) -> None:
    """A whole klbench run of one pair, exact answers included."""
    q, p = pair
    text = f"name: bench\nsamples: {samples}\nestimators: [k1, k2, k3]\npairs:\n  - q: {q}\n    p: {p}\n"
    run(read_text(text, "bench"), device="cpu")


def contenders() -> dict[str, Callable[[int], None]]:
    """What is measured, in the order of the table."""
    normals = dis.Normal(0.0, 1.0), dis.Normal(0.1, 1.0)
    gammas = dis.Gamma(2.0, 1.0), dis.Gamma(2.2, 1.1)
    return {
        "published loop, Gaussian pair, float32": lambda samples: published(samples, *normals),
        "random numbers alone, float64": ceiling,
        "the same by hand, Gaussian pair, float64": by_hand,
        "klbench, Gaussian pair, float64": lambda samples: klbench(samples, GAUSSIAN),
        "published loop, Gamma pair, float32": lambda samples: published(samples, *gammas),
        "klbench, Gamma pair, float64": lambda samples: klbench(samples, GENERIC),
    }


def measure(samples: int, rounds: int) -> dict[str, list[float]]:
    """Samples per second of each contender in each round; they take turns, each in a process of its own."""
    rates: dict[str, list[float]] = {name: [] for name in contenders()}
    for _ in range(rounds):
        for name in contenders():
            command = [sys.executable, __file__, "--samples", str(samples), "--only", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rates[name].append(float(done.stdout))
    return rates


def rate(name: str, samples: int) -> float:
    """Samples per second of one contender, once it is warm."""
    contender = contenders()[name]
    contender(100_000)
    start = time.perf_counter()
    contender(samples)
    return samples / (time.perf_counter() - start)


def show(rates: dict[str, list[float]]) -> None:
    """A table: the median rate, its range, and the median over rounds of the ratio to the published loop in that
    round."""
    table = Table(
        "what",
        "M samples/s",
        "range",
        "× published loop",
        "share of random numbers",
        title=f"{available_cores()} cores",
    )
    for name, values in rates.items():
        base = rates[
            "published loop, Gamma pair, float32" if "Gamma" in name else "published loop, Gaussian pair, float32"
        ]
        table.add_row(
            name,
            f"{statistics.median(values) / 1e6:.1f}",
            f"{min(values) / 1e6:.0f} to {max(values) / 1e6:.0f}",
            f"{_median_ratio(values, base):.2f}",
            f"{_median_ratio(values, rates['random numbers alone, float64']):.0%}",
        )
    Console(width=120).print(table)


def _median_ratio(values: list[float], base: list[float]) -> float:
    return statistics.median(value / other for value, other in zip(values, base, strict=True))


def whole_command(repeats: int = 3) -> None:
    """From start to end: `klbench run schulman` against the published script, and `klbench --help`."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "klbench run schulman": [sys.executable, "-m", "klbench", "run", "schulman", "-q", "-o", folder],
            "the published script": [sys.executable, str(PUBLISHED)],
            "klbench --help": [sys.executable, "-m", "klbench", "--help"],
        }
        table = Table("from start to end", "seconds (median)", title="whole commands")
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(repeats):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                times[name].append(time.perf_counter() - start)
        for name, seconds in times.items():
            table.add_row(name, f"{statistics.median(seconds):.2f}")
        Console(width=120).print(table)


def peak_memory(samples: int) -> float:
    """MiB that a run of ``samples`` adds to the peak of this process after a run of a few."""
    klbench(1000, GAUSSIAN)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    klbench(samples, GAUSSIAN)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """The rates, then whole commands, then memory."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--samples", type=float, default=1e8)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", choices=contenders(), help="print the rate of one contender")
    given = arguments.parse_args()
    if given.only:
        print(rate(given.only, int(given.samples)))
        return
    show(measure(int(given.samples), given.rounds))
    whole_command()
    memory = peak_memory(int(given.samples))
    print(f"peak memory of a run of {given.samples:.0e} samples beyond a run of 1,000: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
