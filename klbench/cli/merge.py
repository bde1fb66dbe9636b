"""``klbench merge``: the results of all shards of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli.measuring import watched, write
from klbench.cli.options import Check, Html, Out, Plot, Quiet, RunFormat, RunShown, command_line, not_empty
from klbench.cli.outcome import tell
from klbench.cli.pictures import Pictures
from klbench.cli.waiting import import_torch

if TYPE_CHECKING:
    from klbench.results import Results


def _none_empty(folders: list[str]) -> list[str]:
    for folder in folders:
        not_empty(folder)
    return folders


Folders = Annotated[
    list[str],
    typer.Argument(
        metavar="FOLDER...",
        callback=_none_empty,
        help="Where the shards are: folders with shard-I-of-N/blocks.sqlite below.",
    ),
]


def merge(
    context: typer.Context,
    folders: Folders,
    out: Out = "results",
    html: Html = False,
    plot: Plot = False,
    check: Check = False,
    format: RunShown = RunFormat.TABLE,
    quiet: Quiet = False,
) -> None:
    """Make the results of all shards of a run, with the same bytes as one run.

    For example: klbench run schulman --shard 1/2; klbench run schulman --shard 2/2; klbench merge results/schulman
    """
    pictures = Pictures(html, plot)
    pictures.refuse_without_matplotlib()
    import_torch(quiet=quiet)
    from klbench.report.manifest import Call
    from klbench.runner import run
    from klbench.shards import gathered

    keeper = gathered([Path(folder) for folder in folders])
    spec, folder = keeper.spec, Path(out) / keeper.spec.name

    pictures.refuse_what_is_in_the_way(folder)

    def measured() -> Results:
        with watched(quiet=quiet) as tally:
            return run(spec, device=keeper.device, threads=1, observer=tally, keeper=keeper)

    results, files = write(spec, folder, Call(command_line(context)), measured, quiet=quiet, pictures=pictures)
    tell(results, folder, files, format, quiet=quiet, check=check)
