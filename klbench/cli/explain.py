"""``klbench explain``: one estimator, distribution or column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from klbench.cli import output
from klbench.errors import SpecError, unknown
from klbench.estimators.estimator import OPTIMAL

if TYPE_CHECKING:
    from klbench.distributions.family import Family
    from klbench.estimators.estimator import Estimator
    from klbench.estimators.estimator import Family as EstimatorFamily
    from klbench.report.columns import Column


HEADERS = {
    "bias/true": "bias_over_true",
    "stdev/true": "stdev_over_true",
    "regressed": "bias_over_true_cv",
    "exact": "exact_bias_over_true",
    "z": "z_bias",
    "k < 0": "negative_fraction",
    "k̂": "khat",
}
"""What the table calls a column, and its name in results.csv."""


def explain(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="An estimator, a distribution or a column of results.csv.")
    ],
) -> None:
    """Explain an estimator, a distribution or a column."""
    from klbench.distributions import catalogue as distributions
    from klbench.estimators import catalogue as estimators
    from klbench.report import columns

    by_column = {column.name: column for column in columns.COLUMNS}
    name = HEADERS.get(name, name)
    by_family = {family.name: family for family in estimators.families()}
    if name in by_column:
        _explain_column(by_column[name])
    elif name in distributions.FAMILIES or name in distributions.ALIASES or name in distributions.REFUSED:
        _explain_distribution(distributions.find(name))
    elif name in by_family:
        _explain_family(by_family[name])
    elif _stem(name) in {_stem(known) for known in estimators.names()}:
        _explain_estimator(estimators.find(name))
    else:
        raise _unknown(name, [*estimators.names(), *distributions.FAMILIES, *by_column])


def _unknown(name: str, known: Iterable[str]) -> SpecError:
    error = unknown("name", name, known)
    hints = [line for line in error.help if not line.startswith("allowed")]
    lists = "klbench list estimators and klbench list distributions show the names; so does the header of results.csv"
    return SpecError(error.message, help=[*hints, lists])


def _stem(name: str) -> str:
    return name.removeprefix("ratio*").partition("(")[0]


def _explain_family(family: EstimatorFamily) -> None:
    optimal = f"; {family.name}({OPTIMAL}) fits it" if family.optimal else ""
    _explain_estimator(family.make(family.example), {"in parentheses": family.parameter.rstrip(",") + optimal})


def _explain_estimator(estimator: Estimator, more: Mapping[str, str] = MappingProxyType({})) -> None:
    facts = {
        **more,
        "formula": f"{estimator.formula}, where r = p(x)/q(x)",
        "target": estimator.target.name,
        "unbiased": "yes" if estimator.unbiased else "no",
        "biased": estimator.biased_when,
        "never negative": "yes" if estimator.nonnegative else "no",
        "infinite variance": estimator.infinite_variance_when,
        "used by": estimator.used_by,
        "source": estimator.source,
    }
    _print(f"{estimator.name}, an estimator", estimator.summary, facts)


def _explain_distribution(family: Family) -> None:
    arguments = {f"  {p.name}": p.constraint.text + _default(p.default) for p in family.parameters}
    facts = {"write": family.signature, **arguments, "on": family.support_text, "for example": family.example}
    _print(f"{family.name}, a {family.kind} distribution", family.summary, facts)


def _explain_column(column: Column) -> None:
    _print(f"{column.name}, a column of results.csv", column.description, {})


def _default(value: float | None) -> str:
    return "" if value is None else f"; {value:g} by default"


def _print(title: str, summary: str, facts: Mapping[str, str]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        if fact:
            table.add_row(Text(name, style="dim"), fact)
    paragraphs = Text(_unwrapped(summary))
    output.data(
        Group(Text(title, style="bold cyan"), "", paragraphs, *([Padding(table, (1, 0, 0, 0))] if facts else []))
    )


def _unwrapped(text: str) -> str:
    """A docstring as paragraphs without line ends inside them, and without its markup."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.replace("``", "").split("\n\n"))
