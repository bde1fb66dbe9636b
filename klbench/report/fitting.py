"""The fullest of several tables that fits the terminal; if none fits, the last, at its own width and uncut."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table

from klbench.report.console import UNLIMITED


@dataclass(frozen=True)
class Fitting:
    """Tables that say the same, the fullest first."""

    tables: tuple[Table, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(width=UNLIMITED)
        # measuring costs as much as drawing, so it stops at the first that fits, and the last is not measured
        fits = (
            table for table in self.tables[:-1] if Measurement.get(console, free, table).maximum <= options.max_width
        )
        yield from console.render(next(fits, self.tables[-1]), free)
