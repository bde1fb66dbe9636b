"""A table with a column for each component of a gradient, where these are few."""

from __future__ import annotations

from math import nan

from klbench.report.field import ESTIMATOR, MEASURED, Field, Layout, with_error
from klbench.report.fields import PLACEMENT, tail
from klbench.report.numbers import MISSING, exact_beside
from klbench.row import Row

FEW = 8
"""The most components that are shown one by one."""


def component_layouts(names: tuple[str, ...]) -> tuple[Layout, ...]:
    """The layouts of a table with a column for each component, the fullest first."""
    columns = [(_component(name, index), _exact_component(name, index)) for index, name in enumerate(names)]
    both = (field for pair in columns for field in pair)
    return (ESTIMATOR, PLACEMENT, *both), (ESTIMATOR, PLACEMENT, *(field for field, _ in columns))


def _component(name: str, index: int) -> Field:
    def show(row: Row) -> str:
        held = row.components
        if held is None:
            return MISSING
        # no mark: components are not checked one by one, because the error bar of a rare token is too uncertain
        return with_error(float(held.mean[index]), float(held.mean_mcse[index]), 0.0, tail(row))

    return Field(MEASURED, show, group=f"∇{name}", number=lambda row: _number(row, "mean", index))


def _exact_component(name: str, index: int) -> Field:
    def show(row: Row) -> str:
        held = row.components
        return MISSING if held is None else exact_beside(float(held.exact[index]), float(held.stdev[index]))

    return Field("exact", show, quiet=True, group=f"∇{name}", number=lambda row: _number(row, "exact", index))


def _number(row: Row, vector: str, index: int) -> float:
    return nan if row.components is None else float(getattr(row.components, vector)[index])
