"""A run's own log-probabilities: klbench against the loop that a user would write, in turn in one run.

A .jsonl of sequences with q, p, the sampler and a mask, in groups of 8. The loop reads it line by line with json and
numpy, and takes the means of k1, k2, k3 of both pairs with an error as if sequences were independent. klbench has both
levels, clustered errors, checks, tables and notes beside. Memory is that of a process, for a file and for one four
times as long.

    python benchmarks/data.py [--rounds 3] [--sequences 2000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

TOKENS = 600
MIB = 2**20


def write(path: Path, sequences: int) -> None:
    """A file of so many sequences."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for number in range(sequences):
            q = -random.exponential(1.0, int(random.integers(TOKENS // 2, 3 * TOKENS // 2)))
            p, sampler = (q - np.abs(random.normal(0, size, q.shape)) for size in (0.1, 0.01))
            columns = {"log_q": q, "log_p": p, "log_sampler": sampler, "mask": np.ones(len(q), int)}
            row = {name: values.tolist() for name, values in columns.items()}
            file.write(json.dumps({**row, "group": number // 8}) + "\n")


def loop(path: Path) -> list[tuple[float, float]]:
    """Means of sums over sequences, with their naive errors."""
    sums = []
    with path.open() as file:
        for line in file:
            row = json.loads(line)
            kept = np.array(row["mask"], bool)
            q, p, sampler = (np.array(row[name])[kept] for name in ("log_q", "log_p", "log_sampler"))
            values = []
            for log_ratio in (p - q, q - sampler):
                values += [-log_ratio.sum(), (log_ratio**2).sum() / 2, (np.expm1(log_ratio) - log_ratio).sum()]
            sums.append(values)
    table = np.array(sums)
    return list(zip(table.mean(0), table.std(0) / len(table) ** 0.5, strict=True))


LOOP = (
    "import sys; sys.path.insert(0, {folder!r}); from data import loop; from pathlib import Path; loop(Path({path!r}))"
)


def timed(command: list[str]) -> tuple[float, float]:
    """(seconds, MiB at the most) of a process."""
    code = (
        "import resource, subprocess, sys, time; start = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=2000)
    arguments = parser.parse_args()
    here = str(Path(__file__).parent)
    table = Table("file", "klbench, s", "loop, s", "ratio", "klbench, MiB", "loop, MiB", title="klbench data")
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, 4):
            path = Path(folder) / f"run{times}.jsonl"
            write(path, times * arguments.sequences)
            ours = [sys.executable, "-m", "klbench", "data", str(path), "-q", "-o", folder]
            theirs = [sys.executable, "-c", LOOP.format(folder=here, path=str(path))]
            rounds = [(timed(ours), timed(theirs)) for _ in range(arguments.rounds)]
            (own, memory), (other, others_memory) = (
                tuple(statistics.median(one[side][index] for one in rounds) for index in (0, 1)) for side in (0, 1)
            )
            size = f"{path.stat().st_size / MIB:.0f} MiB"
            table.add_row(
                size, *(f"{x:.2f}" for x in (own, other, own / other)), f"{memory:.0f}", f"{others_memory:.0f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
