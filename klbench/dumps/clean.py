"""STUB"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Clean:
    place: str
    log_probs: dict
    positions: object
    group: object
    texts: object = None
    known: dict = field(default_factory=dict)


def clean(row):
    n = len(next(iter(row.log_probs.values())))
    keep = np.flatnonzero(np.ones(n) if row.mask is None else np.array(row.mask, dtype=float))
    return Clean(row.place, {k: np.array(v, dtype=float)[keep] for k, v in row.log_probs.items()}, keep, row.group)
