"""Figures inside a page: SVG with ids that no other figure has, with its words as text beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from klbench.figures.canvas import to_svg
from klbench.figures.figure import Figure
from klbench.pages.markup import NOTHING, Markup, element, text, together

_HEAD = re.compile(r"(<svg[^>]*>)<title>.*?</title><desc>.*?</desc><style>(.*?)</style>", re.DOTALL)
_NAMESPACES = re.compile(r' (?:xmlns(?::xlink)?|version)="[^"]*"')
_COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)
_ID, _LINK, _URL = re.compile(r'\bid="([^"]*)"'), re.compile(r'\bxlink:href="#'), "url(#"
_BETWEEN = re.compile(r">\s+<")


@dataclass(frozen=True)
class Drawn:
    """A figure in a page, and the style that all figures of a page share."""

    shown: Markup
    style: str


def drawn(figure: Figure, name: str) -> Drawn:
    """The figure with its caption; every id in it begins with ``name``.

    Raises:
        RunError: matplotlib is not installed.
    """
    # the words are no part of the drawing: as text they keep their size on a phone, can be searched and copied
    written = to_svg([replace(figure, title="", subtitle="", captions=())])
    head = _HEAD.match(written)
    assert head is not None, "an SVG begins with its title, its description and its style"
    inside = _alone(written[head.end() :], name)
    start = _NAMESPACES.sub("", head[1]).replace("<svg", f'<svg aria-labelledby="{name}-title {name}-alt"')
    said = [element("title", figure.title, id=f"{name}-title"), element("desc", figure.alt, id=f"{name}-alt")]
    drawing = element("div", Markup(start), *said, Markup(inside), class_="drawing", tabindex="0", role="group")
    drawing = Markup(drawing.replace(' role="group">', f' role="group" aria-label="{text(figure.title)}">', 1))
    # paper is light, whatever the screen is
    on_screen = head[2].replace("@media (", "@media screen and (")
    return Drawn(element("figure", _titled(figure), drawing, _captions(figure), id=name), on_screen)


def _titled(figure: Figure) -> Markup:
    subtitle = element("span", figure.subtitle, class_="facts") if figure.subtitle else NOTHING
    return element("figcaption", element("strong", figure.title), subtitle)


def _captions(figure: Figure) -> Markup:
    return element("p", together(figure.captions, " "), class_="captions") if figure.captions else NOTHING


def _alone(drawing: str, name: str) -> str:
    """The drawing with ids of its own, without comments and white space."""
    drawing = _COMMENT.sub("", drawing)
    drawing = _ID.sub(rf'id="{name}-\1"', drawing)
    drawing = _LINK.sub(f'href="#{name}-', drawing).replace(_URL, f"{_URL}{name}-")
    return _BETWEEN.sub("><", _NAMESPACES.sub("", drawing)).strip()
