"""Every parameter of every family at the ends of float64: a run ends with numbers or a refusal, never in a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import klbench
from klbench.distributions.catalogue import FAMILIES
from klbench.errors import KlbenchError
from tests.distributions.examples import arguments

EXTREMES = (1e-300, 800.0, -800.0, 1e300)


def cases() -> Iterator[tuple[str, str, float]]:
    """(family, one of its parameters that is a number, an extreme value of it)."""
    for family in FAMILIES.values():
        for name, value in arguments(family.examples[0]).items():
            if isinstance(value, int | float):
                yield from ((family.name, name, extreme) for extreme in EXTREMES)


@pytest.mark.parametrize(("family", "name", "extreme"), list(cases()))
def test_an_extreme_parameter_crashes_nothing(family: str, name: str, extreme: float) -> None:
    usual = arguments(FAMILIES[family].examples[0])
    pair = {"q": {family: {**usual, name: extreme}}, "p": {family: usual}}
    spec = {
        "name": "extreme",
        "samples": 200,
        "measure": ["value", "gradient"],
        "estimators": ["k1", "k3"],
        "pairs": [pair],
    }
    try:
        results = klbench.run(klbench.read_text(yaml.safe_dump(_plain(spec))), threads=1)
    except KlbenchError:
        return
    assert len(results.cases[0].rows) == 6  # two values, and two gradients in the loss and in the reward


def _plain(value: Any) -> Any:
    """With lists for tuples, which YAML has not; what is not given is left out."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
