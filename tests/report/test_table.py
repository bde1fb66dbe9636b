"""The table at a terminal, compared whole."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from math import inf, nan

import pytest
from rich.cells import cell_len
from rich.console import Console

from klbench.report.bullets import bullets
from klbench.report.legend import legend
from klbench.report.summary import summaries
from klbench.report.table import Tables, drawing, heading
from klbench.results import Results
from tests.report.made_up import CLOSE, GRID, K1, K2, NO_RATIOS, made_up


def drawn(results: Results, width: int = 200, *, headings: bool = False, colour: bool = False) -> str:
    console = Console(file=StringIO(), width=width, highlight=False, markup=False, force_terminal=colour, _environ={})
    for summary in summaries(results):
        if headings:
            console.print(heading(summary), crop=False)
        console.print(Tables(summary), crop=False)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")


def explained(results: Results, width: int = 200) -> list[str]:
    """What the legend is about: its sentences' first words."""
    return [sentence.partition(" ")[0] for sentence in legend([*summaries(results)], width)]


def test_a_pair_in_full() -> None:
    assert (
        drawn(made_up(), headings=True)
        == """\
close  KL(q‖p) = 0.5 (closed-form)
q = Normal(loc=0, scale=1)
p = Normal(loc=1, scale=1)
1,000 samples · seed 7 · float64 · cpu

           ──────────── bias/true ────────────  ────── stdev/true ──────
estimator    measured   regressed  exact     z   measured    exact     z  k < 0      k̂
──────────────────────────────────────────────────────────────────────────────────────
k1         -0.003(63)  –            0     -0.1  2.002(45)  2        +0.0  30.8%  -0.05
k2          0.256(55)  0.2511(74)   0.25  +0.1  1.71(10)   1.73205  -0.2   0%     0.21"""
    )


def test_at_80_columns_z_goes_first() -> None:
    assert (
        drawn(made_up(), 80)
        == """\
           ───────── bias/true ─────────  ─── stdev/true ───
estimator    measured   regressed  exact   measured    exact  k < 0      k̂
──────────────────────────────────────────────────────────────────────────
k1         -0.003(63)  –            0     2.002(45)  2        30.8%  -0.05
k2          0.256(55)  0.2511(74)   0.25  1.71(10)   1.73205   0%     0.21"""
    )


def test_where_less_fits_the_better_bias_stands_for_both() -> None:
    assert (
        drawn(made_up(), 58)
        == """\
           ──── bias/true ────  ─── stdev/true ───
estimator      measured  exact   measured    exact  k < 0
─────────────────────────────────────────────────────────
k1         -0.003(63)     0     2.002(45)  2        30.8%
k2          0.2511(74)ʳ   0.25  1.71(10)   1.73205   0%"""
    )


@pytest.mark.parametrize("width", [10, 40, 60, 79, 80, 100, 140, 1000])
def test_no_number_is_ever_cut(width: int) -> None:
    text = drawn(made_up(GRID), width)
    for number in ("-0.003(63)", "0.2511(74)", *(("2.002(45)", "1.73205") if width >= 60 else ())):
        assert number in text
    assert "…" not in text


def test_a_table_that_can_fit_80_columns_does() -> None:
    long = replace(K2, estimator="ratio*squared_hellinger_cv")
    for rows in ((K1, K2), (K1, long)):
        assert max(map(cell_len, drawn(made_up(GRID, rows=lambda _, rows=rows: rows), 80).splitlines())) <= 80


def test_a_grid_is_one_table_with_its_values_in_columns() -> None:
    text = drawn(made_up(GRID.replace("estimators: [k1, k2]", "estimators: [k1]"), rows=lambda _: (K1,)), headings=True)
    assert text.startswith("""\
shift  KL(q‖p) over 2 values of mu
q = Normal(loc=0, scale=1)
p = Normal(loc={mu}, scale=1)
1,000 samples · seed 7 · float64 · cpu

                         ────── bias/true ──────  ───── stdev/true ─────
 mu  KL(q‖p)  estimator    measured  exact     z   measured  exact     z  k < 0      k̂
──────────────────────────────────────────────────────────────────────────────────────
0.5      0.5  k1         -0.003(63)      0  -0.1  2.002(45)      2  +0.0  30.8%  -0.05
1        0.5  k1         -0.003(63)      0  -0.1  2.002(45)      2  +0.0  30.8%  -0.05
""")


def test_a_grid_too_wide_for_columns_has_captions() -> None:
    long = replace(K1, estimator="ratio*squared_hellinger_cv")
    assert drawn(made_up(GRID, rows=lambda _: (long,)), 75).startswith("""\
                            ─── bias/true ───  ── stdev/true ──
estimator                     measured  exact   measured  exact  k < 0
──────────────────────────────────────────────────────────────────────
mu = 0.5 · KL(q‖p) = 0.5 (closed-form)
ratio*squared_hellinger_cv  -0.003(63)      0  2.002(45)      2  30.8%

mu = 1 · KL(q‖p) = 0.5 (closed-form)
""")


def test_the_values_of_a_grid_stand_beside_their_first_row() -> None:
    lines = drawn(made_up(GRID), 140).splitlines()
    assert [line[:3] for line in lines[3:8]] == ["0.5", "   ", "", "1  ", "   "]


def test_other_targets_are_captioned_with_their_true_value() -> None:
    other = replace(K1, estimator="forward_kl", target="forward KL", true=0.25, true_from="quadrature")
    assert (
        drawn(made_up(rows=lambda _: (K1, other)), 60)
        == """\
            ─── bias/true ───  ── stdev/true ──
estimator     measured  exact   measured  exact  k < 0
──────────────────────────────────────────────────────
reverse KL = 0.5 (closed-form)
k1          -0.003(63)      0  2.002(45)      2  30.8%

forward KL = 0.25 (quadrature)
forward_kl  -0.003(63)      0  2.002(45)      2  30.8%"""
    )


@pytest.mark.parametrize("true", [0.0, inf, nan])
def test_without_ratios_the_mean_is_shown(true: float) -> None:
    assert (
        drawn(made_up(rows=lambda _: (replace(K1, true=true, **NO_RATIOS),)))
        == """\
estimator       mean      stdev  k < 0      k̂
─────────────────────────────────────────────
k1         0.498(32)  1.001(22)  30.8%  -0.05"""
    )


def test_where_the_variance_is_infinite_no_error_bar_is_printed() -> None:
    heavy = replace(
        K1, bias_over_true_mcse=nan, stdev_over_true_mcse=nan, exact_stdev_over_true=inf, z_bias=nan, z_stdev=nan
    )
    text = drawn(made_up(rows=lambda _: (heavy,)), 60)
    assert text.splitlines()[-1] == "k1          -0.003‡      0        2‡      ∞  30.8%  -0.05"


def test_an_error_bar_that_cannot_be_trusted_is_marked() -> None:
    def last(khat: float) -> str:
        return drawn(made_up(rows=lambda _: (replace(K1, khat=khat, exact_stdev_over_true=nan),)), 60)

    assert "-0.003(63)†" in last(0.71)
    assert "-0.003(63) " in last(0.5)
    assert "2.002(45)†" in last(0.5), "a stdev averages squares, whose tail is twice as heavy"
    assert "†" not in last(0.3)


def test_a_disagreement_is_marked() -> None:
    assert "-0.003(63)✗" in drawn(made_up(rows=lambda _: (replace(K1, z_bias=-5.1),)), 60)
    assert "✗" not in drawn(made_up(rows=lambda _: (replace(K1, z_bias=5.0),)), 60)


def test_the_legend_explains_what_is_shown_and_nothing_else() -> None:
    assert explained(made_up()) == ["KL(q‖p)", "-0.003(63)", "bias", "regressed:", "–"]
    assert explained(made_up(), 58) == ["KL(q‖p)", "-0.003(63)", "bias", "ʳ"]
    named = replace(K1, estimator="k1_cv(0.5)", **NO_RATIOS, mean=0.0, mean_mcse=0.0, stdev=1.0, stdev_mcse=0.0)
    assert explained(made_up(rows=lambda _: (named,))) == ["KL(q‖p)"]


def test_a_note_that_all_cases_share_is_said_once_and_others_say_where() -> None:
    results = made_up(GRID, notes=("mind the gap",))
    assert [summary.notes for summary in summaries(results)] == [("mind the gap",), ("mind the gap",)]
    first, *rest = results.cases
    odd = replace(results, cases=(replace(first, notes=("mind the gap", "only here")), *rest))
    assert next(summaries(odd)).notes == ("mind the gap", "mu = 0.5: only here")


def test_notes_wrap_beside_their_bullet() -> None:
    console = Console(file=StringIO(), width=20)
    console.print(bullets(["a sentence longer than the line"]))
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "• a sentence longer",
        "  than the line",
    ]


def test_colour_changes_no_letter() -> None:
    from rich.text import Text

    assert Text.from_ansi(drawn(made_up(), colour=True)).plain == drawn(made_up())


def test_several_precisions_have_a_column_and_what_rounding_does() -> None:
    half = replace(K1, dtype="float16", rounding_over_true=0.25, rounding_over_true_mcse=0.01)
    results = made_up(CLOSE + "dtype: [float64, float16]\n", rows=lambda _: (K1, half))
    assert (
        drawn(results, 80)
        == """\
                    ─── bias/true ───  ── stdev/true ──
estimator  dtype      measured  exact   measured  exact  k < 0      k̂   rounding
────────────────────────────────────────────────────────────────────────────────
k1         float64  -0.003(63)      0  2.002(45)      2  30.8%  -0.05  –
           float16  -0.003(63)      0  2.002(45)      2  30.8%  -0.05  0.250(10)"""
    )
    assert "rounding:" in explained(results, 80)


def test_one_precision_below_float64_shows_what_rounding_does() -> None:
    half = replace(K1, dtype="float16", rounding_over_true=0.25, rounding_over_true_mcse=0.01)
    assert drawn(made_up(CLOSE + "dtype: float16\n", rows=lambda _: (half,)), 60).splitlines()[-1].endswith("0.250(10)")


def test_a_vocabulary_is_shortened_in_the_heading() -> None:
    probs = ", ".join(["0.001"] * 1000)
    text = CLOSE.replace("N(0, 1)", f"Categorical([{probs}])").replace("N(1, 1)", f"Categorical([{probs}])")
    lines = next(summaries(made_up(text))).distributions
    for line in lines:
        assert "0.001, 0.001, … 0.001, 0.001," in line
        assert line.endswith(" 0.001])")
        assert len(line) < 210
    assert "…" not in made_up(text).spec.to_yaml()


def test_a_number_stands_under_the_name_of_what_it_is_about() -> None:
    for width in (200, 80, 60):
        names, headers, *_ = drawn(made_up(), width).splitlines()
        spans = {match[1]: match.span() for match in re.finditer(r"─* ?(\S+/true) ?─*", names)}
        assert [*spans] == ["bias/true", "stdev/true"]
        for header in re.finditer(r"measured|regressed|exact|\bz\b", headers):
            assert sum(start <= header.start() < header.end() <= end for start, end in spans.values()) == 1, header
        for header in re.finditer(r"estimator|k < 0|k̂", headers):
            assert all(header.end() <= start or header.start() >= end for start, end in spans.values()), header


def test_a_name_wider_than_its_columns_has_its_room() -> None:
    from klbench.report.field import Field, headings

    long = "∇" + "a" * 40
    layout = (Field("measured", lambda _: "1", group=long), Field("exact", lambda _: "2", group=long))
    summary = next(summaries(made_up()))
    chart = replace(summary.charts[0], layouts=(layout,))
    drawn_whole = drawing(chart, 80)
    assert drawn_whole is not None
    text = [line.plain for line in drawn_whole.lines(200)]
    assert text[0].strip() == long
    assert text[1].endswith("exact")
    assert {len(line) for line in text[:3]} == {len(long)}
    assert [heading.whole for heading in headings(layout)] == [(long, f"{long} exact")]
