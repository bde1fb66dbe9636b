"""A comparison for other programs: every number as CSV and JSON; and the table for people as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from klbench.compare import words
from klbench.compare.comparison import Comparison
from klbench.report.escaping import escaped
from klbench.report.numbers import in_json
from klbench.report.records import as_csv

_LAST = (
    *("estimator", "level", "aggregation", "placement", "weighting", "dtype", "file", "row", "number"),
    *("a", "a_mcse", "b", "b_mcse", "difference", "difference_mcse", "z", "draws", "verdict", "tolerated", "fails"),
)


def records(comparison: Comparison) -> list[dict[str, object]]:
    """One mapping for each number, in the order of the rows; all have the same columns."""
    found = [each.record() for each in comparison.differences]
    grid = [name for name in dict.fromkeys(name for one in found for name in one) if name not in ("pair", *_LAST)]
    return [{name: one.get(name) for name in ("pair", *grid, *_LAST)} for one in found]


def to_csv(comparison: Comparison) -> str:
    """A line for each number."""
    return as_csv(records(comparison))


def to_json(comparison: Comparison, *, strict: bool = False) -> str:
    """One object: what is different, number by number, and the rest of it; strict JSON."""
    components = comparison.components
    found = {
        "a": comparison.a,
        "b": comparison.b,
        "identical": list(comparison.identical),
        "holds": comparison.holds(strict=strict),
        "rows": comparison.rows,
        "draws": dict(comparison.draws),
        "only_a": list(comparison.only_a),
        "only_b": list(comparison.only_b),
        "spec": [{"key": one.name, "a": one.a, "b": one.b} for one in comparison.spec],
        "versions": [{"name": one.name, "a": one.a, "b": one.b} for one in comparison.versions],
        "components": None
        if components is None
        else {name: in_json(value) for name, value in vars(components).items()},
        "told": [each.sentence for each in comparison.told],
        "numbers": [{name: in_json(value) for name, value in one.items()} for one in records(comparison)],
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(comparison: Comparison) -> str:
    """The table and the sentences, as GitHub renders them."""
    lines = [f"# {escaped(words.heading(comparison))}", ""]
    if comparison.identical:
        return "\n".join([*lines, escaped(words.identical(comparison)), ""])
    table = list(rows(comparison))
    if table:
        lines += [_line(HEADERS), f"|{'|'.join(SIDES)}|", *map(_line, table), ""]
    lines += [f"- {escaped(sentence)}" for sentence in words.sentences(comparison)]
    meanings = [f"<sub>{escaped(sentence)}</sub><br>" for sentence in words.meanings(comparison)]
    return "\n".join([*lines, *[""] * bool(meanings), *meanings]) + "\n"


HEADERS = ("row", "number", "a", "b", "z", "verdict")
SIDES = (":--", ":--", "--:", "--:", "--:", ":--")


def rows(comparison: Comparison) -> Iterator[Sequence[str]]:
    """The cells of the table for people, a row for each number that does not agree, the farthest apart first."""
    for each in words.told(comparison):
        yield (f"{each.where}: {each.called}", each.number, *each.shown, each.z_shown, each.opinion)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
