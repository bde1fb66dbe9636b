"""Finds a user's function in its module, and checks that it is the one meant and can be called.

Python finds a module by its name alone, so that a file of the current folder may stand behind one of Python's own, or
behind one that was imported before; then the function is sought in the wrong file, and that is said.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import PathFinder
from inspect import Parameter
from math import inf
from pathlib import Path
from typing import Any

from klbench.errors import UserError, is_surely, nearest
from klbench.users.theirs import Theirs
from klbench.wording import counted

HOW = "a function of your own is module:function, of (log_q, log_p) or (log_q, log_p, log_sampler), tensors to tensor"
_MOST_NAMES = 12


def load(theirs: Theirs) -> Callable[..., Any]:
    """Import the module and return the function.

    Raises:
        UserError: the module cannot be imported, is not the one of the current folder, or has no such function; or what
            has that name cannot be called for a tensor.
    """
    module_name, _, path = theirs.name.partition(":")
    with theirs.running("importing it"):
        module = _imported(theirs, module_name)
        _refuse_another(theirs, module_name.partition(".")[0])
        holder, function = _attribute(module, path)
    if not callable(function):
        raise UserError(_missing(module_name, path, function), theirs.name, help=_instead(module, module_name, path))
    for wrong, instead in _unfit(holder, function, path.rpartition(".")[2]):
        raise UserError(wrong, theirs.name, help=[instead, HOW])
    return function  # type: ignore[no-any-return]


def arity(name: str, function: Callable[..., Any]) -> int:
    """How many log-probabilities a function takes: 2, or 3 with the sampler's.

    Raises:
        UserError: neither, or it takes something else besides.
    """
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    places = [place for place in given if place.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    needed = [place for place in places if place.default is Parameter.empty]
    most = inf if any(place.kind is Parameter.VAR_POSITIONAL for place in given) else len(places)
    allowed = [count for count in (2, 3) if len(needed) <= count <= most]
    for place in given:
        if place.kind is Parameter.KEYWORD_ONLY and place.default is Parameter.empty:
            raise UserError(f"it needs the keyword {place.name}", name, help=[f"give {place.name} a default", HOW])
    if not allowed:
        count = len(needed) if len(needed) > most or len(needed) > 3 else len(places)
        raise UserError(f"it takes {counted(count, 'argument')}", name, help=[HOW])
    return allowed[0]


def _imported(theirs: Theirs, module_name: str) -> Any:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        top = module_name.partition(".")[0]
        actual = f"{top} is {_file(sys.modules.get(top))}"
        raise UserError(f"there is no module {error.name}", theirs.name, help=[actual]) from error


def _refuse_another(theirs: Theirs, top: str) -> None:
    """Refuse a module from elsewhere if the current folder has one of that name, because that one is meant."""
    meant = PathFinder.find_spec(top, [theirs.folder])
    loaded = _file(sys.modules.get(top))
    if meant and meant.origin and loaded and top != "__main__" and not _is_same(meant.origin, loaded):
        hints = [f"give {meant.origin} another name; a module that was changed or replaced needs a new Python"]
        raise UserError(f"{top} is {loaded} here, which hides {meant.origin}", theirs.name, help=hints)


def _is_same(meant: str, loaded: str) -> bool:
    return Path(meant).resolve() == Path(loaded).resolve()


def _file(module: Any) -> str | None:
    """The file or folder of a module, or Python's own word for its origin; None for any other object."""
    known = getattr(module, "__dict__", {})  # only the module's own names, and none that its __getattr__ makes up
    origin = getattr(known.get("__spec__"), "origin", None)
    return known.get("__file__") or next(iter(known.get("__path__", ())), None) or origin


def _attribute(module: Any, path: str) -> tuple[Any, Any]:
    """(the object that holds the attribute, the attribute); None if there is no attribute."""
    holder: Any = None
    value: Any = module
    for step in path.split("."):
        holder, value = value, getattr(value, step, None)
    return holder, value


def _missing(module_name: str, path: str, value: Any) -> str:
    if value is None:
        return f"{module_name} has no function {path!r}"
    return f"{path} is of type {type(value).__name__} and no function"


def _instead(module: Any, module_name: str, path: str) -> list[str]:
    """The help: the names a module has, its own functions first, and where the module is."""
    values = {name: value for name, value in getattr(module, "__dict__", {}).items() if not name.startswith("_")}
    names = [name for name, value in values.items() if callable(value) and not isinstance(value, type)]
    names.sort(key=lambda name: getattr(values[name], "__module__", None) != module_name)
    near = nearest(path, names)
    hint = [] if near is None else [f"did you mean {near}?"]
    more = ", ..." if len(names) > _MOST_NAMES else ""
    has = [f"it has: {', '.join(names[:_MOST_NAMES])}{more}"] if names and not is_surely(path, near, names) else []
    return [*hint, *has, f"{module_name} is {_file(module) or 'not a module'}"]


def _unfit(holder: Any, function: Any, name: str) -> Iterator[tuple[str, str]]:
    """(the reason why the function cannot be called for a tensor, the remedy)."""
    called = getattr(function, "__call__", None)  # noqa: B004
    if isinstance(function, type):
        yield "it is a class", "name a function, or an object that can be called"
    elif isinstance(holder, type) and inspect.isfunction(inspect.getattr_static(holder, name)):
        yield f"it is a method of the class {holder.__name__}", "name that of an object, or make it a staticmethod"
    elif any(
        inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate)
        for candidate in (function, called)
    ):
        yield "it is async", "write def and not async def"
    elif any(map(inspect.isgeneratorfunction, (function, called))):
        yield "it yields its values one by one", "return one tensor"
