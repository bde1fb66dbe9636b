"""What a command does with results: the table or the document, where the files are, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from klbench.cli import output
from klbench.cli.interrupts import under_way
from klbench.cli.options import RunFormat
from klbench.errors import Interrupted
from klbench.estimators.vocabulary import FULL_PRECISION

if TYPE_CHECKING:
    from klbench.results import Results


def tell(
    results: Results, folder: Path, written: Sequence[str], format: RunFormat, *, quiet: bool, check: bool
) -> None:
    """Show results whose files, ``written``, are in a folder, and hold them to their checks.

    Raises:
        Interrupted: meanwhile.
        typer.Exit: a check fails.
    """
    try:
        with under_way():
            if format is not RunFormat.GITHUB:
                _show(results, format, quiet)
            if not quiet:
                _say_where(results, folder, written)
            if format is RunFormat.GITHUB:
                _tell_github(results, folder, check=check)
            elif check:
                _hold(results, quiet)
    except KeyboardInterrupt:
        help = [f"{folder} holds the results of this run, all of them"]
        raise Interrupted("interrupted as the results were shown", help=help) from None


def _tell_github(results: Results, folder: Path, *, check: bool) -> None:
    from klbench.cli.github import errors_of, notice, summarise
    from klbench.report.check import check as checks
    from klbench.report.markdown import to_markdown

    points = list(checks(results)) if check else []
    missed = [point for point in points if not point.holds]
    output.text("".join(errors_of(missed, results.spec)))
    summarise(to_markdown(results), folder)
    output.text(notice(_outcome(results, len(points), len(missed), check=check)))
    if missed:
        raise typer.Exit(1)


def _outcome(results: Results, points: int, missed: int, *, check: bool) -> str:
    """In a line what came out: ``schulman: 6 rows; 1 of 26 checks failed``."""
    from klbench.wording import counted

    rows = f"{results.spec.name}: {counted(sum(1 for _ in results.rows()), 'row')}"
    if not check:
        return rows
    return f"{rows}; {_missed(missed, points) if missed else _passed(points, results.spec.dtype)}"


def _missed(missed: int, points: int) -> str:
    from klbench.wording import counted

    return f"{missed} of {counted(points, 'check')} failed"


def _show(results: Results, format: RunFormat, quiet: bool) -> None:
    from klbench.cli.show import show_document, show_tables
    from klbench.report.frame import to_csv, to_json
    from klbench.report.markdown import to_markdown

    match format:
        case RunFormat.TABLE:
            show_tables(results, notes=not quiet)
        case RunFormat.MARKDOWN:
            output.document(to_markdown(results))
        case RunFormat.CSV:
            show_document(to_csv(results), results, notes=not quiet)
        case RunFormat.JSON:
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
        output.remark(_missed(len(missed), len(points)))
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
