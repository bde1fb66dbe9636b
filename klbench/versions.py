"""Which versions are at work: of klbench itself and of what its numbers depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of an installed package, None where it is used without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
