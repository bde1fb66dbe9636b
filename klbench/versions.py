"""Which versions are at work: of klbench itself and of what its numbers depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of an installed package, None where it is used without being installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


__version__ = installed("klbench") or "0+unknown"
"""klbench's own version; ``0+unknown``, older than any, where it is used from a checkout that is not installed."""
