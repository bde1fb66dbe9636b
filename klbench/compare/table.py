"""A comparison at a terminal: a table where it fits, sentences where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from klbench.compare import words
from klbench.compare.comparison import Comparison
from klbench.compare.documents import HEADERS, SIDES, rows
from klbench.letters import narrowed
from klbench.report.bullets import bullets
from klbench.report.narrow import spelled
from klbench.report.numbers import aligned

_GAP = "  "


@dataclass(frozen=True)
class Table:
    """The comparison as a person reads it, in letters that ``encoding`` has."""

    comparison: Comparison
    encoding: str = "utf-8"

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.comparison.identical:
            yield Text(self._spelled(words.identical(self.comparison)))
            return
        yield Text(self._spelled(words.heading(self.comparison)), style="bold cyan")
        if self.comparison.told:
            yield Text()
            yield from self._differences(options.max_width)
            yield Text()
        yield spelled(bullets(words.sentences(self.comparison)), self.encoding)
        yield from (Text(self._spelled(sentence), style="dim") for sentence in words.meanings(self.comparison))

    def _differences(self, width: int) -> Iterator[RenderableType]:
        table = [[self._spelled(cell) for cell in row] for row in rows(self.comparison)]
        columns = [
            aligned(cells) if side.endswith(":") else list(cells)
            for cells, side in zip(zip(*table, strict=True), SIDES, strict=True)
        ]
        widths = [max(map(cell_len, (header, *cells))) for header, cells in zip(HEADERS, columns, strict=True)]
        whole = sum(widths) + len(_GAP) * (len(widths) - 1)
        if whole > width:
            yield spelled(bullets(each.sentence for each in words.told(self.comparison)), self.encoding)
            return
        right = [side.endswith(":") and not side.startswith(":") for side in SIDES]
        lines = [Text(_line(HEADERS, widths, right), style="bold"), Text(self._spelled("─") * whole, style="dim")]
        lines += [Text(_line(row, widths, right)) for row in zip(*columns, strict=True)]
        for line, each in zip(lines[2:], words.told(self.comparison), strict=True):
            line.stylize("red" if each.fails else "")
        yield from (_unbroken(line) for line in lines)

    def _spelled(self, text: str) -> str:
        return narrowed(text, self.encoding)


def _unbroken(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ignore"
    return line


def _line(cells: tuple[str, ...], widths: list[int], right: list[bool]) -> str:
    padded = (
        " " * (width - cell_len(cell)) + cell if is_right else set_cell_size(cell, width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    )
    return _GAP.join(padded).rstrip()
