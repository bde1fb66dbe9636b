"""The kinds of fields a spec has: how each is read from what the user wrote, and its JSON Schema.

Whatever a field refuses, it refuses with a ``Refusal``, so that every error says what is allowed and where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from klbench.spec import numbers
from klbench.spec.algebra import Expression
from klbench.spec.expression import read
from klbench.spec.grid import MOST_CASES, grid_values, parameter_name
from klbench.spec.naming import LONGEST_NAME
from klbench.spec.refusal import Refusal, refusing, shown

JsonSchema = dict[str, Any]

_FILE_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}", re.ASCII)


def _read_by(reader: Callable[[Any], object], schema: JsonSchema) -> GetPydanticSchema:
    """The mark of a field that is read by ``reader`` and described by ``schema``."""
    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(reader),
        lambda _core, _handler: dict(schema),
    )


def _file_name(written: object) -> str:
    if not isinstance(written, str) or not _FILE_NAME.fullmatch(written):
        help = [f"letters, digits, - and _, at most {LONGEST_NAME}: it names the folder of the results"]
        raise Refusal(f"{shown(written)} is not a name for a spec", help=[*help, *_quoted(written)])
    return written


def _text(written: object) -> str:
    if not isinstance(written, str) or not written.strip():
        raise Refusal(f"{shown(written)} is not a text", help=["a text", *_quoted(written)])
    if not written.replace("\n", "").replace("\t", "").isprintable():
        raise Refusal(f"{shown(written)} has characters that cannot be shown", help=["printable characters"])
    return written


def _pair_name(written: object) -> str:
    name = _text(written)
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Refusal(f"{shown(name)} is not a name for a pair", help=[f"one line, at most {LONGEST_NAME} characters"])
    return name


def _quoted(written: object) -> list[str]:
    return [f'with quotes it is a text: "{shown(written)}"'] if isinstance(written, bool | int | float) else []


def estimator_name(written: object) -> str:
    """An estimator's name as its catalogue writes it.

    Raises:
        Refusal: nobody is called that.
    """
    from klbench.estimators.catalogue import find

    if not isinstance(written, str) or len(written) > LONGEST_NAME:
        raise Refusal(f"{shown(written)} is not an estimator", help=["klbench list estimators shows what there is"])
    with refusing():
        return find(written).name


def _estimators(written: object) -> tuple[str, ...]:
    if not isinstance(written, list | tuple) or not written:
        raise Refusal(f"estimators cannot be {shown(written)}", help=["a list of names: [k1, k2, k3]"])
    names: list[str] = []
    for index, item in enumerate(written):
        try:
            name = estimator_name(item)
        except Refusal as refusal:
            raise refusal.within(index) from None
        if name in names:
            raise Refusal(f"{name} is listed twice", help=["each estimator once"], path=(index,))
        names.append(name)
    return tuple(names)


_NUMBER: JsonSchema = {"type": "number"}
_PLACEHOLDER: JsonSchema = {"type": "string", "pattern": r"^\{\s*[A-Za-z_]\w*\s*\}$"}
_ARGUMENT: JsonSchema = {"anyOf": [_NUMBER, _PLACEHOLDER, {"type": "array"}]}
_SPACING: JsonSchema = {"type": "array", "items": _NUMBER, "minItems": 3, "maxItems": 3}
_SPACINGS = {
    "logspace": "[low, high, count]: a geometric sequence with both ends.",
    "linspace": "[low, high, count]: evenly spaced values with both ends.",
}

FileName = Annotated[
    str, _read_by(_file_name, {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": LONGEST_NAME})
]
Text = Annotated[str, _read_by(_text, {"type": "string", "minLength": 1})]
PairName = Annotated[str, _read_by(_pair_name, {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME})]
Samples = Annotated[
    int,
    _read_by(
        numbers.samples,
        {
            "anyOf": [
                {"type": "number", "minimum": 1, "maximum": numbers.MOST_SAMPLES},
                {"type": "string", "pattern": r"^[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?\s*[kKMG]?$"},
            ]
        },
    ),
]
Seed = Annotated[int, _read_by(numbers.seed, {"type": "integer", "minimum": 0, "maximum": numbers.MOST_SEED})]
FiniteNumber = Annotated[float, _read_by(numbers.finite, _NUMBER)]
Estimators = Annotated[
    tuple[str, ...],
    _read_by(_estimators, {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}),
]
EstimatorName = Annotated[str, _read_by(estimator_name, {"type": "string"})]
Distribution = Annotated[
    Expression,
    _read_by(
        read,
        {
            "anyOf": [
                {"type": "string", "examples": ["N(0, 1)", "0.5*N(-2, 0.5) + 0.5*N(2, 0.5)", "N({mu}, 1)**10"]},
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
