"""Keys of measured results: while the key of a result is unchanged, the result need not be computed again.

A key knows the entry and the text of its functions, not the code that measures: after a change of that code everything
is computed anew (``results/identities.py --all``), and a test computes it anew every time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from types import FunctionType
from typing import Any

from klbench.estimators.estimator import Estimator
from klbench.frameworks.entry import Entry

_SHARED = tuple(f"klbench.estimators.{name}" for name in ("divergence", "estimator", "f_divergence", "term"))
"""The modules that the files of estimators share."""
_DIGITS = 16
"""How many of a hash's 64 digits are kept: enough that no two of a few hundred agree by chance."""


def of_entry(entry: Entry, *more: object) -> str:
    """The key of an entry: its steps, the text of their functions, and ``more`` that the result depends on."""
    weight = (_text(entry.weight.function), entry.weight.stops) if entry.weight else None
    clamps = entry.clamp_log_ratio, entry.clamp_value, entry.cast, entry.replaced
    kind = entry.straight_through, entry.against_sampler, entry.target.name
    return _hash(_text(Entry.value), _text(entry.arithmetic.function), weight, clamps, kind, *more)


def of_estimator(estimator: Estimator) -> str:
    """The key of klbench's own estimator: its name, the text of its file, and the files that all estimators share."""
    function = estimator.function
    written = function.func if isinstance(function, partial) else function
    return _hash(estimator.name, _file(written.__module__), *map(_file, _SHARED))


def _hash(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:_DIGITS]


def _text(function: Callable[..., Any]) -> str:
    """The text of a function and of the functions and constants of its module that it uses."""
    return "".join(_texts(function, set()))


def _texts(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    if not isinstance(function, FunctionType) or function.__qualname__ in seen:
        return
    seen.add(function.__qualname__)
    yield inspect.getsource(function)
    for name in function.__code__.co_names:
        used = function.__globals__.get(name)
        if isinstance(used, float):
            yield f"{name} = {used}"
        elif callable(used):
            yield from _texts(used, seen)


@cache
def _file(module: str) -> str:
    """The text of a module of klbench."""
    package, _, name = module.rpartition(".")
    return (files(package) / f"{name}.py").read_text(encoding="utf-8")
