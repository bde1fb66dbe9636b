"""What a precision below float64 took from the estimators of a case, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klbench.results import GradientRow, Row
from klbench.wording import few

_WORTH_A_NOTE = 0.01
"""Of the true value; what is less is in the table."""
_CERTAIN = 5.0
"""Standard errors of the rounding itself: less may be chance."""
_REMEDY = {
    "float32": "Compute log-probabilities and their difference in float64, and exp(l) - 1 as expm1(l).",
    "bfloat16": "Compute log-probabilities in float32 and subtract there; a cast after rounding brings nothing back.",
}


def about_rounding(rows: Sequence[Row | GradientRow]) -> Iterator[str]:
    """A sentence for each precision that changes a mean by more than a hundredth of the true value."""
    by_dtype: dict[str, dict[str, str]] = {}
    for row in rows:
        size, error = abs(row.rounding_over_true), row.rounding_over_true_mcse
        if size > max(_WORTH_A_NOTE, _CERTAIN * error):
            by_dtype.setdefault(row.dtype, {}).setdefault(row.estimator, _change(row))
    for dtype, changes in by_dtype.items():
        what = "gradient" if isinstance(rows[0], GradientRow) else "mean"
        changed = [f"of {name} by {change}" for name, change in changes.items()]
        remedy = _REMEDY.get(dtype, _REMEDY["bfloat16"])
        yield f"In {dtype}, rounding changes the {what} {few(changed)} of the true {_TRUE[what]}. {remedy}"


def _change(row: Row | GradientRow) -> str:
    """``−71%``; of a gradient, which has a direction too, without a sign."""
    share = row.rounding_over_true
    size = f"{abs(share):.0%}" if abs(share) < _MANY else f"{abs(share):,.0f} times"
    sign = "" if isinstance(row, GradientRow) else "−" if share < 0 else "+"
    return sign + size


_TRUE = {"mean": "value", "gradient": "gradient"}
_MANY = 10.0
