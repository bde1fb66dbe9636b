"""Memory does not grow with the file: 200 MB of lines against 20 MB, each read by a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

TOKENS = 1000
READING = """
import json, resource, sys
import klbench
from klbench.cli.waiting import import_torch
import torch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = klbench.run(klbench.read_text(sys.argv[1]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
row = results.cases[0].rows[0]
print(json.dumps({"grown": (after - before) / 1024, "samples": row.samples, "mean": row.mean}))
"""


def write(path: Path, megabytes: int) -> int:
    """Lines of a thousand tokens, a few different ones again and again; how many."""
    random = np.random.default_rng(71)
    rows = []
    for group in range(8):
        log_q = -random.exponential(1.0, TOKENS)
        log_p = np.minimum(log_q + random.normal(0, 0.1, TOKENS), -1e-9)
        rows.append({"log_q": log_q.round(6).tolist(), "log_p": log_p.round(6).tolist(), "group": group})
    texts = [(json.dumps(row) + "\n").encode() for row in rows]
    count = megabytes * 1_000_000 // max(map(len, texts))
    with path.open("wb") as file:
        for number in range(count):
            file.write(texts[number % 8].replace(b'"group": ', b'"group": %d' % (number // 8 + 1)))
    return count


def grown(path: Path) -> dict[str, float]:
    """The peak of the process above what imports take, in MiB, and what it measured."""
    spec = f"name: memory\nestimators: [k1, k3]\naggregation: token-mean\npairs: [{{name: run, data: {path}}}]\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READING, spec], capture_output=True, text=True, check=True, timeout=120
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_ten_times_the_file_takes_no_more_memory(tmp_path: Path) -> None:
    """The allocator keeps up to 200 MiB for the blocks at work, once there are some tens of them: 20 MB are fewer. What
    is packed is 220 MB of the larger file, and stays mapped only where it is looked at."""
    found = []
    for megabytes in (20, 200):
        path = tmp_path / f"{megabytes}.jsonl"
        count = write(path, megabytes)
        found.append(grown(path))
        assert found[-1]["samples"] == count
        path.unlink()
    small, large = (each["grown"] for each in found)
    assert large < small + 250, (small, large)
