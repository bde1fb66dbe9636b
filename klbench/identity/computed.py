"""The identity of everything klbench ships, computed once and kept as data, so that telling it needs no torch.

``make identities`` writes the file, and a test computes it again: what ``klbench explain`` says is measured, never
typed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from klbench.estimators import catalogue as native
from klbench.frameworks import catalogue as shipped
from klbench.identity.identity import Identity

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator
    from klbench.frameworks.entry import Entry

FILE = "computed.json"


@cache
def load() -> Mapping[str, Identity]:
    """Every identity in the file, by the estimator's name, an entry's being its qualified one."""
    text = (files("klbench.identity") / FILE).read_text(encoding="utf-8")
    return {name: Identity.from_json(written) for name, written in json.loads(text).items()}


def compute() -> str:
    """The text of the file, computed anew: a line for each estimator."""
    from klbench.identity.identify import identify

    known: dict[object, Identity] = {}
    lines = []
    for key, estimator in _everything():
        if key not in known:
            known[key] = identify(estimator)
        written = json.dumps(known[key].to_json(), ensure_ascii=False)
        lines.append(f"{json.dumps(estimator.name)}: {written}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _everything() -> Iterator[tuple[object, Estimator]]:
    """Every estimator with what its identity depends on, so that what is the same is computed once."""
    for estimator in native.examples():
        if estimator.control is None:
            yield estimator.name, estimator
    for entry in shipped.entries():
        yield _computation(entry), entry.estimator()


def _computation(entry: Entry) -> tuple[object, ...]:
    """Every step of it, rounding included."""
    clamps = entry.clamp_log_ratio, entry.clamp_value
    return entry.arithmetic, entry.weight, clamps, entry.cast, entry.straight_through, entry.against_sampler
