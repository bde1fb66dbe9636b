"""What every page is made of: its head, one stylesheet, one script. Nothing is loaded from anywhere."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from klbench.figures import style
from klbench.pages.markup import Markup, element, lines

_INKS = {"paper": style.PAPER, "text": style.TEXT, "quiet": style.QUIET, "line": style.GRID, "shade": style.SHADE}
_PALETTE = ("blue", "orange", "green", "pink", "amber", "violet", "red", "moss")


def page(title: str, body: Markup, figures: str = "") -> str:
    """A whole page.

    Args:
        title: what a browser calls it.
        body: everything that is seen.
        figures: the style of its figures.
    """
    script = _read("page.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        # no script but this page's own ever runs, and nothing is fetched
        element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content="klbench"),
        element("title", title),
        element("style", Markup(_colours() + _read("page.css") + figures)),
    )
    shown = element("body", element("a", "To the content", href="#content", class_="skip"), body, _script(script))
    return f"<!DOCTYPE html>\n{element('html', lines([head, shown]), lang='en')}\n"


def _script(script: str) -> Markup:
    return element("script", Markup(script))


def _policy(script: str) -> str:
    own = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"
    )


@cache
def _read(name: str) -> str:
    return (files("klbench.pages") / name).read_text(encoding="utf-8")


def _colours() -> str:
    """The colours of the figures, by name, for light and for dark paper."""
    inks = {**_INKS, **dict(zip(_PALETTE, style.PALETTE, strict=True))}
    light = "".join(f"--{name}:{ink.light};" for name, ink in inks.items())
    dark = "".join(f"--{name}:{ink.dark};" for name, ink in inks.items())
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
