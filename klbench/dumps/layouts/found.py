"""Which layout a record is of."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

import klbench.dumps.layouts
from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record, Unusable
from klbench.dumps.layouts.layout import Layout, Refusal
from klbench.errors import SpecError
from klbench.wording import few

T = TypeVar("T")


@cache
def layouts() -> tuple[Layout, ...]:
    """Every layout that a module of this package declares as ``LAYOUT`` or in ``LAYOUTS``; the last are tried last."""
    return tuple(sorted(_declared(Layout, "LAYOUT", "LAYOUTS"), key=lambda layout: layout.last))


@cache
def refusals() -> tuple[Refusal, ...]:
    """Every kind of record that is known to be of no use."""
    return _declared(Refusal, "REFUSALS")


def layout_of(record: Record, columns: Columns) -> Layout:
    """The layout of a record.

    Raises:
        SpecError: there is none for it.
    """
    for layout in layouts():
        if layout.recognises(record):
            return layout
    if columns:
        return next(layout for layout in layouts() if layout.last)
    for refusal in refusals():
        if refusal.recognises(record):
            raise SpecError(f"{record.place}: these are {refusal.what}", help=refusal.help)
    raise _unknown(record)


def _unknown(record: Record) -> SpecError:
    if not isinstance(record.value, dict):
        help = ['a sequence a record: {"log_q": [...], "log_p": [...], "mask": [...]}', "klbench explain data"]
        return SpecError(f"{record.place}: this is a {type(record.value).__name__}, no sequence by columns", help=help)
    there = [str(name) for name in record.value]
    bad = [f"{name} {value.reason}" for name, value in record.value.items() if isinstance(value, Unusable)]
    help = [
        f"its columns: {few(there) if there else 'none'}",
        *few(bad).splitlines(),
        "say which they are: --log-q COLUMN, --log-p COLUMN, --log-sampler COLUMN, --mask COLUMN, --group COLUMN",
        "klbench explain data has the names that are known",
    ]
    return SpecError(f"{record.place}: no column is known to have log-probabilities", help=help)


def _declared(kind: type[T], *names: str) -> tuple[T, ...]:
    package = klbench.dumps.layouts
    found: list[T] = []
    for module in sorted(each.name for each in iter_modules(package.__path__)):
        there = import_module(f"{package.__name__}.{module}")
        for name in names:
            value = getattr(there, name, ())
            found += [each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, kind)]
    return tuple(found)
