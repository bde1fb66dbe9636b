"""What ``klbench validate`` answers without a sample: a table, CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import inf, isfinite, isnan, nan

from klbench.measure.known import Known
from klbench.report.columns import grid_column
from klbench.report.escaping import escaped
from klbench.report.numbers import MISSING, exact
from klbench.spec.cases import Case

Cell = str | int | float | None


@dataclass(frozen=True)
class Answer:
    """One case: its lines, the KL it is about, and the seconds they took."""

    case: Case
    kl: float
    kl_from: str
    lines: tuple[Known, ...]
    seconds: float = nan


def records(answers: Sequence[Answer], within: float) -> list[dict[str, Cell]]:
    """A mapping of column to value for each line; None where a number does not exist."""
    names = dict.fromkeys(name for answer in answers for name in answer.case.parameters)
    grid = [grid_column(name, [answer.case for answer in answers]) for name in names]
    places = any(line.placement for answer in answers for line in answer.lines)
    return [
        {
            "pair": answer.case.pair,
            **{column.name: column.value("", answer.case, line) for column in grid},
            "estimator": line.estimator,
            **({"placement": line.placement or None, "weighting": line.weighting or None} if places else {}),
            "true": _cell(line.true),
            "exact_bias_over_true": _cell(line.bias_over_true),
            "exact_stdev_over_true": _cell(line.stdev_over_true),
            "samples_needed": _whole(line.samples_needed(within)),
        }
        for answer in answers
        for line in answer.lines
    ]


def to_csv(answers: Sequence[Answer], within: float) -> str:
    """The records as CSV; floats are Python's repr, what does not exist is empty."""
    text, rows = StringIO(), records(answers, within)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def to_json(answers: Sequence[Answer], crossings: Mapping[str, Sequence[str]], within: float) -> str:
    """The records and the crossings of each pair as strict JSON: infinity is the text "inf"."""
    rows = [{name: _strict(value) for name, value in row.items()} for row in records(answers, within)]
    found = {pair: list(sentences) for pair, sentences in crossings.items() if sentences}
    return json.dumps({"within": within, "rows": rows, "crossings": found}, indent=2, ensure_ascii=False) + "\n"


def to_markdown(answers: Sequence[Answer], crossings: Mapping[str, Sequence[str]], within: float) -> str:
    """A table for each pair, and its crossings."""
    parts: list[str] = []
    for pair, group in by_pair(answers).items():
        headers, rows = headers_of(group, within), [*table(group, within)]
        parts += [f"## {escaped(pair)}", "", _row(headers), f"|{'|'.join([':--'] * len(headers))}|"]
        parts += [_row(row) for row in rows]
        parts += ["", *(f"- {escaped(sentence)}" for sentence in crossings.get(pair, ())), ""]
    return "\n".join(parts)


def by_pair(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The answers of each pair."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.case.pair, []).append(answer)
    return found


def headers_of(answers: Sequence[Answer], within: float) -> tuple[str, ...]:
    """The headers of a pair's table; over a grid the true values have a column, of one target the KL's."""
    parameters, place = tuple(answers[0].case.parameters), any(line.placement for line in answers[0].lines)
    parameters = (*parameters, *["KL(q‖p)"] * bool(parameters))
    needed = f"samples for {100 * within:g} %"
    return (*parameters, "estimator", *["placement"] * place, "bias/true", "stdev/true", needed)


def table(answers: Sequence[Answer], within: float) -> Iterator[tuple[str, ...]]:
    """The rows of a pair's table; a grid parameter is written where it changes."""
    for answer in answers:
        parameters = [exact(value) for value in answer.case.parameters.values()]
        parameters += [_shown(answer.kl)] * bool(parameters)
        place = any(line.placement for line in answer.lines)
        for line in answer.lines:
            called = [line.estimator, *[line.called[len(line.estimator) + 2 : -1]] * place]
            numbers = [_shown(value) for value in (line.bias_over_true, line.stdev_over_true)]
            yield (*parameters, *called, *numbers, needed(line, within))
            parameters = [""] * len(parameters)


def needed(line: Known, within: float) -> str:
    """``1,600``, ``never: it is biased``, or why it is not known."""
    count, reason = line.samples_needed(within), line.reason(within)
    if count == inf:
        return f"never: {reason}"
    return f"{MISSING}  {reason}" if isnan(count) else counted(count)


def counted(count: float) -> str:
    """``1,600``; beyond a thousand million with an exponent."""
    return f"{count:,.0f}" if count < 1e9 else exact(float(f"{count:.3g}"))


def _shown(value: float) -> str:
    return MISSING if isnan(value) else exact(value)


def _cell(value: float) -> Cell:
    return None if isnan(value) else value


def _whole(count: float) -> Cell:
    return None if isnan(count) else int(count) if isinstance(count, int) else count


def _strict(value: Cell) -> Cell:
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
