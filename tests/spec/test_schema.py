"""The JSON Schema: kept in step with the file, described throughout, and accepting what users write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import klbench
from klbench.estimators import catalogue
from klbench.frameworks import catalogue as shipped
from klbench.spec import builtin
from klbench.spec.document import read_document
from klbench.spec.nodes import Source, plain_value
from klbench.spec.read import read_text
from klbench.spec.schema import json_schema, text
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
ARITHMETIC = """\
name: x
estimators: [k1, "verl:*", "verl@0.4:*", "ratio*trl:*"]
pairs:
- q: {Categorical: {logits: [0, -.inf, "1 - {mu}/2"]}}
  p: Categorical(logits=[0, -inf, {mu}**2])
  grid: {mu: [0.1, 1]}
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
    assert FILE.read_text(encoding="utf-8") == text(), "klbench schema > klbench.schema.json"


def test_it_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def _errors(written: str) -> list[str]:
    value = plain_value(read_document(Source("x", written)))
    return [error.message for error in jsonschema.Draft202012Validator(json_schema()).iter_errors(value)]


@pytest.mark.parametrize("written", [WRITTEN, ARITHMETIC, GRADIENT, STARTER, *map(builtin.text, builtin.names())])
def test_it_accepts_what_users_write(written: str) -> None:
    assert _errors(written) == []


@pytest.mark.parametrize("written", [STARTER, *map(builtin.text, builtin.names())])
def test_it_accepts_a_resolved_spec(written: str) -> None:
    assert _errors(read_text(written, "x").to_yaml()) == []


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
        ("[k1]", "[k9]"),
        ("[k1]", "['k1(3)']"),
        ("[k1]", "[alpha]"),
        ("[k1]", "['verl:']"),
        ("[k1]", "['ratio*']"),
        ("{k1: {bias", "{k9: {bias"),
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


def test_it_lists_the_estimators() -> None:
    listed = json_schema()["$defs"]["Estimator"]["anyOf"][0]["enum"]
    assert {*catalogue.every_name(), *shipped.names()} == set(listed)
    every = json_schema()["$defs"]["Listed"]["anyOf"][1]["enum"]
    assert every == [f"{name}:*" for name in shipped.frameworks()]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    "name",
    [
        *(prefix + name for name in catalogue.names() for prefix in ("", "ratio*", " ratio * ")),
        *shipped.names(),
        "alpha( 0.25 )",
        "k1_cv(-3e-2)",
        "verl@0.4:low_var_kl",
        "verl : k3",
        "ratio*openrlhf:k3",
        "os.path:join",
    ],
)
def test_every_name_the_reader_takes_is_in_it(name: str) -> None:
    assert catalogue.find(name)
    assert _errors(WRITTEN.replace("[k1]", f'["{name}"]').replace("{k1: {", f'{{"{name}": {{')) == []


def test_its_name_is_no_address_and_follows_the_version() -> None:
    name = json_schema()["$id"]
    assert name == "urn:klbench:spec:" + ".".join(klbench.__version__.split(".")[:2])


def test_the_starter_names_it() -> None:
    assert STARTER.startswith(f"# yaml-language-server: $schema={FILE.name}\n")
