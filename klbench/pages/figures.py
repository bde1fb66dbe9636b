"""A page of figures alone: ``klbench plot ... -o figure.html``."""

from __future__ import annotations

from collections.abc import Sequence

from klbench.figures.figure import Figure
from klbench.pages.drawing import drawn
from klbench.pages.markup import Ids, element, lines
from klbench.pages.skeleton import page
from klbench.wording import file_stem, joined


def figures_page(figures: Sequence[Figure]) -> str:
    """The page.

    Raises:
        RunError: matplotlib is not installed.
    """
    ids = Ids()
    content = ids.new("content")
    shown = [drawn(figure, ids.new(f"{file_stem(figure.name)}-drawn")) for figure in figures]
    title = joined([*dict.fromkeys(figure.title for figure in figures)])
    body = [
        element("header", element("p", "klbench", class_="kicker"), element("h1", title)),
        element("main", lines([figure.shown for figure in shown]), id=content),
    ]
    return page(f"{title} · klbench", lines(body), "\n".join(dict.fromkeys(figure.style for figure in shown)))
