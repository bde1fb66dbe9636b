"""Engines beside each other: samples a second by threads and by a local Ray, and what one driver can take in.

    python benchmarks/engines.py [SECONDS]

Both runs are whole processes of about SECONDS (60), in turn in one run; the ratio is what counts. Then: what a task
costs beyond its blocks, how many bytes a part is, and how long the driver takes for one. docs/scale.md works out from
these what more workers would need.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from klbench.engines.on_ray import on_ray
from klbench.measure.plan import Plan
from klbench.measure.setting import Setting
from klbench.measure.worker import measure_blocks
from klbench.roads.merged import STRETCH, Merged
from klbench.spec.read import read_text

SPEC = """
name: engines
samples: {samples}
estimators: [k1, k2, k3]
measure: {measure}
pairs: [{{q: "N(0, 1)", p: "N(0.1, 1)"}}]
"""
FASTEST = {"value": 60e6, "gradient": 8e6}
"""Samples a second on two cores, about: it only says how many make a run of the wanted length."""
ROUNDS = 2


def seconds_of(spec: Path, engine: str, out: Path) -> tuple[float, float]:
    """The seconds of a whole run, and of its part that measures."""
    command = [
        sys.executable,
        "-m",
        "klbench",
        "run",
        str(spec),
        "--engine",
        engine,
        "--out",
        str(out),
        "-q",
        "--fresh",
    ]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - start
    return took, json.loads((out / "engines" / "manifest.json").read_text())["seconds"]


def beside(measure: str, seconds: float) -> None:
    """Print the samples a second of both engines, and their ratio."""
    samples = int(FASTEST[measure] * seconds)
    with tempfile.TemporaryDirectory() as folder:
        spec, out = Path(folder, "s.yaml"), Path(folder)
        spec.write_text(SPEC.format(samples=samples, measure=measure))
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(ROUNDS):
            for engine in ("threads", "ray"):
                found.setdefault(engine, []).append(seconds_of(spec, engine, out / engine))
        same = (out / "threads/engines/results.csv").read_bytes() == (out / "ray/engines/results.csv").read_bytes()
    whole = {engine: median(took for took, _ in times) for engine, times in found.items()}
    inside = {engine: median(took for _, took in times) for engine, times in found.items()}
    print(f"{measure}: {samples:.2e} samples, same bytes: {same}")
    for engine in found:
        print(
            f"  {engine}: {whole[engine]:.1f} s whole, {inside[engine]:.1f} s of them measuring: "
            f"{samples / whole[engine] / 1e6:.1f} and {samples / inside[engine] / 1e6:.1f} million samples a second"
        )
    print(
        f"  ray / threads: {whole['threads'] / whole['ray']:.3f} of the whole process, "
        f"{inside['threads'] / inside['ray']:.3f} of measuring"
    )


def each(work: Callable[[], Any], count: int) -> float:
    """Seconds of one of so many calls."""
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) / count


def plan_of(measure: str, samples: float) -> Plan:
    """The plan of a case that takes so many samples, ready for a worker."""
    spec = read_text(SPEC.format(samples=int(samples), measure=measure))
    (case,) = spec.cases()
    setting = Setting.of(spec, case, torch.device("cpu"))
    (kind,) = setting.plan.kinds(setting.pair, setting.estimators)
    return kind.prepared(setting.plan, setting.problem)


def driver(measure: str) -> None:
    """Print what the driver needs for one stretch."""
    plan = plan_of(measure, 1e10)
    first, second = (measure_blocks(plan, ".", 0, range(n, n + STRETCH), whole=True)[0] for n in (0, STRETCH))
    sent = pickle.dumps(second)
    merged: Merged[Any] = Merged().add(first.sums, first.blocks)
    merging = each(lambda: merged.add(second.sums, second.blocks), 200)
    reading = each(lambda: pickle.loads(sent), 200)
    print(
        f"{measure}: a stretch comes back as {len(sent) / 1024:.0f} KiB, read in {reading * 1e3:.2f} ms and merged in "
        f"{merging * 1e3:.2f} ms: one driver takes in {1 / (reading + merging):,.0f} stretches a second, of "
        f"{STRETCH * 2**18 / 1e6:.1f} million samples each"
    )


def tasks() -> None:
    """Print what an empty task costs."""
    with on_ray(None, 2, 0) as engine:
        ray = engine._ray
        nothing = ray.remote(num_cpus=1, max_retries=0)(_nothing)
        ray.get([nothing.remote() for _ in range(100)])
        start, count = time.perf_counter(), 2000
        ray.get([nothing.remote() for _ in range(count)])
        print(f"Ray: {(time.perf_counter() - start) / count * 1e3:.2f} ms a task beyond its blocks, on two workers")


def _nothing() -> int:
    return 0


if __name__ == "__main__":
    wanted = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    for name in FASTEST:
        driver(name)
    tasks()
    for name in FASTEST:
        beside(name, wanted)
