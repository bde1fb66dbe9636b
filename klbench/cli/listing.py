"""``klbench list``: the estimators, what frameworks ship, the distributions and the built-in specs there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from klbench.cli import output
from klbench.cli.completion import shipped
from klbench.cli.options import Format, Shown
from klbench.errors import SpecError
from klbench.wording import joined

if TYPE_CHECKING:
    from klbench.report.records import Record


class What(StrEnum):
    """What can be listed."""

    ESTIMATORS = "estimators"
    FRAMEWORKS = "frameworks"
    DISTRIBUTIONS = "distributions"
    SPECS = "specs"


Listed = Annotated[What, typer.Argument(metavar="|".join(What), help="What to list.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        autocompletion=shipped,
        help="With frameworks: only these, or single entries: verl, trl:grpo.",
    ),
]


def listing(what: Listed, names: Names = None, format: Shown = Format.TABLE) -> None:
    """List what there is; klbench explain NAME says more of each."""
    if names and what is not What.FRAMEWORKS:
        raise SpecError(
            f"list {what} takes no names, and was given {joined(names)}",
            help=[
                "klbench explain NAME says everything about one; only list frameworks takes names: list frameworks verl"
            ],
        )
    if format is Format.TABLE:
        _show_table(what, names or ())
    else:
        from klbench.cli.records import show_list

        show_list(list(_records(what, names or ())), format)


def _show_table(what: What, names: Sequence[str]) -> None:
    match what:
        case What.ESTIMATORS:
            _estimators()
        case What.FRAMEWORKS:
            _frameworks(names)
        case What.DISTRIBUTIONS:
            _distributions()
        case What.SPECS:
            _specs()


def _records(what: What, names: Sequence[str]) -> Iterator[Record]:
    """What the table lists, with all that is known of each."""
    from klbench.cli import records
    from klbench.distributions.catalogue import EVERY
    from klbench.estimators.catalogue import examples, of_sequences
    from klbench.frameworks.catalogue import chosen
    from klbench.spec import builtin

    match what:
        case What.ESTIMATORS:
            yield from map(records.of_estimator, (*examples(), *of_sequences()))
        case What.FRAMEWORKS:
            yield from map(records.of_entry, chosen(names))
        case What.DISTRIBUTIONS:
            yield from map(records.of_distribution, EVERY.values())
        case What.SPECS:
            yield from map(records.of_spec, builtin.names())


def _estimators() -> None:
    from klbench.estimators.catalogue import examples, of_sequences

    rows = [
        (estimator.name, estimator.formula, estimator.target.name, "yes" if estimator.unbiased else "no")
        for estimator in (*examples(), *of_sequences())
    ]
    _print(("estimator", "formula, r = p/q", "target", "unbiased"), rows)
    output.data(
        "\nreverse KL: KL(q‖p); forward KL: KL(p‖q). Each estimator can be weighted for samples from another policy: "
        "ratio*k3 is k3 times the importance weight ρ = q/sampler, self-normalised-ratio*k3 that over the mean weight."
    )


def _frameworks(names: Iterable[str]) -> None:
    from klbench.cli.shipped import list_entries
    from klbench.frameworks.catalogue import chosen

    list_entries(chosen(names))


def _distributions() -> None:
    from klbench.distributions.catalogue import ALIASES, EVERY

    _print(("distribution", "on"), [(family.signature, family.support_text) for family in EVERY.values()])
    short = ", ".join(f"{alias}(a, b) is {name}(a, b)" for alias, name in ALIASES.items())
    output.data(f"\n{short}. Mixtures are sums, 0.5*N(-2, 1) + 0.5*N(2, 1); independent copies a power, N(0, 1)**10.")


def _specs() -> None:
    from klbench.spec import builtin

    _print(("spec", "what it shows"), [(name, builtin.title(name)) for name in builtin.names()])


def _print(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*headers, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    table.columns[0].style, table.columns[0].no_wrap = "cyan", len(headers) > 2
    output.data(table)
