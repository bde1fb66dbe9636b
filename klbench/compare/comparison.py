"""Two results compared: matched row by row, every number judged, and what else is different."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from klbench.compare import beside
from klbench.compare.difference import Difference
from klbench.compare.rows import Rows
from klbench.compare.side import CHECKS, COMPONENTS, POSITIONS, RESULTS, Side, side
from klbench.compare.specs import Changed, changed, changed_keys, changed_versions, same_streams
from klbench.errors import SpecError
from klbench.report.line import Line
from klbench.wording import counted

if TYPE_CHECKING:
    from pandas import DataFrame

    from klbench.results import Results

_NUMBERS = (RESULTS, COMPONENTS, CHECKS, POSITIONS)
"""The files whose bytes make two results identical."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What is different between two results. In a notebook it shows its table.

    Args:
        a, b: what they are called.
        identical: the names of the files that both have, if each is the same bytes in both; else none.
        rows: how many rows were matched.
        differences: every number of those, in their order, those that agree as well.
        only_a, only_b: the rows that only one has: ``far: k3``.
        draws: how many rows hang together in which way.
        spec, versions: what else is different. Without both specs ``spec`` has the distributions that differ.
        components: of gradients; None where they do not differ.
    """

    a: str
    b: str
    identical: tuple[str, ...]
    rows: int
    differences: tuple[Difference, ...]
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    draws: tuple[tuple[str, int], ...] = ()
    spec: tuple[Changed, ...] = ()
    versions: tuple[Changed, ...] = ()
    components: beside.Components | None = None

    @cached_property
    def told(self) -> tuple[Difference, ...]:
        """The numbers that do not agree, the farthest apart first."""
        return tuple(sorted((each for each in self.differences if each.is_told), key=lambda each: -each.rank))

    @property
    def agreeing(self) -> int:
        """How many numbers agree."""
        return sum(each.agrees for each in self.differences)

    def failures(self, *, strict: bool = False) -> tuple[Difference, ...]:
        """The numbers beyond 5 errors that are not tolerated; ``strict``: those that are computed otherwise, too."""
        return tuple(each for each in self.told if (each.fails_strictly if strict else each.fails))

    def holds(self, *, strict: bool = False) -> bool:
        """Whether nothing fails; ``strict``: and nothing is there in one alone."""
        return not self.failures(strict=strict) and not (strict and (self.only_a or self.only_b))

    def to_frame(self) -> DataFrame:
        """A row for every number that was compared, as ``klbench compare -f csv`` has them."""
        import pandas as pd

        from klbench.compare.documents import records

        return pd.DataFrame(records(self))

    def __repr__(self) -> str:
        """``<Comparison of a and b: 26 numbers agree, 2 do not; .to_frame() has them>``."""
        agree = f"{counted(self.agreeing, 'number')} agree{'s' * (self.agreeing == 1)}"
        return f"<Comparison of {self.a} and {self.b}: {agree}, {len(self.told)} do not; .to_frame() has them>"

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        from klbench.compare.html import to_html

        return to_html(self)


def _distributions(pairs: Iterable[tuple[Line, Line]]) -> Iterator[Changed]:
    """What of q, p and sampler differs, pair by pair."""
    said = dict.fromkeys(
        (f"{a.where}: {name}", getattr(a, name), getattr(b, name)) for a, b in pairs for name in ("q", "p", "sampler")
    )
    yield from (changed(*each) for each in said if each[1] != each[2])


def compare(
    a: Results | str | os.PathLike[str], b: Results | str | os.PathLike[str], *, within: float = 0.0
) -> Comparison:
    """Compare two results: of this process, results folders, or results.csv files.

    Args:
        a, b: the first, and the second, whose numbers are what they have become.
        within: a difference that is tolerated: of a bias, a rounding and a cosine, which are shares, itself; of any
            other number as a share of the larger of the two.

    Raises:
        RunError: a file cannot be read.
        SpecError: one of them is no results, or they have no row in common.
    """
    return compared(side(a), side(b), within=within)


def compared(a: Side, b: Side, *, within: float = 0.0) -> Comparison:
    """Compare two sides; as ``compare``."""
    first, second = ({line.key: line for line in each.lines} for each in (a, b))
    pairs = {key: (line, second[key]) for key, line in first.items() if key in second}
    if not pairs:
        one, other = a.lines[0].label, b.lines[0].label
        help = [f"the first begins with {one}, the second with {other}", "rows are matched by the names of their pairs"]
        raise SpecError(f"{a.name} and {b.name} have no row in common", help=help)
    streams = same_streams(a, b)
    rows = [Rows.of(*pair, same_streams=streams, within=within) for pair in pairs.values()]
    numbers = [each for row in rows for each in row.differences()]
    there = [name for name in _NUMBERS if name in a.texts or name in b.texts]
    return Comparison(
        a=a.name,
        b=b.name,
        identical=tuple(there) if all(a.texts.get(name) == b.texts.get(name) for name in there) else (),
        rows=len(rows),
        differences=(*numbers, *beside.of_data(a, b, within)),
        only_a=tuple(line.label for key, line in first.items() if key not in second),
        only_b=tuple(line.label for key, line in second.items() if key not in first),
        draws=tuple(Counter(str(row.draws) for row in rows).items()),
        spec=changed_keys(a, b) if a.spec and b.spec else tuple(_distributions(pairs.values())),
        versions=changed_versions(a, b),
        components=beside.components(a, b, pairs, same_streams=streams),
    )
