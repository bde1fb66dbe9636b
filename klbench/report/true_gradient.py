"""The line on gradients in a heading: the parameters, and the true gradient of each target."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from klbench.report.component_fields import FEW
from klbench.report.fields import symbol
from klbench.report.numbers import count, exact_beside, plain_number, true_value
from klbench.results import CaseResult
from klbench.row import Row


def true_gradient(cases: Sequence[CaseResult]) -> str:
    """``∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1``; over a grid only the parameters; empty for values."""
    rows = [row for row in cases[0].rows if row.is_gradient]
    if not rows:
        return ""
    taken_in = f"∇ in {', '.join(rows[0].parameters)}"
    if cases[0].case.parameters:
        return taken_in
    known_first = sorted(rows, key=lambda row: row.components is None)  # rows without a gradient have none
    targets = dict.fromkeys(row.target for row in rows)
    told = (_of_target(next(row for row in known_first if row.target == target)) for target in targets)
    return f"{taken_in}: {'; '.join(told)}"


def _of_target(row: Row) -> str:
    name, components = f"∇{symbol(row.target)}", row.components
    if components is None or isnan(row.true_norm):
        return true_value(f"‖{name}‖", row.true_norm, "")
    if len(components.index) > FEW:
        return f"‖{name}‖ = {plain_number(row.true_norm)}, of {count(len(components.index))} numbers"
    numbers = ", ".join(exact_beside(value, row.true_norm) for value in components.true.tolist())
    return f"{name} = ({numbers}), of length {plain_number(row.true_norm)}"
