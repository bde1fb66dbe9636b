"""The identities of all estimators in klbench, computed once and kept as data, so that reading them needs no torch.

``make identities`` writes the file, and a test computes it again: what ``klbench explain`` says is measured, never
typed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from klbench.estimators import catalogue as native
from klbench.frameworks import catalogue as shipped
from klbench.identity.identity import Identity

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator

FILE = "computed.json"
KEY = "key"
"""The field of a line that holds its key (``keys``)."""

Lines = Mapping[str, Mapping[str, Any]]
"""The fields of each estimator's line, its key among them, by the estimator's name."""


@cache
def load() -> Mapping[str, Identity]:
    """Every identity in the file, by the estimator's name; for an entry, its qualified name."""
    return {name: Identity.from_json(written) for name, written in lines(FILE).items()}


def lines(file: str) -> Lines:
    """The lines of a file in this folder, by estimator; empty if there is no such file yet."""
    path = files("klbench.identity") / file
    kept_lines: Lines = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return kept_lines


def text(kept_lines: Lines) -> str:
    """The text of such a file: a line for each estimator."""
    written = [f"{json.dumps(name)}: {json.dumps(line, ensure_ascii=False)}" for name, line in kept_lines.items()]
    return "{\n" + ",\n".join(written) + "\n}\n"


def compute(kept: Lines) -> Lines:
    """The lines that the file should have; a line of ``kept`` that still holds is not computed again."""
    from klbench.identity.identify import identify

    known = {line.get(KEY): line for line in kept.values()}
    computed = {}
    for key, estimator in _everything():
        if key not in known:
            known[key] = {KEY: key, **identify(estimator).to_json()}
        computed[estimator.name] = known[key]
    return computed


def _everything() -> Iterator[tuple[str, Estimator]]:
    """Every estimator with its key; estimators with the same key are computed once."""
    from klbench.identity import keys

    for estimator in native.examples():
        if estimator.control is None:
            yield keys.of_estimator(estimator), estimator
    for entry in shipped.entries():
        yield keys.of_entry(entry), entry.estimator()
