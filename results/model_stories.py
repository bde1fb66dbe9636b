"""What each spec of results/models shows, in two sentences, their numbers taken from its rows."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from klbench.row import Row


@dataclass(frozen=True)
class Remade:
    """What is committed of one spec.

    Args:
        name: of the spec.
        spec: its keys.
        rows: by estimator and aggregation, or ``sequence``.
        costs: core-seconds for 1,000 tokens and their standard error, by part.
        manifest: its keys.
    """

    name: str
    spec: Mapping[str, Any]
    rows: Mapping[tuple[str, str], Row]
    costs: Mapping[str, tuple[float, float]]
    manifest: Mapping[str, Any]
