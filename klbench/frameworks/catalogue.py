"""Finding what a framework ships: ``framework:name``, or ``framework@version:name`` for the release that shipped it.

Every module of this package that declares ``ENTRIES`` is found by itself: a new entry touches one place. Without a
version the newest is meant.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from math import inf
from pkgutil import iter_modules

import klbench.frameworks
from klbench.errors import SpecError, unknown
from klbench.estimators.estimator import Estimator
from klbench.frameworks.entry import Entry

_NAME = re.compile(r"(?P<framework>[^:@]+?)\s*(?:@\s*(?P<version>[^:]*?)\s*)?:\s*(?P<name>[^:]+)")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")


@cache
def entries() -> tuple[Entry, ...]:
    """Every entry, by framework, the newest releases first."""
    found = [
        entry
        for module in iter_modules(klbench.frameworks.__path__)
        for entry in getattr(import_module(f"klbench.frameworks.{module.name}"), "ENTRIES", ())
    ]
    return tuple(sorted(found, key=lambda entry: (entry.framework, _age(entry))))


@cache
def names() -> tuple[str, ...]:
    """The qualified name of every entry."""
    return tuple(entry.qualified for entry in entries())


@cache
def frameworks() -> tuple[str, ...]:
    """Every framework there is, as a name has it before the colon."""
    return tuple(dict.fromkeys(entry.framework for entry in entries()))


def owner(name: str) -> str:
    """What stands before the colon, the version left out."""
    return name.partition(":")[0].partition("@")[0].strip()


def is_shipped(name: str) -> bool:
    """Whether a framework is named before the colon; what stands after it may be wrong."""
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
    found = [entry for entry in shipped if match["name"] in (entry.name, *entry.aliases)]
    if not found:
        raise unknown(f"name in {match['framework']}", match["name"], _called(shipped))
    if match["version"] is None:
        return found[0]
    version = _numbers(match["version"], name)
    for entry in found:
        if _ships(entry, version):
            return entry
    raise _not_then(match, shipped, found, version)


def estimator(name: str) -> Estimator:
    """The entry called ``name`` as an estimator of that very name.

    Raises:
        SpecError: as ``find``.
    """
    return find(name).estimator(name.strip())


def called(name: str) -> tuple[str, ...]:
    """The qualified name of every entry that some framework calls ``name``."""
    return tuple(entry.qualified for entry in entries() if name in (entry.name, *entry.aliases))


def same_as(entry: Entry) -> tuple[Entry, ...]:
    """The other entries that compute the same, wherever they put it."""
    return tuple(other for other in entries() if other != entry and other.computes_as(entry))


def _of_framework(framework: str) -> tuple[Entry, ...]:
    found = tuple(entry for entry in entries() if entry.framework == framework)
    if not found:
        raise unknown("framework", framework, frameworks())
    return found


def _called(shipped: tuple[Entry, ...]) -> list[str]:
    return list(dict.fromkeys(name for entry in shipped for name in (entry.name, *entry.aliases)))


def _not_then(
    match: re.Match[str], shipped: tuple[Entry, ...], called: list[Entry], version: tuple[int, ...]
) -> SpecError:
    then = ", ".join(_called(tuple(entry for entry in shipped if _ships(entry, version)))) or "nothing"
    return SpecError(
        f"{match['framework']} {match['version']} has no {match['name']}",
        help=[
            f"{match['name']} ships {' and '.join(entry.versions for entry in called)}",
            f"{match['framework']} {match['version']} has: {then}",
        ],
    )


def _ships(entry: Entry, version: tuple[int, ...]) -> bool:
    since, until = (tuple(map(int, text.split("."))) if text else () for text in (entry.since, entry.until))
    # a patch release belongs to the release it patches: 0.6.3 is within "up to 0.6"
    return _padded(version, since) >= since and (not until or version[: len(until)] <= until)


def _age(entry: Entry) -> list[float]:
    return [-float(number) for number in entry.until.split(".")] if entry.until else [-inf]


def _padded(version: tuple[int, ...], to: tuple[int, ...]) -> tuple[int, ...]:
    return version + (0,) * (len(to) - len(version))


def _numbers(version: str, name: str) -> tuple[int, ...]:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise SpecError(
            f"version {version!r} in {name!r} is not a release number",
            help=["write numbers and dots, for example nemo-rl@0.6:k3; without a version the newest is meant"],
        )
    return tuple(map(int, match[1].split(".")))
