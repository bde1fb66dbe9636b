"""Releases as frameworks number them, and the range of them that ships an entry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

from klbench.errors import SpecError

Version = tuple[float, ...]

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:\.post(\d+))?")
_NUMBERS = 6
"""More numbers than any release in use has; shorter ones are padded, so that they can be compared."""
_EXACT = 3
"""With three numbers a release is exact: 0.4.0 is not 0.4.1, while 0.4 as a last release has 0.4.1 in it."""


def release(text: str, name: str) -> Version:
    """A release number: 0.4 is 0.4.0, and a post-release, 0.6.0.post1, comes right after its release.

    Raises:
        SpecError: the text is no release number; ``name`` is the name that contains it.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise SpecError(
            f"version {text!r} in {name!r} is not a release number",
            help=["write numbers and dots, for example nemo-rl@0.6:k3; without a version the newest is meant"],
        )
    return _filled(_numbers(match), 0)


@dataclass(frozen=True)
class Releases:
    """A range of releases, both ends included; an empty text is no limit.

    Args:
        since, until: the first and the last. A last one of one or two numbers has all its patch releases in it.
        main_after: the last release known not to have it, where only the main branch does; then there is no ``since``.
    """

    since: str = ""
    until: str = ""
    main_after: str = ""

    def __contains__(self, version: Version) -> bool:
        return self.first <= version <= self.last

    def overlaps(self, other: Releases) -> bool:
        """Whether any release is in both ranges."""
        return self.first <= other.last and other.first <= self.last

    @property
    def first(self) -> Version:
        """The first release as a number that can be compared."""
        if self.main_after:
            return _filled(release(self.main_after, self.main_after)[:_EXACT], inf)
        return release(self.since, self.since) if self.since else (-inf,)

    @property
    def last(self) -> Version:
        """The last release as a number that can be compared."""
        return _last(self.until) if self.until else (inf,)

    def __str__(self) -> str:
        if self.main_after:
            return f"main only, in no release up to {self.main_after}"
        if self.since and self.until:
            return self.since if self.since == self.until else f"{self.since} to {self.until}"
        return f"from {self.since}" if self.since else f"up to {self.until}" if self.until else ""


def _last(text: str) -> Version:
    match = _VERSION.fullmatch(text)
    numbers = _numbers(match) if match else ()
    return _filled(numbers, inf if len(numbers) < _EXACT else 0)


def _numbers(match: re.Match[str]) -> Version:
    numbers = tuple(map(float, match[1].split(".")))
    return numbers if match[2] is None else (*_filled(numbers, 0)[: max(_EXACT, len(numbers))], float(match[2]))


def _filled(numbers: Version, filler: float) -> Version:
    return numbers + (filler,) * (_NUMBERS - len(numbers))
