"""The JSON Schema: kept in step with the file, described throughout, and accepting what users write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from klbench.spec import builtin
from klbench.spec.document import read_document
from klbench.spec.nodes import Source, plain_value
from klbench.spec.read import read_text
from klbench.spec.schema import json_schema
from klbench.spec.starter import STARTER

jsonschema = pytest.importorskip("jsonschema")

FILE = Path(__file__).parents[2] / "klbench.schema.json"
WRITTEN = """\
name: x
samples: 10M
estimators: [k1]
pairs:
- q: {Normal: {loc: "{mu}", scale: 1}}
  p: {Normal: [0, 1]}
  sampler: N(0, 1)
  grid: {mu: [0.1, 1], b: {linspace: [0, 1, 3]}, c: {logspace: [1, 2, 3]}, d: 1}
  expect: {k1: {bias: {value: 0, within: 1}}}
"""
GRADIENT = """\
name: x
measure: gradient
estimators: [k1, "verl:low_var_kl+"]
placements: reward
weightings: [none, ratio]
parameters: [loc]
baseline: leave-one-out
batch: 1k
dtype: [float32, bfloat16]
pairs: [{q: "N(0, 1)", p: "N(1, 1)"}]
"""


def test_the_file_is_in_step() -> None:
    written = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert FILE.read_text(encoding="utf-8") == written, "klbench schema > klbench.schema.json"


def test_it_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def _errors(text: str) -> list[str]:
    value = plain_value(read_document(Source("x", text)))
    return [error.message for error in jsonschema.Draft202012Validator(json_schema()).iter_errors(value)]


@pytest.mark.parametrize("text", [WRITTEN, GRADIENT, STARTER, *map(builtin.text, builtin.names())])
def test_it_accepts_what_users_write(text: str) -> None:
    assert _errors(text) == []


@pytest.mark.parametrize("text", [STARTER, *map(builtin.text, builtin.names())])
def test_it_accepts_a_resolved_spec(text: str) -> None:
    assert _errors(read_text(text, "x").to_yaml()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("estimators", "estimatros"),
        ("name: x", "name: ../x"),
        ("10M", "ten"),
        ("10M", "0"),
        ("sampler:", "smapler:"),
        ("linspace", "linspce"),
        ("[0.1, 1]", "[]"),
        ("[k1]", "[]"),
        ("within", "near"),
        ("N(0, 1)\n", "3\n"),
    ],
)
def test_it_refuses_what_the_reader_refuses(old: str, new: str) -> None:
    assert _errors(WRITTEN.replace(old, new)) != []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gradient", "gradeint"),
        ("reward", "rewrd"),
        ("[none, ratio]", "[none, none]"),
        ("[none, ratio]", "[]"),
        ("[loc]", "[0]"),
        ("leave-one-out", "median"),
        ("1k", "1"),
        ("bfloat16", "bf16"),
    ],
)
def test_it_refuses_what_the_reader_refuses_of_gradients(old: str, new: str) -> None:
    assert _errors(GRADIENT.replace(old, new)) != []


def _properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from _properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _properties(inner)


def test_every_property_is_described() -> None:
    properties = list(_properties(json_schema()))
    assert {"name", "q", "grid", "within", "logspace"} <= {name for name, _ in properties}
    assert [name for name, schema in properties if not schema.get("description")] == []
