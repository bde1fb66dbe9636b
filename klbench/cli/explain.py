"""``klbench explain``: one estimator, distribution or column; what a framework ships is explained in ``shipped``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import output
from klbench.cli.card import card, follows_table
from klbench.errors import SpecError, unknown
from klbench.estimators.estimator import OPTIMAL

if TYPE_CHECKING:
    from rich.console import RenderableType

    from klbench.distributions.family import Family
    from klbench.estimators.estimator import Estimator
    from klbench.estimators.estimator import Family as EstimatorFamily
    from klbench.identity.identity import Identity
    from klbench.report.columns import Column


HEADERS = {
    "bias/true": ("bias_over_true",),
    "stdev/true": ("stdev_over_true",),
    "regressed": ("bias_over_true_cv",),
    "exact": ("exact_bias_over_true", "exact_stdev_over_true", "exact_cosine", "exact"),
    "z": ("z_bias", "z_stdev"),
    "k < 0": ("negative_fraction",),
    "k̂": ("khat",),
    "rounding": ("rounding_over_true",),
}
"""What the table calls a column, and the columns of the files that it may stand for: after which it is, the table
shows."""


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="An estimator (k3, verl:low_var_kl), a distribution, a column of the results."
        ),
    ],
) -> None:
    """Explain an estimator, a distribution or a column."""
    from klbench.distributions import catalogue as distributions
    from klbench.estimators import catalogue as estimators
    from klbench.report import columns

    if ":" in name:
        _explain_named(name.strip())
        return
    by_column = {column.name: column for column in columns.COLUMNS}
    by_family = {family.name: family for family in estimators.families()}
    if name in by_column or name in HEADERS:
        for number, meant in enumerate(HEADERS.get(name, (name,))):
            _explain_column(by_column[meant], after=number)
    elif name in distributions.FAMILIES or name in distributions.ALIASES or name in distributions.REFUSED:
        _explain_distribution(distributions.find(name))
    elif name in by_family:
        _explain_family(by_family[name])
    elif _stem(name) in {_stem(known) for known in estimators.names()}:
        _explain_estimator(estimators.find(name))
    else:
        raise _unknown(name, [*estimators.names(), *distributions.FAMILIES, *by_column])


def _explain_named(name: str) -> None:
    """What a framework ships, or a user's own function."""
    from klbench.cli.shipped import explain_entry
    from klbench.estimators.catalogue import find
    from klbench.users.estimator import UserFunction

    estimator = find(name)
    if not isinstance(estimator.joint, UserFunction):
        explain_entry(estimator)
        return
    hints = [f"klbench identify {estimator.joint.name} imports it and finds out what it is"]
    raise SpecError(f"{estimator.joint.name} is a function of your own: klbench knows nothing of it yet", help=hints)


def _unknown(name: str, known: Iterable[str]) -> SpecError:
    error = unknown("name", name, known)
    hints = [line for line in error.help if not line.startswith("allowed")]
    lists = "klbench list estimators|frameworks|distributions shows the names; so does the header of results.csv"
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
    identity = _identity(estimator)
    whose = f"{estimator.name.removeprefix('ratio*')}'s" if estimator.weighted else "its"
    below = () if identity is None else (follows_table(identity, whose=whose),)
    _print(f"{estimator.name}, an estimator", estimator.summary, facts, *below)


def _identity(estimator: Estimator) -> Identity | None:
    """As computed; a weighted estimator's is that of the plain one, whose table has its weights."""
    from klbench.identity.computed import load

    return load().get(estimator.name.removeprefix("ratio*"))


def _explain_distribution(family: Family) -> None:
    arguments = {f"  {p.name}": p.constraint.text + _default(p.default) for p in family.parameters}
    facts = {"write": family.signature, **arguments, "on": family.support_text, "for example": family.example}
    _print(f"{family.name}, a {family.kind} distribution", family.summary, facts)


def _explain_column(column: Column, after: int = 0) -> None:
    """What a column is; ``after`` another there is a line between them."""
    if after:
        output.text("\n")
    _print(f"{column.name}, a column of {column.where}", column.description, {})


def _default(value: float | None) -> str:
    return "" if value is None else f"; {value:g} by default"


def _print(title: str, summary: str, facts: Mapping[str, str], *below: RenderableType) -> None:
    output.data(card(title, summary, facts, *below))
