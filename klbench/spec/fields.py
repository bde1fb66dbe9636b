"""The kinds of fields a spec has: how each is read from what the user wrote, and its JSON Schema.

Whatever a field refuses, it refuses with a ``Refusal``, so that every error says what is allowed and where it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from klbench.distributions.expression import Expression
from klbench.estimators.catalogue import find
from klbench.estimators.vocabulary import (
    AGGREGATIONS,
    BASELINES,
    DTYPES,
    LEVELS,
    MEASURES,
    PLACEMENTS,
    WEIGHTINGS,
    Aggregation,
    Dtype,
    LevelName,
    Placement,
    Weighting,
)
from klbench.spec import numbers
from klbench.spec.every import Asked, of_framework, spelled_out, stands_for_all
from klbench.spec.expression import read
from klbench.spec.grid import MOST_CASES, grid_values, parameter_name
from klbench.spec.naming import LONGEST_NAME
from klbench.spec.refusal import Refusal, refusing, shown, unknown_name
from klbench.spec.together import refuse_weighted

JsonSchema = dict[str, Any]

LONGEST_ESTIMATOR = 200
MOST_ESTIMATORS = 1000
"""Every block measures all of them at once: with more the sums of a block take longer and more room than its draws."""
_KNOWN_ESTIMATORS = 4096
"""So many names that were found once are not sought again: a spec may name the same ones in every pair."""

_COUNT = r"^[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?\s*[kKMG]?$"
_PARAMETER = r"(\d{1,9}\.)*[A-Za-z_]\w*"
_FILE_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)
_DEVICES = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
"""Names that Windows reads as devices wherever they stand: a folder cannot be called so."""
_FORMULA = "=+-@＝＋－＠"
"""A cell of a CSV file that begins so is a formula to a spreadsheet, the wide letters of East Asia included."""


@dataclass
class Reading:
    """What is known while one spec is read.

    Args:
        folder: where the files that it names are looked for first.
        errors: how many there are, by what they are in.
    """

    folder: str | None = None
    errors: Counter[str] = field(default_factory=Counter)


def folder_of(context: object) -> str | None:
    """Where the files of the spec that is read are looked for first."""
    return context.folder if isinstance(context, Reading) else None


def _read_by(reader: Callable[[Any], object], schema: JsonSchema) -> GetPydanticSchema:
    """The mark of a field that is read by ``reader`` and described by ``schema``."""
    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(reader),
        lambda _core, _handler: dict(schema),
    )


def _read_in(reader: Callable[[Any, str | None], object], schema: JsonSchema) -> GetPydanticSchema:
    """The same of a field that may name files: ``reader`` is also given the folder where they are looked for."""
    return GetPydanticSchema(
        lambda _source, _handler: core_schema.with_info_plain_validator_function(
            lambda written, info: reader(written, folder_of(info.context))
        ),
        lambda _core, _handler: dict(schema),
    )


def _file_name(written: object) -> str:
    if not isinstance(written, str) or not _FILE_NAME.fullmatch(written):
        help = [f"letters, digits, - and _, not - first, at most {LONGEST_NAME}: it names the folder of the results"]
        raise Refusal(f"{shown(written)} is not a name for a spec", help=[*help, *_quoted(written)])
    if _DEVICES.fullmatch(written):
        raise Refusal(f"{shown(written)} is the name of a device on Windows", help=[f"such as {written}-1"])
    return written


def _text(written: object) -> str:
    if not isinstance(written, str) or not written.strip():
        raise Refusal(f"{shown(written)} is not a text", help=["a text", *_quoted(written)])
    if not written.replace("\n", "").replace("\t", "").isprintable():
        raise Refusal(f"{shown(written)} has characters that cannot be shown", help=["printable characters"])
    return written


def _folder(written: object) -> str:
    if not isinstance(written, str) or not written.strip() or not written.isprintable():
        raise Refusal(f"{shown(written)} is not a folder", help=["a path, relative to the spec's folder"])
    return written


def _pair_name(written: object) -> str:
    name = _text(written)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Refusal(f"{shown(name)} is not a name for a pair", help=[f"one line, at most {LONGEST_NAME} characters"])
    if name.lstrip()[0] in _FORMULA:
        help = [f"a name that does not begin with {' '.join(_FORMULA[:4])}: a spreadsheet reads a formula there"]
        raise Refusal(f"{shown(name)} is not a name for a pair", help=help)
    return name


def _quoted(written: object) -> list[str]:
    return [f'with quotes it is a text: "{shown(written)}"'] if isinstance(written, bool | int | float) else []


def estimator_name(written: object) -> str:
    """An estimator's name as its catalogue writes it.

    Raises:
        Refusal: nobody is called that.
    """
    if not isinstance(written, str) or len(written) > LONGEST_ESTIMATOR:
        help = [f"a name of at most {LONGEST_ESTIMATOR} characters; klbench list estimators shows what there is"]
        raise Refusal(f"{shown(written)} is not an estimator", help=help)
    with refusing():
        return _name_of(written)


@lru_cache(_KNOWN_ESTIMATORS)
def _name_of(written: str) -> str:
    return find(written).name


def _listed_name(written: object) -> str:
    if isinstance(written, str) and len(written) <= LONGEST_ESTIMATOR and stands_for_all(written):
        with refusing():
            return of_framework(written)
    return estimator_name(written)


def _estimators(given: object) -> tuple[str, ...]:
    asked = given if isinstance(given, Asked) else Asked(given, None)
    written = asked.names
    if not isinstance(written, list | tuple) or not written:
        names = written if isinstance(written, str) and written.strip() else "k1, k2, k3"
        raise Refusal(f"estimators cannot be {shown(written)}", help=[f"a list of names: [{names}]"])
    listed = _each_once(written, _listed_name, "estimator")
    if asked.placements is not None:
        refuse_weighted(listed)
    meant = spelled_out(listed, asked)
    _refuse_too_many(meant, "estimator")
    return meant


def _refuse_too_many(names: Sequence[object], kind: str) -> None:
    if len(names) > MOST_ESTIMATORS:
        raise Refusal(f"a list of {len(names)} {kind}s", help=[f"at most {MOST_ESTIMATORS} {kind}s in a spec"])


def _each_once(written: Sequence[object], read_one: Callable[[object], str], kind: str) -> tuple[str, ...]:
    _refuse_too_many(written, kind)
    names: dict[str, None] = {}
    for index, item in enumerate(written):
        try:
            name = read_one(item)
        except Refusal as refusal:
            raise refusal.within(index) from None
        if name in names:
            raise Refusal(f"{name} is listed twice", help=[f"each {kind} once"], path=(index,))
        names[name] = None
    return tuple(names)


def _one_or_more(read_one: Callable[[object], str], kind: str, example: str) -> Callable[[object], tuple[str, ...]]:
    """A reader of a list of different names; a name alone is a list of one."""

    def read_names(written: object) -> tuple[str, ...]:
        if isinstance(written, Mapping) or written in ([], ()):
            raise Refusal(f"{shown(written)} is not a {kind}", help=[f"a name, or a list of names: {example}"])
        return _each_once(written if isinstance(written, list | tuple) else [written], read_one, kind)

    return read_names


def _one_of(allowed: Sequence[str], kind: str) -> Callable[[object], str]:
    def read_name(written: object) -> str:
        if not isinstance(written, str) or written not in allowed:
            raise unknown_name(written, allowed, kind=kind)
        return written

    return read_name


def _parameter(written: object) -> str:
    if not isinstance(written, str) or len(written) > LONGEST_NAME or not re.fullmatch(_PARAMETER, written, re.ASCII):
        help = ["a parameter of q by torch's name, such as loc; of a mixture's first component 0.loc"]
        raise Refusal(f"{shown(written)} is not a parameter", help=help)
    return written


def _choice(allowed: Sequence[str], kind: str) -> GetPydanticSchema:
    """The mark of a field that is one of the ``allowed`` names."""
    return _read_by(_one_of(allowed, kind), {"type": "string", "enum": list(allowed)})


def _choices(read_one: Callable[[object], str], kind: str, schema: JsonSchema, example: str) -> GetPydanticSchema:
    """The mark of a field that is a list of names, each as ``schema``; a name alone is a list of one."""
    several = {"type": "array", "items": schema, "minItems": 1, "uniqueItems": True}
    return _read_by(_one_or_more(read_one, kind, example), {"anyOf": [schema, several]})


def _count(reader: Callable[[object], int], least: int, most: int) -> GetPydanticSchema:
    """The mark of a field that is a whole number from ``least`` to ``most``, also written ``10M``."""
    schema = {"type": "number", "minimum": least, "maximum": most}
    return _read_by(reader, {"anyOf": [schema, {"type": "string", "pattern": _COUNT}]})


def _some_of(allowed: Sequence[str], kind: str) -> GetPydanticSchema:
    """The mark of a field that is a list of some of the ``allowed`` names."""
    schema = {"type": "string", "enum": list(allowed)}
    return _choices(_one_of(allowed, kind), kind, schema, f"[{', '.join(allowed)}]")


ESTIMATOR: JsonSchema = {"type": "string", "format": "estimator"}
"""Stands for an estimator's name until ``schema`` puts them all in: pydantic refuses a reference it does not know."""
LISTED: JsonSchema = {"type": "string", "format": "listed estimator"}
"""The same of one in a list, which may be ``framework:*``."""
_NUMBER: JsonSchema = {"type": "number"}
_ARITHMETIC: JsonSchema = {
    "description": "Arithmetic of numbers and grid parameters in braces.",
    "type": "string",
    "pattern": r"^[-+*/().{}\w\s]+$",
    "examples": ["{mu}", "2*{s}", "1 - {e}"],
}
_ARGUMENT: JsonSchema = {"anyOf": [_NUMBER, _ARITHMETIC, {"type": "array"}]}
_SPACING: JsonSchema = {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3}
_SPACINGS = {
    "logspace": "[low, high, count]: a geometric sequence with both ends.",
    "linspace": "[low, high, count]: evenly spaced values with both ends.",
}

FileName = Annotated[
    str, _read_by(_file_name, {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$", "maxLength": LONGEST_NAME})
]
Folder = Annotated[str, _read_by(_folder, {"type": "string", "minLength": 1})]
Text = Annotated[str, _read_by(_text, {"type": "string", "minLength": 1})]
PairName = Annotated[
    str,
    _read_by(
        _pair_name,
        {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": rf"^\s*[^\s{re.escape(_FORMULA)}]"},
    ),
]
Samples = Annotated[int, _count(numbers.samples, 1, numbers.MOST_SAMPLES)]
Precision = Annotated[
    float,
    _read_by(numbers.precision, {"type": "number", "minimum": numbers.LEAST_PRECISION, "exclusiveMaximum": 1}),
]
Batch = Annotated[int, _count(numbers.batch, 2, numbers.MOST_BATCH)]
SequenceLength = Annotated[int, _count(numbers.sequence_length, 1, numbers.MOST_LENGTH)]
Seed = Annotated[int, _read_by(numbers.seed, {"type": "integer", "minimum": 0, "maximum": numbers.MOST_SEED})]
Measure = Annotated[tuple[str, ...], _some_of(MEASURES, "measure")]
BaselineName = Annotated[str, _choice(BASELINES, "baseline")]
OneLevel = Annotated[LevelName, _choice(LEVELS, "level")]
OneAggregation = Annotated[Aggregation, _choice(AGGREGATIONS, "aggregation")]
OneDtype = Annotated[str, _choice(DTYPES, "dtype")]
Dtypes = Annotated[tuple[Dtype, ...], _some_of(DTYPES, "dtype")]
Placements = Annotated[tuple[Placement, ...], _some_of(PLACEMENTS, "placement")]
Levels = Annotated[tuple[LevelName, ...], _some_of(LEVELS, "level")]
Aggregations = Annotated[tuple[Aggregation, ...], _some_of(AGGREGATIONS, "aggregation")]
Positive = Annotated[float, _read_by(numbers.positive, {"type": "number", "exclusiveMinimum": 0})]
Weightings = Annotated[tuple[Weighting, ...], _some_of(WEIGHTINGS, "weighting")]
Parameters = Annotated[
    tuple[str, ...],
    _choices(_parameter, "parameter", {"type": "string", "pattern": f"^{_PARAMETER}$"}, "[loc, scale]"),
]
DataFiles = Annotated[
    tuple[str, ...], _choices(_text, "file", {"type": "string", "minLength": 1}, "[step_1.jsonl, step_2.jsonl]")
]
Compared = Annotated[str, _choice(("reference", "mismatch"), "comparison")]
FiniteNumber = Annotated[float, _read_by(numbers.finite, _NUMBER)]
Estimators = Annotated[
    tuple[str, ...],
    _read_by(
        _estimators,
        {"type": "array", "items": LISTED, "minItems": 1, "maxItems": MOST_ESTIMATORS, "uniqueItems": True},
    ),
]
EstimatorName = Annotated[str, _read_by(estimator_name, ESTIMATOR)]
Distribution = Annotated[
    Expression,
    _read_in(
        read,
        {
            "anyOf": [
                {"type": "string", "examples": ["N(0, 1)", "0.5*N(-2, 0.5) + 0.5*N(2, 0.5)", "N({mu}, 2*{mu})**10"]},
                {
                    "type": "object",
                    "description": "One family with its arguments: {Normal: {loc: 0, scale: 1}}.",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {
                        "anyOf": [
                            {"type": "object", "additionalProperties": _ARGUMENT},
                            {"type": "array", "items": _ARGUMENT},
                        ]
                    },
                },
            ]
        },
    ),
]
GridName = Annotated[str, _read_by(parameter_name, {"type": "string"})]
GridValues = Annotated[
    tuple[int | float, ...],
    _read_by(
        grid_values,
        {
            "anyOf": [
                _NUMBER,
                {"type": "array", "items": _NUMBER, "minItems": 1, "maxItems": MOST_CASES, "uniqueItems": True},
                *(
                    {
                        "type": "object",
                        "properties": {name: {**_SPACING, "description": description}},
                        "required": [name],
                        "additionalProperties": False,
                    }
                    for name, description in _SPACINGS.items()
                ),
            ]
        },
    ),
]
