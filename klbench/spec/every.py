"""``verl:*`` in a list of estimators: everything that a framework ships, ``verl@0.4:*`` as one release does it.

It stands for what can be put where the spec asks. All has a value. For gradients it is what the framework can put into
the loss or the reward, whichever ``placements`` names: not what it only logs. Under ``ratio*`` what multiplies by
q/sampler itself is left out. What the list names otherwise too, under any of its names, is in it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from klbench.errors import SpecError
from klbench.estimators.catalogue import refuse_other_weights, unweighted
from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry
from klbench.spec.refusal import Refusal
from klbench.wording import joined

_EVERY = re.compile(r"(?P<framework>[^:@]+?)\s*(@\s*(?P<version>[^:@]*?)\s*)?:\s*\*")
_Listed = tuple[Entry, bool]
"""An entry, and whether it is weighted."""


@dataclass(frozen=True)
class Asked:
    """Where a spec puts its estimators, with their list as it is written.

    Args:
        names: what stands under ``estimators``, whatever that is.
        placements: where gradients are asked of them, empty for wherever each is at home; None for values.
    """

    names: object
    placements: Sequence[str] | None

    def takes(self, entry: Entry) -> bool:
        """Whether an entry can be put there."""
        if self.placements is None:
            return True
        can = catalogue.placements(entry)
        return any(placement in can for placement in self.placements or can)

    @property
    def where(self) -> str:
        """``in the loss or in the reward``."""
        return " or ".join(f"in the {placement}" for placement in self.placements or ("loss", "reward"))


def stands_for_all(name: str) -> bool:
    """Whether a name is ``framework:*``, of one release or of all, plain or weighted."""
    return _EVERY.fullmatch(unweighted(name)) is not None


def of_framework(name: str) -> str:
    """The name as it is written without spaces, ``ratio*verl@0.4:*``.

    Raises:
        SpecError: no such weight, framework or release.
    """
    refuse_other_weights(name)
    framework, version = _parts(name)
    catalogue.every(framework, version)
    return f"{_weight(name)}{framework}{f'@{version}' if version else ''}:*"


def spelled_out(names: Sequence[str], asked: Asked) -> tuple[str, ...]:
    """The names with all that is meant in place of each ``framework:*``, in the order of the catalogue.

    Raises:
        Refusal: at the index of one that stands for nothing.
    """
    named = set(_listed(name for name in names if not stands_for_all(name)))
    spelled: dict[str, None] = {}
    for index, name in enumerate(names):
        if not stands_for_all(name):
            spelled[name] = None
            continue
        meant = dict(_meant(name, asked))
        if not meant:
            raise _nothing(name, asked, index)
        spelled.update((shipped, None) for shipped, listed in meant.items() if listed not in named)
        named.update(meant.values())
    return tuple(spelled)


def _meant(name: str, asked: Asked) -> Iterator[tuple[str, _Listed]]:
    weight = _weight(name)
    for shipped, entry in catalogue.every(*_parts(name)).items():
        if asked.takes(entry) and not (weight and entry.multiplies_ratio):
            yield f"{weight}{shipped}", (entry, bool(weight))


def _listed(names: Iterable[str]) -> Iterator[_Listed]:
    for name in names:
        plain = unweighted(name)
        if catalogue.is_shipped(plain):
            yield catalogue.find(plain), plain != name


def _parts(name: str) -> tuple[str, str]:
    match = _EVERY.fullmatch(unweighted(name))
    if match is None:
        raise SpecError(f"{name!r} is not framework:*")
    return match["framework"], match["version"] or ""


def _weight(name: str) -> str:
    return name.strip().removesuffix(unweighted(name)).replace(" ", "")


def _nothing(name: str, asked: Asked, index: int) -> Refusal:
    framework, version = _parts(name)
    shipped = joined(tuple(catalogue.every(framework, version)))
    if asked.placements is None:
        message = f"{name} stands for nothing: whatever {framework} ships multiplies by q/sampler itself"
        return Refusal(message, help=[f"write {unweighted(name)}"], path=(index,))
    message = f"{name} stands for nothing: {framework} puts none of what it ships {asked.where}"
    return Refusal(message, help=[f"name one to put it there all the same: {shipped}"], path=(index,))
