"""The page about the committed results: for each spec its story, a compact table, and every number folded under it.

All of it is made from the committed files alone, without running anything: a test holds the page to them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from stories import STORIES

from klbench.estimators.divergence import REVERSE_KL
from klbench.report.fields import BIAS, STDEV
from klbench.report.markdown import to_markdown
from klbench.report.numbers import exact, parameters_text
from klbench.results import CaseResult, Results, Row
from klbench.spec.cases import Case
from klbench.spec.read import read_spec

HERE = Path(__file__).parent

INTRODUCTION = """\
# The gallery

What klbench says about the specs of [configs/](../configs). Each folder here holds what `klbench run NAME` writes;
this page is made from those files by `make results`, and a test holds all of it to the specs.

In the compact tables a cell is one estimator on one case: bias/true above, stdev/true below, both of one sample's
value, each with the standard error of its last digits in parentheses. † is an error bar that cannot be trusted, the
tail being heavy; ‡ a number that has none, since the variance it would need does not exist.
"""

_READ: Mapping[str, Callable[[str], Any]] = {"str": str, "int": int, "float": lambda text: float(text or "nan")}


def names() -> tuple[str, ...]:
    """The specs of the gallery, in the order of their stories."""
    return tuple(STORIES)


def page() -> str:
    """The text of results/README.md."""
    contents = "\n".join(f"- [{name}](#{name}): {committed(name).spec.description}" for name in names())
    return "\n".join([INTRODUCTION, contents, "", *map(section, names())])


def section(name: str) -> str:
    """One spec: its story, its compact table, its full tables."""
    results = committed(name)
    links = f"[spec](../configs/{name}.yaml) · [results.csv]({name}/results.csv)"
    parts = (f"## {name}", STORIES[name](results), "\n".join(compact(results)), links, *_folded(results))
    return "\n\n".join(parts) + "\n"


def committed(name: str) -> Results:
    """The committed results of a spec, read back (without notes and timings, which results.csv does not hold)."""
    spec = read_spec(str(HERE / name / "spec.yaml"))
    with (HERE / name / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = [_row(record) for record in csv.DictReader(file)]
    count = len(spec.estimators)
    groups = [tuple(rows[first : first + count]) for first in range(0, len(rows), count)]
    cases = tuple(_case(case, group) for case, group in zip(spec.cases(), groups, strict=True))
    return Results(spec, cases, device="cpu", threads=1, seconds=0.0)


def _row(record: dict[str, str]) -> Row:
    return Row(**{field.name: _READ[str(field.type)](record[field.name]) for field in fields(Row)})


def _case(case: Case, rows: tuple[Row, ...]) -> CaseResult:
    kl = next(row for row in rows if row.target == REVERSE_KL.name)
    return CaseResult(case, kl.true, kl.true_from, rows, notes=(), seconds=0.0)


def compact(results: Results) -> Iterator[str]:
    """A Markdown table of cases by estimators; whichever there is more of goes down."""
    cells = [
        ["case", *(f"{_title(each)}<br>KL {exact(each.kl)}" for each in results.cases)],
        *([name, *(_cell(each.rows[i]) for each in results.cases)] for i, name in enumerate(results.spec.estimators)),
    ]
    if len(results.cases) > len(results.spec.estimators):
        cells = [list(line) for line in zip(*cells, strict=True)]
    yield _line(cells[0])
    yield _line([":--", *["--:"] * (len(cells[0]) - 1)])
    yield from map(_line, cells[1:])


def _title(result: CaseResult) -> str:
    return parameters_text(result.case.parameters) or result.case.pair


def _cell(row: Row) -> str:
    return f"{BIAS.show(row)}<br>{STDEV.show(row)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("*", r"\*")


def _folded(results: Results) -> Iterator[str]:
    _, _, tables = to_markdown(results).partition("\n\n")
    yield "<details><summary>Every number, with the exact ones beside</summary>"
    yield tables.replace("## ", "### ").rstrip()
    yield "</details>"
