"""Every mark, header and word that klbench prints is explained by ``klbench explain``, in narrow letters too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from klbench.cli import glossary, words
from klbench.cli.shipped import _narrow, _wide
from klbench.estimators import catalogue
from klbench.estimators.weights import WEIGHTS
from klbench.frameworks.catalogue import entries
from klbench.identity.computed import load
from klbench.letters import narrowed
from klbench.measure.follows import LABELS
from klbench.measure.sequence_gradients import LOCAL, LOCAL_FORWARD
from klbench.measure.truth import FULL
from klbench.report.component_fields import component_layouts
from klbench.report.field import DISAGREES, DTYPE, NO_ERROR_BAR, REGRESSED, ROUNDING, UNTRUSTED, Field, headings
from klbench.report.fields import GRADIENTS, VALUES
from klbench.report.frameworks import NUMBERS, to_markdown
from klbench.report.numbers import MISSING
from klbench.report.summary import summaries
from klbench.roads.sequence_chain import CHAIN, PATHS
from klbench.row import Row, columns_of
from klbench.spec.form import EXPECTED
from tests.cli.conftest import Done
from tests.report import made_up, made_up_gradients

Call = Callable[..., Done]

LAYOUTS = (
    *VALUES.ratios,
    *VALUES.absolute,
    *GRADIENTS.ratios,
    *GRADIENTS.absolute,
    *component_layouts(("loc", "logits[2]")),
)


def fields() -> Iterator[Field]:
    yield from (DTYPE, ROUNDING)
    yield from (field for layout in LAYOUTS for field in layout)


def labels() -> Iterator[str]:
    """The headers of the labels of a grid and of several targets, but for the grid's own parameters."""
    for results in (made_up.made_up(made_up.GRID), made_up_gradients.made_up(made_up_gradients.GRID)):
        for summary in summaries(results):
            yield from (header for chart in summary.charts for header in chart.label_headers if header != "mu")


def headers() -> Iterator[str]:
    yield from (field.header for field in fields())
    for layout in LAYOUTS:
        for heading in headings(layout):
            yield from (heading.name, *heading.headers, *heading.whole)
    yield from labels()
    yield from ("target", "true", "‖∇‖")
    yield from NUMBERS
    for table in (_wide(entries()), _narrow(entries())):
        yield from (str(column.header).partition(",")[0] for column in table.columns)


def followed() -> Iterator[str]:
    yield from LABELS
    for identity in load().values():
        yield from (name or "no gradient" for name in (*identity.follows.values(), *identity.stale_follows.values()))


MARKS = (UNTRUSTED, NO_ERROR_BAR, DISAGREES, REGRESSED, MISSING, "±", "∞", "∇", "▸")
WORDS = (
    "kl",
    "mcse",
    "reverse KL",
    "forward KL",
    "rho",
    "ρ",
    "clamp",
    "λ",
    "lambda",
    "w",
    "sg",
    "stop-gradient",
    "stale",
    "token-local",
    LOCAL,
    LOCAL_FORWARD,
    "eos",
    *words.TRUE_FROM,
)
TARGETS = {estimator.target.name for estimator in catalogue.examples()}
SUMS = ("2·KL(q‖p)", "2·KL(q‖p) − KL(p‖q)", "KL(q‖p) + KL(p‖q)", "½χ²(p‖q)", "3·TV", "−2·KL(p‖q)")
EVERYTHING = sorted({*headers(), *followed(), *MARKS, *WORDS, *TARGETS, *SUMS, *glossary.known()})


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_it_is_explained_as_it_is_printed(call: Call, name: str, encoding: str) -> None:
    done = call("explain", "--", narrowed(name, encoding))
    assert (done.status, done.err) == (0, ""), done.err
    assert len(done.out.splitlines()) >= 3


@pytest.mark.parametrize(
    "name", ["REVERSE kl", "Khat", "k<0", "Rho", "2KL(q||p)", "2*KL(q||p) - KL(p||q)", "chi2(q||p)"]
)
def test_it_is_found_however_it_is_typed(call: Call, name: str) -> None:
    assert call("explain", name).status == 0


def test_no_two_names_of_a_kind_are_looked_up_as_one() -> None:
    for names in (glossary.MARKS, glossary.HEADERS, glossary.LABELS, glossary.WORDS, glossary.DIVERGENCES):
        assert len({*map(glossary.key, names)}) == len(names)


@pytest.mark.parametrize("name", ["KL(q‖p", "2·KL", "KL(q‖q)", "KL(q‖p) KL", "·", "∇∇"])
def test_what_klbench_never_prints_is_unknown(call: Call, name: str) -> None:
    assert call("explain", name).status == 2


def test_none_is_first_what_follows_means_by_it(call: Call) -> None:
    lines = [line for line in call("explain", "none").out.splitlines() if line.startswith("none, ")]
    assert lines == ["none, a label under follows", "none, a weighting", "none, a baseline"]


def test_both_names_of_a_kl_are_said_to_be_one(call: Call) -> None:
    for names in (("reverse KL", "KL(q‖p)"), ("forward KL", "KL(p‖q)")):
        for asked in names:
            assert all(name in call("explain", asked).out for name in names)


def test_the_headers_of_the_page_in_markdown_are_explained(call: Call) -> None:
    from klbench.identity.audit import audit

    heads = {line for line in to_markdown(audit()).splitlines() if line.startswith("| #")}
    for header in {cell.strip() for line in heads for cell in line.strip("|").split("|")}:
        assert call("explain", header).status == 0, header


def test_a_target_has_both_its_names_where_an_estimator_is_explained_or_listed(call: Call) -> None:
    assert "reverse KL, KL(q‖p)" in call("explain", "k1").out
    assert "forward KL, KL(p‖q)" in call("explain", "forward_kl").out
    assert "reverse KL, KL(q‖p)" in call("explain", "verl:low_var_kl").out
    assert "reverse KL: KL(q‖p); forward KL: KL(p‖q)." in call("list", "estimators").out


def test_every_place_that_a_true_value_is_from_is_explained(call: Call) -> None:
    said = columns_of(Row)["true_from"].description
    assert {name for name in words.TRUE_FROM if name in said} == {*words.TRUE_FROM} - {FULL}
    assert {CHAIN, PATHS, FULL} < {*words.TRUE_FROM}
    for name, meaning in words.TRUE_FROM.items():
        said = " ".join(call("explain", name).out.split())
        assert "value of true_from" in said
        assert meaning.partition(":")[0] in said


def test_the_shape_of_expected_values_is_shown(call: Call) -> None:
    assert EXPECTED in call("explain", "expect").out


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", ["k1", "k3", "k2"])
def test_a_weight_over_the_mean_weight_is_never_called_unbiased(call: Call, weight: str, name: str) -> None:
    out = call("explain", f"{weight}*{name}").out
    normalised = weight.startswith("self-normalised-")
    unbiased = name != "k2" and not normalised and "geometric" not in weight
    assert re.search(rf"unbiased +{'yes' if unbiased else 'no'}\b", out)
    assert ("of the order of 1/n" in out or "order 1/n" in out) == normalised
    assert bool(re.search(r"biased +always, by the order of 1/n", out)) == normalised
