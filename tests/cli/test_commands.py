"""The commands that measure nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log, log2
from pathlib import Path

import pytest
import torch

from klbench.cli import words
from klbench.cli.explain import HEADERS
from klbench.distributions.catalogue import EVERY
from klbench.estimators import catalogue
from klbench.estimators.vocabulary import AGGREGATIONS, BASELINES, DTYPES, LEVELS, MEASURES, PLACEMENTS, WEIGHTINGS
from klbench.frameworks import catalogue as shipped
from klbench.report.columns import COLUMNS
from klbench.report.fields import GRADIENTS, VALUES
from tests.cli import conftest
from tests.cli.conftest import Done

Call = Callable[..., Done]

ESTIMATORS = catalogue.names()
NAMES = (*ESTIMATORS, "ratio*k3", "k1_cv", "k1_cv(0.25)", *EVERY, "N", *(column.name for column in COLUMNS))


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_explained(call: Call, name: str) -> None:
    done = call("explain", name)
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) >= 3


def test_an_estimator_is_explained_whole(call: Call) -> None:
    said = call("explain", "k3").out
    k3 = catalogue.find("k3")
    for part in (k3.formula, k3.target.name, k3.biased_when, k3.infinite_variance_when, k3.used_by, k3.source):
        assert part in said


def test_a_column_is_explained_by_its_description(call: Call) -> None:
    assert call("explain", "bias").out == (
        "bias, a column of results.csv of values\n\nmean - true, in nats: the measured bias of one sample's value.\n"
    )


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("index", ["index, a column of components.csv"]),
        ("cosine", ["cosine, a column of results.csv of gradients"]),
        ("nonfinite", ["nonfinite, a column of results.csv"]),
        ("mean", ["mean, a column of results.csv of values and components.csv"]),
        ("estimator", ["estimator, a column of results.csv and components.csv"]),
        ("z", ["z_bias, a column of results.csv of values", "z_stdev, a column of results.csv of values"]),
    ],
)
def test_a_column_is_said_to_be_where_it_is(call: Call, name: str, titles: list[str]) -> None:
    assert [line for line in call("explain", name).out.splitlines() if ", a column of " in line] == titles


def test_a_header_of_the_table_is_every_column_it_may_stand_for(call: Call) -> None:
    lines = call("explain", "exact").out.splitlines()
    named = [line.partition(",")[0] for line in lines if ", a column of " in line]
    assert named == ["exact_bias_over_true", "exact_stdev_over_true", "exact_cosine", "exact"]


@pytest.mark.parametrize("header", HEADERS)
def test_every_header_is_explained(call: Call, header: str) -> None:
    assert call("explain", header).status == 0


@pytest.mark.parametrize(
    ("word", "titles"),
    [
        ("loss", ["loss, a placement"]),
        ("none", ["none, a label under follows", "none, a weighting", "none, a baseline"]),
        ("mean", ["mean, a column of results.csv of values and components.csv", "mean, a baseline"]),
        ("sampler", ["sampler, a column of results.csv"]),
        ("batch", ["batch, a key of a spec"]),
        ("grid", ["grid, a key of a pair"]),
    ],
)
def test_a_word_of_the_spec_is_explained_by_everything_it_means(call: Call, word: str, titles: list[str]) -> None:
    assert [line for line in call("explain", word).out.splitlines() if line.startswith(f"{word}, ")] == titles


def test_every_word_of_the_vocabulary_is_explained() -> None:
    of_specs = {*(*MEASURES, *PLACEMENTS, *WEIGHTINGS, *BASELINES, *DTYPES, *LEVELS, *AGGREGATIONS)}
    assert set(words.known()) == {*of_specs, *words.TRUE_FROM}


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_what_is_said_of_a_precision_is_so(dtype: str) -> None:
    limits = torch.finfo(getattr(torch, dtype))
    bits, overflow = 1 - round(log2(limits.eps)), log(limits.max)
    assert words.COMPUTED[dtype] == f"{bits} significant bits; beyond log r = {overflow:.1f} exp overflows."


@pytest.mark.parametrize("name", ["reward_model", "xyz", "gaussian", "klein"])
def test_nothing_is_suggested_that_is_far_from_what_was_given(call: Call, name: str) -> None:
    assert "did you mean" not in call("explain", name).err


@pytest.mark.parametrize("framework", ["verl", "trl"])
def test_a_framework_is_explained_by_what_it_ships(call: Call, framework: str) -> None:
    said = call("explain", framework).out
    assert said.startswith(f"{framework}, a framework\n")
    listed = [line.split()[0] for line in said.splitlines() if line.partition(":")[0].partition("@")[0] == framework]
    assert listed == [entry.qualified for entry in shipped.entries() if entry.framework == framework]


def test_lists_hold_everything_there_is(call: Call) -> None:
    estimators, distributions = call("list", "estimators").out, call("list", "distributions").out
    for name in ESTIMATORS:
        assert f"\n{name} " in estimators
    for name in EVERY:
        assert f"\n{name}(" in distributions
    assert "schulman" in call("list", "specs").out


def test_the_schema_is_json(call: Call) -> None:
    assert "estimators" in json.loads(call("schema").out)["properties"]


def test_the_starter_spec_validates_and_is_never_overwritten(call: Call, here: Path) -> None:
    assert call("init").status == 0
    first = (here / "klbench.yaml").read_text()
    assert call("validate", "klbench.yaml").status == 0
    assert call("init").status == 2
    assert (here / "klbench.yaml").read_text() == first


def test_a_schema_that_is_there_stays(call: Call, here: Path) -> None:
    (here / "klbench.schema.json").write_text("mine")
    assert call("init", "other.yaml").err == "wrote other.yaml; next: klbench run other.yaml\n"
    assert (here / "klbench.schema.json").read_text() == "mine"


@pytest.mark.parametrize("path", ["specs", "specs/"])
def test_a_starter_spec_in_a_folder_has_the_usual_name(call: Call, here: Path, path: str) -> None:
    missing = call("init", "specs/")
    assert (missing.status, missing.err.count("specs/klbench.yaml")) == (3, 1)
    (here / "specs").mkdir()
    said = "wrote specs/klbench.yaml and klbench.schema.json; next: klbench run specs/klbench.yaml\n"
    assert call("init", path).err == said
    assert (here / "specs/klbench.schema.json").read_text(encoding="utf-8") == call("schema").out
    assert call("validate", "specs/klbench.yaml").status == 0


def test_validate_shows_true_values_and_cost_and_writes_nothing(call: Call, here: Path) -> None:
    (here / "grid.yaml").write_text(
        "name: grid\nsamples: 1M\nestimators: [k1, forward_kl]\npairs:\n"
        '  - {name: shift, q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.5, 10]}}\n'
    )
    done = call("validate", "grid.yaml")
    assert (done.status, done.err) == (0, "")
    assert "2 cases × 1,000,000 samples = 2,000,000 samples" in done.out
    assert (
        """
shift
q = Normal(loc=0, scale=1)
p = Normal(loc={mu}, scale=1)
mu = 0.5  forward KL = 0.125 (closed-form)
mu = 10  forward KL = 50 (closed-form)

  mu  KL(q‖p)  estimator   bias/true  stdev/true  samples for 5 %
"""
        in done.out
    )
    assert sorted(path.name for path in here.iterdir()) == ["grid.yaml", "mine.yaml"]


def test_validate_shows_what_gradients_are_of(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text(conftest.GRADIENTS)
    done = call("validate", "mine.yaml")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("""\
mine
estimators: k1, k3 · seed 7 · float64
gradients · placements: as each estimator has by default · weightings: as each estimator has by default
1 case × 1,000 samples

close
q = Normal(loc=0, scale=1)
p = Normal(loc=1, scale=1)
∇ in loc, scale
reverse KL = KL(q‖p) = 0.5 (closed-form)

estimator  placement  bias/true  stdev/true  samples for 5 %  because
""")


def test_validate_shows_the_settings_of_gradients(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text(conftest.GRADIENTS)
    given = ["placements=[reward]", "weightings=[none, ratio]", "parameters=[loc]", "baseline=mean", "batch=64"]
    said = call("validate", "mine.yaml", *given).out
    assert "\ngradients · placements: reward · weightings: none, ratio · baseline: mean of 64\n" in said
    assert "\n∇ in loc\n" in said


def test_without_a_command_the_help_is_shown(call: Call) -> None:
    done = call()
    assert done.status == 2
    assert done.out == call("--help").out
    assert call("--version").out.startswith("klbench ")


@pytest.mark.parametrize("command", ["run", "validate", "list", "explain", "identify", "frameworks", "schema", "init"])
def test_every_command_has_a_help_and_a_whole_line_in_the_help_of_all(call: Call, command: str) -> None:
    assert call(command, "--help").status == 0
    line = next(line for line in call("--help").out.splitlines() if line.split()[:1] == [command])
    assert line.endswith(".")
    assert not line.endswith("...")


def test_every_header_of_the_tables_is_explained_by_the_columns_it_shows() -> None:
    fields = {field for layout in (*VALUES.ratios, *VALUES.absolute, *GRADIENTS.ratios) for field in layout}
    for field in fields:
        assert set(field.columns) <= set(HEADERS.get(field.header, (field.header,))), field.header
