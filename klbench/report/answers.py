"""The output of ``klbench validate``, which draws no samples: a table, CSV, JSON or Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

from klbench.estimators.vocabulary import placed
from klbench.measure.known import IN_A_WORD, Known
from klbench.report.columns import grid_column
from klbench.report.escaping import escaped
from klbench.report.field import ESTIMATOR, LEVEL, Field, Layout
from klbench.report.frame import csv_text
from klbench.report.markdown import markdown_table
from klbench.report.numbers import MISSING, in_json, parameters_text, plain_number, true_value
from klbench.report.summary import Block, Chart, Summary
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
    levels = any(line.level for answer in answers for line in answer.lines)
    return [
        {
            "pair": answer.case.pair,
            **{column.name: column.value("", answer.case, line) for column in grid},
            "estimator": line.estimator,
            **({"level": line.level or None, "aggregation": line.aggregation or None} if levels else {}),
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
    return csv_text(records(answers, within))


def to_json(answers: Sequence[Answer], crossings: Mapping[str, Sequence[str]], within: float) -> str:
    """The records and the crossings of each pair as strict JSON: infinity is the text "inf"."""
    rows = [{name: in_json(value) for name, value in row.items()} for row in records(answers, within)]
    told = {pair: list(sentences) for pair, sentences in crossings.items() if sentences}
    return json.dumps({"within": within, "rows": rows, "crossings": told}, indent=2, ensure_ascii=False) + "\n"


def to_markdown(answers: Sequence[Answer], crossings: Mapping[str, Sequence[str]], within: float) -> str:
    """A table for each pair, and its crossings."""
    parts: list[str] = []
    for pair, group in by_pair(answers).items():
        parts += [f"## {escaped(pair)}", "", *markdown_table(chart(group, within))]
        parts += ["", *(f"- {escaped(sentence)}" for sentence in crossings.get(pair, ())), ""]
    return "\n".join(parts)


def by_pair(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The answers of each pair."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.case.pair, []).append(answer)
    return groups


def chart(answers: Sequence[Answer], within: float) -> Chart:
    """The table of a pair; over a grid its parameters and the KL tell the cases apart."""
    parameters = tuple(answers[0].case.parameters)
    blocks = tuple(Block(_labels(answer), _caption(answer), answer.lines) for answer in answers)
    return Chart((*parameters, *["KL(q‖p)"] * bool(parameters)), blocks, tuple(_layouts(answers, within)))


def summary(answers: Sequence[Answer], within: float) -> Summary:
    """The answers of a pair as a ``Summary``, of which a table is drawn."""
    return Summary(answers[0].case.pair, "", (), "", "", (chart(answers, within),), ())


def _labels(answer: Answer) -> tuple[str, ...]:
    values = answer.case.parameters.values()
    return (*map(plain_number, values), *[_shown(answer.kl)] * bool(values))


def _caption(answer: Answer) -> str:
    """The labels of a case in words."""
    return f"{parameters_text(answer.case.parameters)} · {true_value('KL(q‖p)', answer.kl, answer.kl_from)}"


def _layouts(answers: Sequence[Answer], within: float) -> Iterator[Layout]:
    """The layouts, the fullest first: with a column for reasons if there are any, then with a word in its place, then
    without stdev and bias."""
    lines = [line for answer in answers for line in answer.lines]
    level = [LEVEL] * (len({(line.level, line.aggregation) for line in lines}) > 1)
    place = [PLACEMENT] * any(line.placement for line in lines)
    header, main = f"samples for {100 * within:g} %", (ESTIMATOR, *level, *place, BIAS, STDEV)
    reason = Field("because", lambda line: line.reason(within), numeric=False)
    if any(line.reason(within) for line in lines):
        yield (*main, Field(header, lambda line: needed(line, within)), reason)
    samples = Field(header, lambda line: _in_a_word(line, within))
    yield (*main, samples)
    yield (*main[:-1], samples)
    yield (*main[:-2], samples)


PLACEMENT = Field(
    "placement", lambda line: placed(line.placement, line.weighting) if line.placement else MISSING, numeric=False
)
BIAS = Field("bias/true", lambda line: _shown(line.bias_over_true), ("exact_bias_over_true",))
STDEV = Field("stdev/true", lambda line: _shown(line.stdev_over_true), ("exact_stdev_over_true",))


def needed(line: Known, within: float) -> str:
    """The samples needed: ``1,600``, ``never``, or a dash if not known."""
    count = line.samples_needed(within)
    return "never" if count == inf else MISSING if isnan(count) else counted(count)


def _in_a_word(line: Known, within: float) -> str:
    word = IN_A_WORD.get(line.reason(within))
    return f"never: {word}" if word else needed(line, within)


def counted(count: float) -> str:
    """``1,600``; beyond a thousand million with an exponent."""
    return f"{count:,.0f}" if count < 1e9 else plain_number(float(f"{count:.3g}"))


def _shown(value: float) -> str:
    return MISSING if isnan(value) else plain_number(value)


def _cell(value: float) -> Cell:
    return None if isnan(value) else value


def _whole(count: float) -> Cell:
    return None if isnan(count) else int(count) if isinstance(count, int) else count
