"""The page of figures alone: ``klbench plot -o FILE.html``."""

from __future__ import annotations

from collections.abc import Sequence

from klbench.figures.figure import Figure
from klbench.pages.drawing import drawn
from klbench.pages.markup import Ids, element, lines
from klbench.pages.skeleton import page
from klbench.versions import __version__


def figures_page(figures: Sequence[Figure]) -> str:
    """The figures, one below the other, with their captions as text.

    Raises:
        RunError: matplotlib is not installed.
    """
    ids = Ids()
    content = ids.new("content")
    pictures = [drawn(figure, ids.new(f"{figure.name}-drawn")) for figure in figures]
    titles = list(dict.fromkeys(figure.title for figure in figures))
    title = titles[0] if len(titles) == 1 else "Figures"
    body = [
        element("header", element("p", "klbench plot", class_="kicker"), element("h1", title)),
        element("main", lines(picture.shown for picture in pictures), id=content),
        element("footer", element("p", f"Made by klbench {__version__}. Nothing in this file is loaded.")),
    ]
    styles = dict.fromkeys(picture.style for picture in pictures)
    return page(f"{title} · klbench", lines(body), "\n".join(styles))
