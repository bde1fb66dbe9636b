"""What log-probabilities of a run say of themselves, as tables of a page."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import TYPE_CHECKING

from klbench.pages.markup import Markup
from klbench.pages.tables import Column, Line, plain_table
from klbench.report.numbers import MISSING, count, fixed, measured, plain_number

if TYPE_CHECKING:
    from klbench.measure.data import DataResult

_MOST = 10
"""Tokens and sequences that are shown; worst.csv has more."""


def data_tables(data: DataResult) -> Iterator[Markup]:
    """Its checks, the KL along the sequence, and what is farthest off."""
    if data.checks:
        yield _checks(data)
    if data.positions:
        yield _positions(data)
    if data.worst:
        yield _worst(data)


def _checks(data: DataResult) -> Markup:
    columns = (Column("check"), Column("level"), Column("value", numeric=True), Column("z", numeric=True))
    rows = [
        Line(
            (one.check, one.level, measured(one.value, one.mcse), fixed(one.z, 1, sign="+")),
            (None, None, one.value, one.z),
        )
        for one in data.checks
    ]
    return plain_table("Checks: a mean is 0 if the tokens were drawn as claimed", columns, rows)


def _positions(data: DataResult) -> Markup:
    columns = (
        *(Column("decile", numeric=True), Column("positions"), Column("tokens", numeric=True)),
        *(Column("k1", numeric=True), Column("k3", numeric=True)),
    )
    rows = [
        Line(
            (
                *(str(one.decile), f"{one.first} to {one.last}", count(one.tokens)),
                *(measured(one.k1.value, one.k1.mcse), measured(one.k3.value, one.k3.mcse)),
            ),
            (one.decile, None, one.tokens, one.k1.value, one.k3.value),
        )
        for one in data.positions
    ]
    return plain_table("Along the sequence", columns, rows)


def _worst(data: DataResult) -> Markup:
    shown = [one for one in data.worst if one.rank <= _MOST]
    has_text = any(one.text for one in shown)
    columns = (
        *(Column("what"), Column("rank", numeric=True), Column("log_ratio", numeric=True)),
        *(Column("place"), Column("token", numeric=True), *[Column("text", wraps=True)] * has_text),
    )
    rows = [
        Line(
            (
                *(one.what, str(one.rank), plain_number(one.log_ratio), one.place),
                *(MISSING if one.position is None else str(one.position), *[one.text] * has_text),
            ),
            (*(None, one.rank, one.log_ratio, None, nan if one.position is None else one.position), *[None] * has_text),
        )
        for one in shown
    ]
    return plain_table("Largest |log_ratio|", columns, rows)
