"""A row with only the tokens that count, as numbers: what is no log-probability there is an error, not a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from klbench.dumps.row import Role, Row
from klbench.errors import SpecError

FILLER = -9999.0
"""What engines write for a log-probability that they did not compute, or that is −inf."""
ROUNDING = 1e-3
"""A log-probability above 0 by no more is rounding of a logarithm in a low precision."""

GroupedBy = Literal["group", "prompt", "sequence"]


@dataclass(frozen=True)
class Clean:
    """What counts of a sequence.

    Args:
        place: where it is.
        log_probs: by role, float64 [counted tokens], nats.
        positions: int64 [counted tokens], each token's place in its sequence, from 0.
        group: what it shares its error with: a group that the file names, the token ids of its prompt, or None.
        grouped_by: which of these.
        texts: of the counted tokens, where the file has them.
        known: exact numbers of the counted tokens, by an estimator's name, float64.
        fillers: by role, how often which number stands where no token counts: ``{"0": 12, "NaN": 3}``.
        rounded: how many log-probabilities are above 0 by rounding, and kept.
    """

    place: str
    log_probs: Mapping[Role, Any]
    positions: Any
    group: str | int | tuple[int, ...] | None
    grouped_by: GroupedBy
    texts: tuple[str, ...] | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    fillers: Mapping[Role, Mapping[str, int]] = field(default_factory=dict)
    rounded: int = 0


def clean(row: Row) -> Clean:
    """The tokens that count of a row.

    Raises:
        SpecError: one of them has NaN, null, an infinite or a positive number, or the engines' filler, for a
            log-probability; or the row's lists differ in length.
    """
    import numpy as np

    length = max((len(values) for values in row.log_probs.values()), default=0)
    whole = {role: _array(row, role, values, length) for role, values in row.log_probs.items()}
    counts = np.ones(length, bool) if row.mask is None else _mask(row, length)
    positions = np.flatnonzero(counts)
    counted = {role: values[counts] for role, values in whole.items()}
    rounded = sum(_ensure_log_probs(row, role, values, positions) for role, values in counted.items())
    fillers = {} if len(positions) == length else {role: _fillers(values[~counts]) for role, values in whole.items()}
    group, grouped_by = _group(row)
    texts = None if row.texts is None else tuple(row.texts[at] for at in positions.tolist())
    known = {name: np.asarray(values, np.float64)[counts] for name, values in row.known.items()}
    return Clean(row.place, counted, positions, group, grouped_by, texts, known, fillers, rounded)


def _array(row: Row, role: Role, values: Any, length: int) -> Any:
    import numpy as np

    if len(values) != length:
        help = ["one entry for each token in every column"]
        raise SpecError(f"{row.place}: {role} has {len(values):,} entries, others {length:,}", help=help)
    try:
        return np.asarray(values, np.float64)
    except OverflowError:
        return np.array([_finite(value) for value in values], np.float64)


def _finite(value: float | None) -> float:
    """A number, infinite where float64 does not hold it."""
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:
        return float("inf") if value is not None and value > 0 else float("-inf")


def _mask(row: Row, length: int) -> Any:
    import numpy as np

    mask = np.asarray(row.mask, np.float64)
    if len(mask) != length:
        help = ["one entry for each token in every column"]
        raise SpecError(f"{row.place}: the mask has {len(mask):,} entries, the log-probabilities {length:,}", help=help)
    return mask != 0


def _ensure_log_probs(row: Row, role: Role, values: Any, positions: Any) -> int:
    """How many of the counted numbers are above 0 by rounding.

    Raises:
        SpecError: one of them is no log-probability.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):
        good = np.isfinite(values) & (values <= ROUNDING) & (values != FILLER)
    if good.all():
        return int((values > 0).sum())
    at = int(positions[int(np.flatnonzero(~good)[0])])
    more = int((~good).sum()) - 1
    entry = row.log_probs[role][at]
    given = None if entry is None else _finite(entry)
    others = f", and {more:,} more tokens of it" if more else ""
    help = [
        f"{_meaning(given)}; mask such tokens, or write what the model gave",
        "--skip-bad leaves such sequences out, counted and named",
    ]
    raise SpecError(f"{row.place}: {role} is {_shown(given)} at token {at}, which counts{others}", help=help)


def _meaning(given: float | None) -> str:
    if given is None:
        return "null stands where there is none, as at a prompt's first token, or for a NaN"
    if given != given:
        return "NaN is what is left of a computation that failed, or a filler"
    if given == FILLER:
        return "-9999.0 is what engines write for a token whose log-probability they lack, or for -inf"
    if given > 0:
        return "no log-probability is above 0: it may be a probability, a loss (-log p) or a filler"
    return "the token has probability 0 there, as top-p, top-k or a filler make it, and no KL is finite"


def _shown(given: float | None) -> str:
    return "null" if given is None else "NaN" if given != given else f"{given:g}"


def _fillers(values: Any) -> dict[str, int]:
    import numpy as np

    missing, infinite = np.isnan(values), np.isinf(values)
    kinds = {
        "0": values == 0,
        "1": values == 1,
        "-9999": values == FILLER,
        "NaN or null": missing,
        "infinite": infinite,
    }
    found = {name: int(where.sum()) for name, where in kinds.items()}
    found["other numbers"] = len(values) - sum(found.values())
    return {name: number for name, number in found.items() if number}


def _group(row: Row) -> tuple[str | int | tuple[int, ...] | None, GroupedBy]:
    if row.group is not None:
        return row.group, "group"
    return (row.prompt, "prompt") if row.prompt is not None else (None, "sequence")
