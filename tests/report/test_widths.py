"""Every table fits its terminal: columns go, and levels stand below their estimator, before a line is too long."""

from __future__ import annotations

from functools import cache
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from klbench.cli.validate import _answers
from klbench.report import answers
from klbench.report.elsewhere import elsewhere
from klbench.report.legend import legend
from klbench.report.summary import Summary, summaries
from klbench.report.table import Tables
from klbench.runner import run
from klbench.spec.model import Spec
from klbench.spec.read import read_text

WIDTHS = (60, 80, 100, 140)
LEVELS = "samples: 1000\nlevel: [token, sequence]\naggregation: [seq-mean-token-sum, seq-mean-token-mean]\n"
ESTIMATORS = "estimators: [k1, k3, full]\n"
PAIR = """\
pairs:
  - name: sequences
    q: Markov(vocab=50, scale=2, seed=1, length=64, eos=0)
    p: Perturb(q, scale=0.4, seed=2)
"""
WEIGHTED = f"""\
estimators: [k1, k3, ratio-sequence*k3, self-normalised-ratio*k3]
{PAIR}    sampler: Perturb(q, scale=0.1, seed=3)
"""
GRID = PAIR.replace("scale=0.4", "scale={drift}") + "    grid: {drift: [0.1, 0.4]}\n"
SPECS = {
    "answers": LEVELS + ESTIMATORS + PAIR,
    "weights": LEVELS + WEIGHTED,
    "dtypes": LEVELS + ESTIMATORS + "dtype: [float64, bfloat16]\n" + PAIR,
    "grid": LEVELS + ESTIMATORS + GRID,
    "ratio": LEVELS + ESTIMATORS + "ratio: k1\n" + PAIR,
    "gradients": "samples: 1000\nmeasure: gradient\nlevel: [token, sequence]\nestimators: [k1, k3]\n"
    + PAIR.replace("vocab=50", "vocab=4").replace("length=64", "length=3"),
}


def spec_of(name: str) -> Spec:
    return read_text(f"name: {name}\n{SPECS[name]}", "spec.yaml")


@cache
def measured(name: str) -> tuple[Summary, ...]:
    return tuple(summaries(run(spec_of(name))))


@cache
def known(name: str, within: float = 0.05) -> tuple[Summary, ...]:
    spec = spec_of(name)
    return tuple(answers.summary(_answers(spec, pair), within) for pair in spec.pairs)


def lines(pairs: tuple[Summary, ...], width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    for summary in pairs:
        console.print(Tables(summary), crop=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SPECS)
def test_no_line_of_a_table_is_too_long(name: str, width: int) -> None:
    assert [line for line in lines(measured(name), width) if cell_len(line) > width] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["answers", "weights", "grid"])
def test_nor_of_what_is_known_without_a_sample(name: str, width: int) -> None:
    assert [line for line in lines(known(name), width) if cell_len(line) > width] == []


@pytest.mark.parametrize("name", ["answers", "weights", "dtypes", "grid", "ratio"])
def test_who_is_measured_and_how_stays(name: str) -> None:
    pairs = measured(name)
    rows = [row for summary in pairs for chart in summary.charts for block in chart.blocks for row in block.rows]
    for width in WIDTHS:
        text = "\n".join(lines(pairs, width))
        for row in rows:
            assert row.estimator in text
            assert (row.aggregation or row.level) in text
        assert "bias/true" in text
        assert "stdev/true" in text
        assert ("noise/k1's" in text) == (name == "ratio")


def test_noise_next_to_another_estimators_is_explained_and_its_exact_number_goes_first() -> None:
    wide, narrow = ("\n".join(lines(measured("ratio"), width)[1:3]) for width in (140, 80))
    assert (wide.count("exact"), narrow.count("exact")) == (3, 1)
    text = "\n".join(legend(measured("ratio"), 80))
    assert "noise/k1's: stdev over that of k1; the error is that of the quotient on the same draws." in text
    assert "noise/" not in "\n".join(legend(measured("answers"), 80))


def test_levels_stand_below_their_estimator_before_exact_numbers_go() -> None:
    narrow, wide = lines(measured("answers"), 80), lines(measured("answers"), 140)
    assert narrow[1].startswith("estimator")
    assert narrow[2].split() == ["level", "true", "measured", "exact", "measured", "exact"]
    assert "k3" in narrow
    assert wide[2].split()[:3] == ["estimator", "level", "true"]
    assert wide[2].split().count("z") == 2


def test_what_is_left_out_is_named_by_the_headers_on_screen() -> None:
    (said,) = elsewhere(measured("answers"), 80)
    assert said.startswith("not shown, because the terminal is too narrow: bias/true z, stdev/true z, k < 0 and k̂.")
    advised = int(said.split("a terminal of ")[1].split()[0])
    assert list(elsewhere(measured("answers"), advised)) == []
    assert list(elsewhere(measured("answers"), advised - 1)) != []


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_mark_is_explained_where_it_is_shown_and_nowhere_else(name: str, width: int) -> None:
    drawn = lines(measured(name), width)
    said = {sentence[0] for sentence in legend(measured(name), width)}
    words = {word for line in drawn for word in line.split()}
    assert ("–" in said) == ("–" in words)
    assert ("†" in said) == any(word.endswith("†") for word in words)
    assert ("‡" in said) == any(word.endswith("‡") for word in words)


@pytest.mark.parametrize("name", ["answers", "weights", "dtypes", "grid"])
def test_a_dagger_stands_where_the_legend_says(name: str) -> None:
    """k̂ > 0.7 (a stdev: 0.35) without an exact stdev within 10 % of the measured one, or rare samples missing."""
    seen = set()
    for summary in measured(name):
        for chart in summary.charts:
            fields = {(field.group, field.header): field for field in chart.layouts[0]}
            for row in (row for block in chart.blocks for row in block.rows):
                for group, limit in (("bias/true", 0.7), ("stdev/true", 0.35)):
                    text = fields[group, "measured"].show(row)
                    exact = row.exact_stdev_over_true
                    confirmed = abs(row.stdev_over_true - exact) < 0.1 * exact
                    missed = row.dtype == "float64" and row.stdev_over_true < 0.8 * exact
                    assert "‡" in text or ("†" in text) == (missed or (row.khat > limit and not confirmed)), row
                    seen.add("†" in text)
    assert False in seen
