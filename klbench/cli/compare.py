"""``klbench compare``: two results side by side, number by number, so that a build can be held to a baseline."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from klbench.cli import output
from klbench.cli.completion import results
from klbench.cli.options import Quiet, not_empty


class CompareFormat(StrEnum):
    """How the comparison is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def _share(text: str | None) -> str | None:
    if text is not None and not (re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", text) and _is_share(text)):
        raise typer.BadParameter(f"{text!r} is no share; give a number from 0 to below 1, such as 0.01 for 1 %")
    return text


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) < 1
    except ValueError:
        return False


def _side(which: str, help: str) -> object:
    return typer.Argument(metavar=which, callback=not_empty, autocompletion=results, help=help)


First = Annotated[str, _side("A", "A results folder, or a results.csv: the baseline.")]
Second = Annotated[str, _side("B", "Another one: what it has become.")]
Within = Annotated[
    str | None,
    typer.Option(
        "--within",
        metavar="SHARE",
        callback=_share,
        help="Tolerate this besides: 0.01 is 1 % of the larger number; of bias/true and cosine 0.01 itself.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Exit 1 as well if the same draws give other numbers, or one has what the other lacks."
    ),
]
Shown = Annotated[CompareFormat, typer.Option("-f", "--format", help="How it is written to stdout.")]


def compare(
    first: First,
    second: Second,
    within: Within = None,
    strict: Strict = False,
    format: Shown = CompareFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Compare two results row by row: each number's difference, by how many errors, and a verdict.

    Exit 1 if a number differs by more than 5 errors, or an exact one beyond rounding. Rows are matched by pair, grid
    parameters, estimator, level, aggregation, placement, weighting and dtype. Where the draws are the same, that is
    used and said. Nothing that a spec names is imported or run.
    For example: klbench compare results/main results/branch --within 0.01
    """
    import sys

    from klbench.compare.comparison import compare as compared
    from klbench.compare.documents import to_csv, to_json, to_markdown
    from klbench.compare.html import to_page
    from klbench.compare.table import Table
    from klbench.compare.words import failed

    comparison = compared(first, second, within=float(within or 0))
    match format:
        case CompareFormat.TABLE:
            output.data(Table(comparison, sys.stdout.encoding or "utf-8"))
        case CompareFormat.MARKDOWN:
            output.document(to_markdown(comparison))
        case CompareFormat.CSV:
            output.document(to_csv(comparison))
        case CompareFormat.JSON:
            output.document(to_json(comparison, strict=strict))
        case CompareFormat.HTML:
            output.document(to_page(comparison))
    if not comparison.holds(strict=strict):
        if not quiet:
            output.remark(failed(comparison, strict=strict))
        raise typer.Exit(1)
