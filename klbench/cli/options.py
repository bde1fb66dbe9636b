"""The arguments that several commands share."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import Annotated

import typer

from klbench.cli.completion import identified, overrides, specs

SpecSource = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        autocompletion=specs,
        help="A path, - for standard input, or a built-in spec (klbench list specs).",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        autocompletion=overrides,
        help='Override a key of the spec: samples=1e6, pairs.0.p="N(0.2, 1)".',
    ),
]


class Format(StrEnum):
    """What stdout gets."""

    TABLE = "table"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


class RunFormat(StrEnum):
    """What stdout gets of results that are measured."""

    TABLE = "table"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    GITHUB = "github"


def not_empty(value: str | None) -> str | None:
    """A value that is given, or None."""
    if value is not None and not value.strip():
        raise typer.BadParameter("is empty; give a value, or leave the option out")
    return value


Out = Annotated[
    str, typer.Option("-o", "--out", metavar="DIR", callback=not_empty, help="Where the files go: DIR/<name>/.")
]
Ratio = Annotated[
    str | None,
    typer.Option(
        "--ratio",
        metavar="NAME",
        autocompletion=identified,
        callback=not_empty,
        help="Each estimator's noise relative to this one's, on the same draws; one of the spec's.",
    ),
]
Check = Annotated[
    bool,
    typer.Option("--check", help="Exit 1 if measured and exact disagree (|z| > 5) or an expected value is missed."),
]
RunShown = Annotated[
    RunFormat,
    typer.Option(
        "-f", "--format", help="What goes to stdout; github: failed checks as annotations, the tables into the summary."
    ),
]
Html = Annotated[bool, typer.Option("--html", help="Write DIR/<name>/report.html too: all of it in one file.")]
Plot = Annotated[bool, typer.Option("--plot", help="Write its figures too: DIR/<name>/figures/*.svg.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress and no notes.")]
Shown = Annotated[Format, typer.Option("-f", "--format", help="How it is written to stdout.")]


def command_line(context: typer.Context) -> str:
    """The command line as it was given, quoted where a shell needs it; bytes that are no letters as escapes."""
    return shlex.join(["klbench", *context.find_root().obj]).encode(errors="backslashreplace").decode()
