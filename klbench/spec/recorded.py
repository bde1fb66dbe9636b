"""A spec as results remember it: what spec.yaml says, without opening the files that it names.

Results are looked at elsewhere and later: the log-probabilities, the checkpoints and the user's modules may be gone. So
nothing here is held to what there is, and distributions are texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from klbench.distributions.expression import Expression, Reference
from klbench.errors import SpecError

_ROLES = ("q", "p", "sampler")


@dataclass(frozen=True)
class RecordedPair:
    """A pair: its name, its distributions as they were written, and the values of its grid."""

    name: str
    roles: Mapping[str, Expression] = field(default_factory=dict)
    grid: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedSpec:
    """What a spec.yaml says. Its fields are those of ``Spec``; ``written`` is its text."""

    name: str
    description: str
    measure: tuple[str, ...]
    samples: int
    seed: int
    dtype: tuple[str, ...]
    estimators: tuple[str, ...]
    pairs: tuple[RecordedPair, ...]
    precision: float | None = None
    baseline: str = "none"
    batch: int | None = None
    ratio: str | None = None
    written: str = ""

    def grid_parameters(self) -> tuple[str, ...]:
        """Every grid parameter of any pair, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair.grid))

    def place_at(self, *_path: str | int) -> None:
        """What is remembered has no place in a file of the user's."""

    def to_yaml(self) -> str:
        """The text it was read from."""
        return self.written


def recorded(text: str, source: str) -> RecordedSpec:
    """What a spec.yaml that klbench wrote says.

    Raises:
        SpecError: it is not one.
    """
    try:
        return _recorded(yaml.safe_load(text), text)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpecError(f"{source} is not a spec that klbench wrote", help=[_RUN_AGAIN]) from error


_RUN_AGAIN = "run the spec again: klbench run writes it"


def _recorded(said: Mapping[str, Any], text: str) -> RecordedSpec:
    return RecordedSpec(
        name=str(said["name"]),
        description=str(said.get("description", "")),
        measure=_texts(said.get("measure", "value")),
        samples=int(said.get("samples", 0)),
        seed=int(said.get("seed", 0)),
        dtype=_texts(said.get("dtype", "float64")),
        estimators=_texts(said["estimators"]),
        pairs=tuple(map(_pair, said["pairs"])),
        precision=None if said.get("precision") is None else float(said["precision"]),
        baseline=str(said.get("baseline", "none")),
        batch=None if said.get("batch") is None else int(said["batch"]),
        ratio=None if said.get("ratio") is None else str(said["ratio"]),
        written=text,
    )


def _texts(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(map(str, said))


def _pair(said: Mapping[str, Any]) -> RecordedPair:
    roles = {role: Reference(str(said[role])) for role in _ROLES if said.get(role) is not None}
    grid = {str(name): tuple(map(float, values)) for name, values in said.get("grid", {}).items()}
    return RecordedPair(str(said["name"]), roles, grid)
