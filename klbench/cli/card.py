"""Cards, which the commands print that explain one thing: a title, prose, facts by name, the gradients it follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from shlex import quote

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from klbench.identity.identity import Identity
from klbench.wording import joined

HERE = "▸"
ON_SEQUENCES = (
    "Computed exactly, on sequences of two tokens; token-local: prefixes held as they are drawn. Stale samples "
    "(off-policy) are an older policy's."
)
ON_ONE_TOKEN = (
    "Computed exactly, on five tokens where no clamp is active. Stale samples (off-policy) are an older policy's."
)


def card(title: str, summary: str, facts: Mapping[str, str], *below: RenderableType) -> RenderableType:
    """A title, what to know in prose, facts by name (those that say nothing left out), and what stands below."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        if fact:
            table.add_row(Text(name, style="dim", no_wrap=True), fact)
    beside = [Padding(table, (1, 0, 0, 0))] if facts else []
    return Group(Text(title, style="bold cyan"), "", Text(_unwrapped(summary)), *beside, *below)


def letters(formula: str) -> str:
    """What the letters of a formula mean: those that it has."""
    meanings = {"r": "r = p(x)/q(x)", "ρ": "ρ = q(x)/sampler(x)", "sg(": "sg(·) is held constant"}
    return joined([meaning for letter, meaning in meanings.items() if letter == "r" or letter in formula])


def stacked(cards: Iterable[RenderableType]) -> RenderableType:
    """Several cards, a blank line between them."""
    first, *others = cards
    return Group(first, *(line for other in others for line in ("", other)))


def follows_table(
    identity: Identity, default: str = "", whose: str = "its", how: str = ON_ONE_TOKEN, drawn: str = ""
) -> RenderableType:
    """What a gradient follows in each place, on samples of q and on stale ones; ``default`` is marked.

    ``drawn``: the name under which ``klbench plot`` draws it, empty where it has no curve.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    headers = f"{whose} gradient follows", "on samples of q", "on stale ones"
    table.add_row(*(Text(header, style="dim") for header in headers))
    for place, name in identity.follows.items():
        is_default = place == default
        marked = Text(f"{HERE if is_default else ' '} in the {place}", style="bold" if is_default else "dim")
        table.add_row(marked, _follows(name), _follows(identity.stale_follows[place]))
    picture = [Text(f"klbench plot {quote(drawn)} draws it.", style="dim")] if drawn else []
    return Group("", table, Text(how, style="dim"), *picture)


def _follows(name: str) -> Text:
    text = {"": "no gradient", "0": "0 on average"}.get(name, name)
    return Text(text, style="red" if name in ("", "0", "none") else "")


def _unwrapped(text: str) -> str:
    """A docstring as paragraphs without line ends inside them, and without its markup."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.replace("``", "").split("\n\n"))
