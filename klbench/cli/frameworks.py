"""``klbench frameworks``: the audit of everything frameworks ship."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import output
from klbench.cli.completion import shipped
from klbench.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from klbench.identity.audit import Practice


class PageFormat(StrEnum):
    """How the page is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        autocompletion=shipped,
        help="Frameworks or entries, such as verl or trl:grpo; without a name, all.",
    ),
]
Shown = Annotated[PageFormat, typer.Option("-f", "--format", help="The format on stdout.")]


def frameworks(names: Names = None, format: Shown = PageFormat.TABLE) -> None:
    """Audit what frameworks ship, all of it or by NAME.

    Each is put where its framework puts it, on a standard set of pairs. Every number is exact: nothing is sampled.
    For example: klbench frameworks -f html > audit.html, a page with a search and filters.
    """
    from klbench.frameworks.catalogue import chosen
    from klbench.identity.audit import audit

    if format is PageFormat.HTML:
        output.document(_page(audit(chosen(names or ()))))
        return
    from klbench.report.frameworks import to_json, to_markdown, to_page

    audited = audit(chosen(names or ()))
    match format:
        case PageFormat.TABLE:
            output.data(to_page(audited))
        case PageFormat.MARKDOWN:
            output.document(to_markdown(audited))
        case PageFormat.JSON:
            output.document(to_json(audited))


def _page(practices: Sequence[Practice]) -> str:
    """The page, with its map where that can be drawn."""
    from klbench.figures.audit import audit_figure
    from klbench.figures.canvas import INSTALL, ensure_installed
    from klbench.pages.audit import to_page

    try:
        ensure_installed()
    except RunError:  # the page says everything without it
        return to_page(practices, lacking=f"A map of the gradients is drawn here with {INSTALL}.")
    figure = audit_figure(practices)
    return to_page(practices, [figure] if figure.panels else [])
