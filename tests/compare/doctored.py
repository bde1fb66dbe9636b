"""Results folders with chosen numbers in them: one row each of two pairs, and whatever a test changes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Edits = Mapping[str, Mapping[str, object]]
"""By ``pair/estimator``, the cells that are other ones."""

COLUMNS = (
    *("spec", "pair", "q", "p", "sampler", "estimator", "target", "samples", "true", "true_from", "mean", "mean_mcse"),
    *("stdev", "stdev_mcse", "bias_over_true", "bias_over_true_mcse", "stdev_over_true", "stdev_over_true_mcse"),
    *("exact_bias_over_true", "exact_stdev_over_true", "negative_fraction", "nonfinite", "khat", "seed"),
    *("dtype", "device"),
)
BASE: Mapping[str, object] = {
    "spec": "made-up",
    "q": "Normal(loc=0, scale=1)",
    "target": "reverse KL",
    "samples": 1000,
    "true": 0.5,
    "true_from": "closed-form",
    "mean": 0.5,
    "mean_mcse": 0.001,
    "stdev": 0.85,
    "stdev_mcse": 0.002,
    "bias_over_true": 0.0,
    "bias_over_true_mcse": 0.002,
    "stdev_over_true": 1.695,
    "stdev_over_true_mcse": 0.003,
    "exact_bias_over_true": 0.0,
    "exact_stdev_over_true": 1.695,
    "negative_fraction": 0.0,
    "nonfinite": 0,
    "khat": 0.19,
    "seed": 0,
    "dtype": "float64",
    "device": "cpu",
}
ROWS = [
    {**BASE, "pair": pair, "p": f"Normal(loc={loc}, scale=1)", "estimator": estimator}
    for pair, loc in (("close", 0.1), ("far", 1))
    for estimator in ("k1", "k3")
]


def rows(edits: Edits) -> Iterator[dict[str, object]]:
    for row in ROWS:
        yield {**row, **edits.get(f"{row['pair']}/{row['estimator']}", {}), **edits.get("every", {})}


def write(folder: Path, edits: Edits | None = None, more: Sequence[Mapping[str, object]] = (), **files: str) -> Path:
    """A results folder with these rows, and ``spec_yaml="..."`` as spec.yaml beside."""
    folder.mkdir()
    with (folder / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows(edits or {}), *more])
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder
