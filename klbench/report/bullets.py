"""Sentences as a list. No torch here."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def bullets(lines: Iterable[str]) -> RenderableType:
    """Sentences as a list, each wrapped beside its bullet."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    for line in lines:
        grid.add_row(Text("•", style="yellow"), Text(line))
    return grid
