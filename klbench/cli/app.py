"""The commands by name, as ``klbench --help`` shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from klbench.cli.compare import compare
from klbench.cli.data import data
from klbench.cli.explain import explain
from klbench.cli.frameworks import frameworks
from klbench.cli.identify import identify
from klbench.cli.init import init
from klbench.cli.listing import listing
from klbench.cli.merge import merge
from klbench.cli.plot import plot
from klbench.cli.report import report
from klbench.cli.run import run
from klbench.cli.schema import schema
from klbench.cli.validate import validate

app = typer.Typer(
    help="The reference instrument for KL-divergence estimators: bias, noise and exact values, with an error bar "
    "on every number.\n\nStart with: klbench run schulman",
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from klbench.cli.version import show_version

        show_version()
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", help="Show versions and devices and exit.", callback=_show_version, is_eager=True)
]


@app.callback()
def _without_command(context: typer.Context, _version: Version = False) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


app.command("run")(run)
app.command("data")(data)
app.command("plot")(plot)
app.command("merge")(merge)
app.command("compare")(compare)
app.command("validate")(validate)
app.command("list")(listing)
app.command("explain")(explain)
app.command("identify")(identify)
app.command("frameworks")(frameworks)
app.command("report")(report)
app.command("schema")(schema)
app.command("init")(init)
