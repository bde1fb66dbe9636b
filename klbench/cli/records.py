"""What ``klbench list`` and ``klbench explain`` know, as records for ``-f json``, ``csv`` and ``markdown``.

The keys are part of the format: another program reads them. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from klbench.cli import output
from klbench.cli.options import Format
from klbench.report.records import Record, as_csv, as_json, as_markdown, as_markdown_card

if TYPE_CHECKING:
    from klbench.cli.words import Word
    from klbench.distributions.family import Family
    from klbench.estimators.estimator import Estimator, EstimatorFamily
    from klbench.frameworks.entry import Entry
    from klbench.report.columns import Column

PARTS = ("entries", "meanings")
"""The keys of a record that hold records."""


def show_list(records: Sequence[Record], format: Format) -> None:
    """Write a list of things to stdout."""
    match format:
        case Format.JSON:
            output.document(as_json(records))
        case Format.CSV:
            output.document(as_csv(records))
        case _:
            output.document(as_markdown(records))


def show_one(record: Record, format: Format) -> None:
    """Write one thing to stdout. A table has a row for each of its parts, where it has any."""
    parts = next((record[key] for key in PARTS if key in record), None)
    if format is Format.JSON:
        output.document(as_json(record))
    elif isinstance(parts, list):
        show_list(parts, format)
    elif format is Format.CSV:
        output.document(as_csv([record]))
    else:
        output.document(as_markdown_card(record))


def of_estimator(estimator: Estimator, more: Mapping[str, object] = MappingProxyType({})) -> Record:
    """An estimator of klbench's own."""
    from klbench.estimators.catalogue import unweighted
    from klbench.identity.computed import load

    identity = load().get(unweighted(estimator.name))
    return {
        "name": estimator.name,
        "kind": "estimator",
        **more,
        "formula": estimator.formula,
        "target": estimator.target.name,
        "unbiased": estimator.unbiased,
        "nonnegative": estimator.nonnegative,
        "biased_when": estimator.biased_when,
        "infinite_variance_when": estimator.infinite_variance_when,
        "follows": None if identity is None else dict(identity.follows),
        "used_by": estimator.used_by or None,
        "source": estimator.source or None,
        "summary": _line(estimator.summary),
    }


def of_estimator_family(family: EstimatorFamily) -> Record:
    """A family of estimators, by the example of it."""
    return of_estimator(family.make(family.example), {"parameter": family.parameter.rstrip(",")})


def of_entry(entry: Entry, estimator: Estimator | None = None) -> Record:
    """What a framework ships; ``estimator`` where that is the entry under another name, or weighted."""
    from klbench.frameworks.catalogue import placements, same_as
    from klbench.identity.computed import load
    from klbench.report.entries import value_name

    shown = estimator or entry.estimator()
    return {
        "name": shown.name,
        "kind": "entry of a framework",
        "framework": entry.framework,
        "entry": entry.qualified,
        "also_called": [f"{entry.framework}:{alias}" for alias in entry.aliases],
        "releases": entry.versions or None,
        "since": entry.since or None,
        "until": entry.until or None,
        "value": value_name(entry),
        "formula": shown.formula,
        "clamp_log_ratio": entry.clamp_log_ratio,
        "clamp_value": entry.clamp_value,
        "target": entry.target.name,
        "placement": entry.placement,
        "weighting": entry.weighting,
        "placements": list(placements(entry)),
        "level": entry.level,
        "aggregation": entry.aggregation,
        "on_sequences": entry.sequences.estimates,
        "on_sequences_note": entry.sequences.note or None,
        "unbiased": shown.unbiased,
        "biased_when": shown.biased_when,
        "infinite_variance_when": shown.infinite_variance_when,
        "follows": dict(load()[entry.qualified].follows),
        "cast": entry.cast or None,
        "option": entry.option or None,
        "same_as": [alias.qualified for alias in same_as(entry)],
        "source": str(entry.source),
        "summary": _line(shown.summary),
    }


def of_framework(name: str) -> Record:
    """A framework with all that it ships."""
    from klbench.frameworks.catalogue import about, every

    framework = about()[name]
    said = ("coefficient", "log_probs", "reward", "aggregation", "precision", "seen")
    facts = {key: getattr(framework, key) or None for key in said}
    return {"name": name, "kind": "framework", **facts, "entries": [of_entry(entry) for entry in every(name).values()]}


def of_distribution(family: Family) -> Record:
    """A distribution with its arguments."""
    from klbench.distributions.catalogue import ALIASES

    arguments = [
        {"name": parameter.name, "allowed": parameter.constraint.text, "default": parameter.shown_default}
        for parameter in family.parameters
    ]
    return {
        "name": family.name,
        "kind": "distribution",
        "signature": family.signature,
        "also_called": [alias for alias, name in ALIASES.items() if name == family.name],
        "of": family.kind,
        "support": family.support_text,
        "arguments": arguments,
        "one_of": list(family.alternatives),
        "example": family.example,
        "summary": _line(family.summary),
    }


def of_spec(name: str) -> Record:
    """A built-in spec."""
    from klbench.spec import builtin

    return {"name": name, "kind": "spec", "summary": builtin.title(name)}


def of_meanings(name: str, columns: Sequence[Column], words: Sequence[Word]) -> Record:
    """A name that may mean several things: columns of the results, words of a spec."""
    return {"name": name, "kind": "word", "meanings": [*_of_columns(columns), *_of_words(name, words)]}


def _of_columns(columns: Sequence[Column]) -> Iterator[Record]:
    for column in columns:
        yield {
            "name": column.name,
            "kind": "column",
            "type": column.kind,
            "where": column.where,
            "written": None,
            "summary": column.about.description,
        }


def _of_words(name: str, words: Sequence[Word]) -> Iterator[Record]:
    for word in words:
        kind = word.kind.removeprefix("a ")
        yield {
            "name": name,
            "kind": kind,
            "type": None,
            "where": "a spec",
            "written": word.written or None,
            "summary": word.meaning,
        }


def _line(text: str) -> str:
    return " ".join(text.replace("``", "").split())
