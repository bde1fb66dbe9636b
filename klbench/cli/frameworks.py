"""``klbench frameworks``: the audit of everything frameworks ship."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from klbench.cli import output


class PageFormat(StrEnum):
    """How the page is written."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


Shown = Annotated[PageFormat, typer.Option("-f", "--format", help="How it is written to stdout.")]


def frameworks(format: Shown = PageFormat.TABLE) -> None:
    """Audit every estimator that frameworks ship.

    Each is put where its framework puts it, on a standard set of pairs. Every number is exact: nothing is sampled.
    """
    from klbench.identity.audit import audit
    from klbench.report.frameworks import to_json, to_markdown, to_page
    from klbench.runner import one_torch_thread

    with one_torch_thread():
        found = audit()
    match format:
        case PageFormat.TABLE:
            output.data(to_page(found))
        case PageFormat.MARKDOWN:
            output.document(to_markdown(found))
        case PageFormat.JSON:
            output.document(to_json(found))
