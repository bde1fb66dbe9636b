"""Dumps made at random: ragged, masked with fillers, groups of unequal size spread over the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
FILLERS = (0.0, 1.0, -9999.0, None, float("nan"), 3.5)


@dataclass(frozen=True)
class Line:
    """A sequence of a dump, as a file has it: masked tokens too."""

    log_q: Numbers
    log_p: Numbers | None
    log_sampler: Numbers | None
    mask: Numbers
    group: str | int | None = None
    prompt: tuple[int, ...] | None = None

    def counted(self, role: str) -> Numbers:
        """The log-probabilities that count."""
        values: Numbers = getattr(self, role)[self.mask == 1]
        return values


def made(
    seed: int,
    *,
    rows: int = 60,
    groups: int = 13,
    sampler: bool = True,
    reference: bool = True,
    grouped: str = "group",
    empty: Sequence[int] = (7, 21),
    spread: float = 0.4,
) -> list[Line]:
    """Rows of 1 to 9 tokens, in groups of unequal size (the larger the number the rarer), interleaved.

    ``grouped``: by ``group``, by ``prompt``, or ``none``. The rows of a group share a shift of their log-ratios.
    """
    random = np.random.default_rng(seed)
    shifts = random.normal(0, spread, groups)
    found = []
    for row in range(rows):
        group = int(groups * random.random() ** 2)
        length = int(random.integers(1, 10))
        log_q = -random.exponential(2.0, length) - 1e-6
        log_p = np.minimum(log_q + 0.3 * shifts[group] + random.normal(0, spread, length), -1e-6)
        log_sampler = np.minimum(log_q + random.normal(0, spread / 2, length), -1e-6)
        mask = (random.random(length) < 0.8).astype(float)
        mask[0] = 1.0
        if row in empty:
            mask[:] = 0.0
        found.append(
            Line(
                log_q,
                log_p if reference else None,
                log_sampler if sampler else None,
                mask,
                f"prompt {group}" if grouped == "group" else None,
                (5, group, 1) if grouped == "prompt" else None,
            )
        )
    return found


def record_of(line: Line, *, padding: int = 0) -> dict[str, Any]:
    """A line of .jsonl: fillers where no token counts, ``padding`` more of them at the end."""
    counts = np.concatenate([line.mask, np.zeros(padding)])
    record: dict[str, Any] = {}
    for role in ("log_q", "log_p", "log_sampler"):
        values = getattr(line, role)
        if values is not None:
            padded = [*values.tolist(), *[0.0] * padding]
            record[role] = [
                value if counts[at] else FILLERS[(at + len(role)) % len(FILLERS)] for at, value in enumerate(padded)
            ]
    record["mask"] = counts.astype(int).tolist()
    if line.group is not None:
        record["group"] = line.group
    if line.prompt is not None:
        record["prompt_ids"] = list(line.prompt)
    return record


def write_jsonl(path: Path, lines: Sequence[Line], *, padding: int = 0) -> Path:
    """A line a sequence."""
    path.write_text("".join(json.dumps(record_of(line, padding=padding)) + "\n" for line in lines), encoding="utf-8")
    return path


def write_npz(path: Path, lines: Sequence[Line], *, padding: int = 0) -> Path:
    """Padded arrays with a mask."""
    width = max(len(line.mask) for line in lines) + padding
    arrays: dict[str, Any] = {"mask": np.zeros((len(lines), width))}
    for role in ("log_q", "log_p", "log_sampler"):
        if getattr(lines[0], role) is not None:
            arrays[role] = np.full((len(lines), width), -9999.0)
    for row, line in enumerate(lines):
        arrays["mask"][row, : len(line.mask)] = line.mask
        for role, array in arrays.items():
            if role != "mask":
                array[row, : len(line.mask)] = np.where(line.mask == 1, getattr(line, role), np.nan)
    if lines[0].group is not None:
        arrays["group"] = np.array([line.group for line in lines])
    np.savez(path, **arrays)
    return path


def ungrouped(lines: Sequence[Line]) -> list[Line]:
    """The same without anything that tells groups."""
    return [replace(line, group=None, prompt=None) for line in lines]
