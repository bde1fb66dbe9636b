"""What ``list`` and ``explain`` write for other programs: ``-f json``, ``csv`` and ``markdown``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from klbench.cli.explain import HEADERS
from klbench.cli.options import Format
from klbench.distributions.catalogue import ALIASES, EVERY
from klbench.estimators import catalogue
from klbench.frameworks import catalogue as shipped
from klbench.report.columns import COLUMNS
from klbench.report.records import as_csv, as_json, as_markdown, as_markdown_card
from klbench.spec import builtin
from klbench.spec.model import Spec
from tests.cli.conftest import Done

Call = Callable[..., Done]

LISTS = {
    "estimators": list(catalogue.every_name()),
    "frameworks": list(shipped.names()),
    "distributions": list(EVERY),
    "specs": list(builtin.names()),
}
OTHERS = [format for format in Format if format is not Format.TABLE]
NAMES = [
    *("k3", "alpha", "alpha(0.3)", "k1_cv(optimal)", "ratio*k3", "verl:k3", "verl@0.4:low_var_kl", "ratio*verl:k3"),
    *("verl", "Normal", "N", "Categorical", "none", "grid", "sampler", "exact", "bias", "loss", "bfloat16"),
]


def data(call: Call, *arguments: str) -> Any:
    done = call(*arguments, "-f", "json")
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out, parse_constant=lambda _: pytest.fail("JSON has no such number"))


def rows(call: Call, *arguments: str) -> list[dict[str, str]]:
    done = call(*arguments, "--format", "csv")
    assert (done.status, done.err) == (0, "")
    return list(csv.DictReader(StringIO(done.out)))


@pytest.mark.parametrize(("what", "names"), LISTS.items())
def test_a_list_has_all_there_is_in_every_format(call: Call, what: str, names: list[str]) -> None:
    assert [each["name"] for each in data(call, "list", what)] == names
    assert [row["name"] for row in rows(call, "list", what)] == names
    lines = call("list", what, "-f", "markdown").out.splitlines()
    assert len(lines) == len(names) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {lines[1].count("|")}


@pytest.mark.parametrize("what", LISTS)
def test_every_record_of_a_list_has_the_same_keys(call: Call, what: str) -> None:
    assert len({tuple(each) for each in data(call, "list", what)}) == 1


def test_a_list_of_frameworks_is_filtered(call: Call) -> None:
    assert {each["framework"] for each in data(call, "list", "frameworks", "trl")} == {"trl"}
    assert call("list", "specs", "trl", "-f", "json").status == 2


def test_an_estimator_is_all_it_declares(call: Call) -> None:
    k3, found = catalogue.find("k3"), data(call, "explain", "k3")
    assert {**found, "follows": 0} == {
        "name": "k3",
        "kind": "estimator",
        "formula": k3.formula,
        "target": "reverse KL",
        "unbiased": True,
        "nonnegative": True,
        "biased_when": k3.biased_when,
        "infinite_variance_when": k3.infinite_variance_when,
        "follows": 0,
        "used_by": k3.used_by,
        "source": k3.source,
        "summary": found["summary"],
    }
    assert found["follows"]["loss"] == "KL(p‖q)"
    assert "`" not in found["summary"]


def test_an_entry_says_its_releases_and_where_it_is_put(call: Call) -> None:
    found = data(call, "explain", "verl:k3")
    assert (found["name"], found["entry"], found["framework"]) == ("verl:k3", "verl:low_var_kl", "verl")
    assert (found["releases"], found["since"], found["until"]) == ("from 0.4.1", "0.4.1", None)
    assert (found["placement"], found["placements"]) == ("loss", ["loss", "reward"])
    assert (found["clamp_log_ratio"], found["clamp_value"], found["unbiased"]) == (20, 10, False)
    assert data(call, "explain", "verl:ppo_kl")["placement"] is None
    assert data(call, "explain", "verl@0.4:low_var_kl")["until"] == "0.4.0"


def test_a_framework_has_its_entries(call: Call) -> None:
    entries = [name for name in shipped.names() if shipped.owner(name) == "verl"]
    assert [each["name"] for each in data(call, "explain", "verl")["entries"]] == entries
    assert [row["name"] for row in rows(call, "explain", "verl")] == entries


def test_a_distribution_has_its_arguments(call: Call) -> None:
    found = data(call, "explain", "N")
    assert found == data(call, "explain", "Normal")
    assert [each["name"] for each in found["arguments"]] == ["loc", "scale"]
    assert data(call, "explain", "StudentT")["arguments"][1]["default"] == 0
    assert data(call, "explain", "Categorical")["one_of"] == ["probs", "logits"]


def test_a_word_has_every_meaning(call: Call) -> None:
    assert [each["kind"] for each in data(call, "explain", "none")["meanings"]] == ["weighting", "baseline"]
    assert [row["name"] for row in rows(call, "explain", "exact")] == list(HEADERS["exact"])


@pytest.mark.parametrize("format", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_explained_is_explained_in_every_format(call: Call, name: str, format: Format) -> None:
    done = call("explain", name, "-f", format)
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) > 1


def test_every_name_has_a_record(call: Call) -> None:
    known = {*catalogue.names(), *shipped.names(), *shipped.frameworks(), *EVERY, *ALIASES, *HEADERS}
    for name in sorted({*known, *(column.name for column in COLUMNS), *Spec.model_fields}):
        assert data(call, "explain", name)["name"] in (name, ALIASES.get(name)), name


@pytest.mark.parametrize("name", ["xyz", "verl@0.4", "verl:k9", "schulman", "my:function", ""])
@pytest.mark.parametrize("format", OTHERS)
def test_an_unknown_name_is_refused_as_in_the_table(call: Call, name: str, format: Format) -> None:
    done = call("explain", name, "-f", format)
    assert (done.status, done.out) == (2, "")
    assert done.err == call("explain", name).err


@pytest.mark.parametrize("command", [("list", "specs"), ("explain", "k3")])
def test_an_unknown_format_is_refused(call: Call, command: tuple[str, ...]) -> None:
    done = call(*command, "-f", "yaml")
    assert done.status == 2
    assert "allowed: table, markdown, csv, json" in done.err


ODD = [
    {"a": None, "b": True, "c": [1, 2]},
    {"a": "x|y\nz", "c": [{"d": 1, "e": None}, {"d": 2, "e": 3}], "f": {"g": 0}},
]


def test_records_as_text() -> None:
    assert as_csv(ODD) == 'a,b,c,f\n,yes,"1, 2",\n"x|y\nz",,1; 2 3,g: 0\n'
    lines = ["| a | b | c | f |", "|---|---|---|---|", "|  | yes | 1, 2 |  |", "| x\\|y z |  | 1; 2 3 | g: 0 |"]
    assert as_markdown(ODD) == "".join(f"{line}\n" for line in lines)
    assert as_markdown_card(ODD[0]).splitlines()[2:] == ["| b | yes |", "| c | 1, 2 |"]
    assert json.loads(as_json(ODD)) == ODD
    with pytest.raises(ValueError, match="Out of range"):
        as_json({"a": float("inf")})
