"""What a command does with results: the table or the document, where the files are, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from klbench.cli import output
from klbench.cli.interrupts import under_way
from klbench.cli.options import Format
from klbench.errors import Interrupted
from klbench.estimators.vocabulary import FULL_PRECISION

if TYPE_CHECKING:
    from klbench.results import Results


def tell(results: Results, folder: Path, written: Sequence[str], format: Format, *, quiet: bool, check: bool) -> None:
    """Show results whose files, ``written``, are in a folder, and hold them to their checks.

    Raises:
        Interrupted: meanwhile.
        typer.Exit: a check fails.
    """
    try:
        with under_way():
            _show(results, format, quiet)
            if not quiet:
                _say_where(results, folder, written)
            if check:
                _hold(results, quiet)
    except KeyboardInterrupt:
        help = [f"{folder} holds the results of this run, all of them"]
        raise Interrupted("interrupted as the results were shown", help=help) from None


def _show(results: Results, format: Format, quiet: bool) -> None:
    from klbench.cli.show import show_document, show_tables
    from klbench.report.frame import to_csv, to_json
    from klbench.report.markdown import to_markdown

    match format:
        case Format.TABLE:
            show_tables(results, notes=not quiet)
        case Format.MARKDOWN:
            output.document(to_markdown(results))
        case Format.CSV:
            show_document(to_csv(results), results, notes=not quiet)
        case Format.JSON:
            show_document(to_json(results), results, notes=not quiet)


def _say_where(results: Results, folder: Path, written: Sequence[str]) -> None:
    from klbench.report.numbers import seconds
    from klbench.wording import counted

    if lost := results.engines[-1].retries:
        output.remark(f"{counted(lost, 'task')} had to be given to another worker, because one died")
    output.remark(f"wrote {folder}/{', '.join(written)} · {seconds(results.seconds)}")


def _hold(results: Results, quiet: bool) -> None:
    from klbench.report.check import check, not_checkable
    from klbench.wording import counted

    points = list(check(results))
    missed = [point for point in points if not point.holds]
    for point in missed:
        output.remark(f"check failed: {point.text}")
    if missed:
        output.remark(f"{len(missed)} of {counted(len(points), 'check')} failed")
        raise typer.Exit(1)
    if not quiet:
        output.remark(_passed(len(points), results.spec.dtype))
        unchecked = sum(1 for _ in not_checkable(results))
        if unchecked:
            numbers = counted(unchecked, "number")
            output.remark(f"{numbers} could not be checked: no exact value or error bar, or less than float64")


def _passed(count: int, dtypes: Sequence[str]) -> str:
    if not count and FULL_PRECISION not in dtypes:
        return (
            "nothing to check: the exact values are of float64, and rounding is part of these numbers. "
            "Add float64 to dtype, or give the values you expect"
        )
    if not count:
        return "nothing to check: no number here has both an exact value and an error bar"
    return f"all {count} checks passed" if count > 1 else "the one check passed"
