"""Finding a framework's estimator: ``framework:name``, or ``framework@version:name`` for a release that shipped it.

Every module of this package that declares ``ENTRIES`` and ``FRAMEWORKS`` is found by itself: a new entry touches one
place. Without a version the newest is meant. A release is exact: ``verl@0.4`` is 0.4.0, and 0.4.1 is another. One newer
than all that is known counts as the newest, if its first number is one that the framework has had.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import combinations
from pkgutil import iter_modules
from typing import TypeVar

import klbench.frameworks
from klbench.errors import SpecError, unknown
from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import PLACEMENTS, Placement
from klbench.frameworks.entry import Entry
from klbench.frameworks.framework import Framework
from klbench.frameworks.releases import Version, release

_NAME = re.compile(r"(?P<framework>[^:@]+?)\s*(?:@\s*(?P<version>[^:]*?)\s*)?:\s*(?P<name>[^:]+)")

T = TypeVar("T")


@cache
def entries() -> tuple[Entry, ...]:
    """Every entry, by framework, the newest releases first.

    Raises:
        ValueError: two entries of a framework answer to one name in one release.
    """
    declared = tuple(sorted(_declared("ENTRIES", Entry), key=_order))
    _ensure_distinct(declared)
    return tuple(map(_on_sequences, declared))


@cache
def about() -> Mapping[str, Framework]:
    """The description of each framework as a whole, by its name.

    Raises:
        ValueError: one of them is described twice.
    """
    declared = _declared("FRAMEWORKS", Framework)
    by_name = {framework.name: framework for framework in declared}
    if len(by_name) < len(declared):
        twice = next(name for name in by_name if sum(framework.name == name for framework in declared) > 1)
        raise ValueError(f"the framework {twice} is described twice")
    return by_name


@cache
def names() -> tuple[str, ...]:
    """The qualified name of every entry."""
    return tuple(entry.qualified for entry in entries())


@cache
def frameworks() -> tuple[str, ...]:
    """The name of every framework, as it stands before the colon."""
    return tuple(dict.fromkeys(entry.framework for entry in entries()))


def owner(name: str) -> str:
    """The text before the colon, without the version."""
    return name.partition(":")[0].partition("@")[0].strip()


def is_shipped(name: str) -> bool:
    """Whether the text before the colon is a framework; the name after it may be wrong."""
    return ":" in name and owner(name) in frameworks()


def find(name: str) -> Entry:
    """The entry called ``name``: by its own name or another the framework has for it.

    Raises:
        SpecError: no such framework, version or name; says what there is and what was probably meant.
    """
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise SpecError(
            f"{name!r} names nothing a framework ships",
            help=["write framework:name or framework@version:name, for example verl:low_var_kl or nemo-rl@0.6:k3"],
        )
    shipped = _of_framework(match["framework"])
    same_name = [entry for entry in shipped if match["name"] in entry.names]
    if not same_name:
        raise unknown(f"name in {match['framework']}", match["name"], _called(shipped))
    if match["version"] is None:
        return same_name[0]
    version = _released(match["framework"], match["version"], name)
    for entry in same_name:
        if version in entry.releases_of(match["name"]):
            return entry
    raise _not_then(match, shipped, same_name, version)


def chosen(names: Iterable[str]) -> tuple[Entry, ...]:
    """The entries for names of frameworks or entries, in the order of the catalogue; all, if there are no names.

    Raises:
        SpecError: there is no such framework, version or name; says what was probably meant.
    """
    wanted = {entry for name in names for entry in _meant(name)}
    return tuple(entry for entry in entries() if not wanted or entry in wanted)


def every(framework: str, version: str = "") -> Mapping[str, Entry]:
    """The entries of a framework by name, of every release or of one; then the names contain the release.

    Raises:
        SpecError: no such framework, or it ships nothing in that release.
    """
    shipped = _of_framework(framework)
    if not version:
        return {entry.qualified: entry for entry in shipped}
    number = _released(framework, version, f"{framework}@{version}")
    then = [entry for entry in shipped if number in entry.releases_of(entry.name)]
    if not then:
        seen = ", ".join(f"{entry.name} ({entry.versions})" for entry in shipped)
        raise SpecError(f"{framework} {version} ships nothing that is known here", help=[f"known: {seen}"])
    return {f"{framework}@{version}:{entry.name}": entry for entry in then}


def placements(entry: Entry) -> tuple[Placement, ...]:
    """The places where the framework can put it; none if it is only logged."""
    if entry.placement is None:
        return ()
    either = about()[entry.framework].either and not entry.multiplies_ratio
    return PLACEMENTS if either else (entry.placement,)


def estimator(name: str) -> Estimator:
    """The entry called ``name`` as an estimator with exactly that name.

    Raises:
        SpecError: as ``find``.
    """
    return find(name).estimator(name.strip())


def called(name: str) -> tuple[str, ...]:
    """The qualified name of every entry that some framework calls ``name``."""
    return tuple(entry.qualified for entry in entries() if name in entry.names)


def beside(name: str) -> tuple[str, ...]:
    """The names of everything that the same framework ships in the same release, the newest if ``name`` has none.

    Raises:
        SpecError: as ``find``.
    """
    entry, (framework, _, version) = find(name), name.partition(":")[0].partition("@")
    shipped = _of_framework(entry.framework)
    if not version:
        return tuple(entry.qualified for entry in shipped if not entry.until)
    then = release(version.strip(), name)
    return tuple(f"{framework}@{version}:{other.name}" for other in shipped if then in other.releases_of(other.name))


def same_as(entry: Entry) -> tuple[Entry, ...]:
    """The other entries that compute the same, in whatever place they put it."""
    return tuple(other for other in entries() if other != entry and other.computes_as(entry))


def _of_framework(framework: str) -> tuple[Entry, ...]:
    theirs = tuple(entry for entry in entries() if entry.framework == framework)
    if not theirs:
        raise unknown("framework", framework, frameworks())
    return theirs


def _released(framework: str, text: str, name: str) -> Version:
    """The number of a release, of which ``name`` has the text; one that cannot be is refused.

    Raises:
        SpecError: it is no number, or its first number is beyond every release that is known.
    """
    version, newest = release(text, name), about()[framework].newest if framework in about() else ""
    if newest and version[0] > release(newest, newest)[0]:
        meant = name.replace(f"@{text}", f"@{'.'.join(newest.split('.')[:2])}", 1)
        help = [f"the newest known is {newest}; did you mean {meant}?"]
        raise SpecError(f"no release {text} of {framework} is known", help=help)
    return version


def _meant(name: str) -> tuple[Entry, ...]:
    return (find(name),) if ":" in name else _of_framework(name.strip())


def _called(shipped: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(name for entry in shipped for name in entry.names))


def _called_then(shipped: Iterable[Entry], version: Version) -> list[str]:
    return [name for entry in shipped for name in entry.names if version in entry.releases_of(name)]


def _not_then(match: re.Match[str], shipped: tuple[Entry, ...], called: list[Entry], version: Version) -> SpecError:
    ranges = " and ".join(str(entry.releases_of(match["name"])) for entry in reversed(called))
    return SpecError(
        f"{match['framework']} {match['version']} has no {match['name']}",
        help=[
            f"{match['name']} ships {ranges}",
            f"{match['framework']} {match['version']} has: {', '.join(_called_then(shipped, version)) or 'nothing'}",
        ],
    )


def _declared(what: str, kind: type[T]) -> list[T]:
    """The objects of one type that the modules of this package list under a name."""
    modules = (
        import_module(f"klbench.frameworks.{module.name}") for module in iter_modules(klbench.frameworks.__path__)
    )
    return [declared for module in modules for declared in getattr(module, what, ()) if isinstance(declared, kind)]


def _on_sequences(entry: Entry) -> Entry:
    """The entry with its framework's level and aggregation, where it declares none of its own."""
    if entry.on_sequences is not None or entry.framework not in about():
        return entry
    return replace(entry, on_sequences=about()[entry.framework].on_sequences(entry.placement))


def _order(entry: Entry) -> tuple[str, list[float]]:
    return entry.framework, [-number for number in entry.releases.last]


def _ensure_distinct(declared: tuple[Entry, ...]) -> None:
    """Refuse a name with two meanings in one release, and two entries with one qualified name."""
    for one, other in combinations(declared, 2):
        if one.framework != other.framework:
            continue
        for name in {*one.names} & {*other.names}:
            if one.releases_of(name).overlaps(other.releases_of(name)):
                raise ValueError(f"two entries are called {one.framework}:{name}: {one.source}; {other.source}")
        if one.qualified == other.qualified:
            raise ValueError(f"two entries are called {one.qualified}")
