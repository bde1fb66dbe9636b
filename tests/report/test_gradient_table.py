"""The table of gradients at a terminal, compared whole."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from rich.cells import cell_len
from rich.text import Text

from klbench.report.summary import summaries
from klbench.row import Components, Row
from tests.report.made_up_gradients import GRID, K1, K3, NO_RATIOS, PLAIN, made_up
from tests.report.test_table import drawn, explained


def shown(*rows: Row, text: str = PLAIN, width: int = 200) -> str:
    return drawn(made_up(text, rows=lambda _: rows), width)


def heading_of(*rows: Row, text: str = PLAIN) -> str:
    return next(summaries(made_up(text, rows=lambda _: rows))).gradient


def of_size(size: int) -> Components:
    return Components(("logits",) * size, tuple(range(size)), *[np.full(size, 0.1)] * 5)


def test_a_pair_in_full() -> None:
    assert (
        drawn(made_up(), headings=True)
        == """\
close  KL(q‖p) = 0.5 (closed-form)
q = Normal(loc=0, scale=1)
p = Normal(loc=1, scale=1)
∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1
1,000 samples · seed 7 · float64 · cpu

                                                 ── bias/true ───  ─── stdev/true ───  ──── cosine ────
estimator  placement          follows             measured  exact   measured    exact   measured  exact
───────────────────────────────────────────────────────────────────────────────────────────────────────
k1         loss               0                  0.991(32)    1    1.741(35)  1.73205  0.31‡        –
k3         loss               KL(p‖q)            0.520(40)    0.5  2.100(90)  2        0.910(31)    0.9
           reward × detached  KL(q‖p) − KL(p‖q)  0.520(40)    0.5  2.100(90)  2        0.910(31)    0.9

                              ───── ∇loc ──────  ──── ∇scale ─────
estimator  placement            measured  exact    measured  exact
──────────────────────────────────────────────────────────────────
k1         loss                0.009(40)      0  -0.020(40)    0
k3         loss               -1.020(40)     -1  -0.480(40)   -0.5
           reward × detached   0.010(40)      0   0.520(40)    0.5"""
    )


def test_at_80_columns_what_it_follows_is_there_with_its_bias_and_noise() -> None:
    assert drawn(made_up(), 80).startswith("""\
                                                 ── bias/true ───
estimator  placement          follows             measured  exact  stdev/true
─────────────────────────────────────────────────────────────────────────────
k1         loss               0                  0.991(32)    1     1.741(35)
k3         loss               KL(p‖q)            0.520(40)    0.5   2.100(90)
""")


@pytest.mark.parametrize("width", [10, 40, 58, 60, 79, 80, 100, 140, 1000])
def test_what_it_follows_and_its_bias_are_never_cut(width: int) -> None:
    text = drawn(made_up(GRID), width)
    for part in ("KL(q‖p) − KL(p‖q)", "reward × detached", *["0.991(32)"] * (width >= 58)):
        assert part in text
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= max(width, 58)


def test_a_grid_has_a_caption_with_the_true_length_for_each_case() -> None:
    assert drawn(made_up(GRID), 80, headings=True).startswith("""\
close  KL(q‖p) over 2 values of mu
q = Normal(loc=0, scale=1)
p = Normal(loc={mu}, scale=1)
∇ in loc, scale
1,000 samples · seed 7 · float64 · cpu

                                                 ── bias/true ───
estimator  placement          follows             measured  exact  stdev/true
─────────────────────────────────────────────────────────────────────────────
mu = 0.5 · ‖∇KL(q‖p)‖ = 1
k1         loss               0                  0.991(32)    1     1.741(35)
""")


def test_one_gradient_over_a_grid_has_its_values_in_columns() -> None:
    assert shown(K3, text=GRID).startswith("""\
                                                ── bias/true ───  ── stdev/true ──  ──── cosine ────
 mu  ‖∇KL(q‖p)‖  estimator  placement  follows   measured  exact   measured  exact   measured  exact
────────────────────────────────────────────────────────────────────────────────────────────────────
0.5           1  k3         loss       KL(p‖q)  0.520(40)    0.5  2.100(90)      2  0.910(31)    0.9
1             1  k3         loss       KL(p‖q)  0.520(40)    0.5  2.100(90)      2  0.910(31)    0.9
""")


def test_other_targets_are_captioned_with_the_length_of_their_gradient() -> None:
    other = replace(K3, target="forward KL", true_norm=2.0)
    assert "\n‖∇KL(q‖p)‖ = 1\nk1 " in shown(K1, other)
    assert "\n‖∇KL(p‖q)‖ = 2\nk3 " in shown(K1, other)
    assert heading_of(K1, other) == "∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1; ∇KL(p‖q) = (-1, 0), of length 2"


def test_a_heading_shows_a_few_components_and_else_the_length() -> None:
    short, long = (replace(K1, parameters=("logits",), components=of_size(size)) for size in (3, 50_000))
    assert heading_of(short) == "∇ in logits: ∇KL(q‖p) = (0.1, 0.1, 0.1), of length 1"
    assert heading_of(long) == "∇ in logits: ‖∇KL(q‖p)‖ = 1, of 50,000 numbers"
    assert heading_of(replace(K1, true_norm=nan)) == "∇ in loc, scale: ‖∇KL(q‖p)‖: no exact value"
    gone = replace(K1, components=None, true_norm=nan)
    assert heading_of(gone, K3) == "∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1"


def test_components_have_a_table_where_they_are_few_and_it_fits() -> None:
    few, many = (replace(K1, components=of_size(size)) for size in (8, 9))
    assert "∇logits[7]" in shown(few)
    assert "∇" not in shown(many)
    assert "∇" not in shown(few, width=80), "they are in components.csv"
    assert shown(few, text=GRID).count("∇logits[7]") == 1, "of the pair that has no grid"


def test_a_gradient_that_does_not_exist_says_nothing_in_numbers() -> None:
    gone = replace(K1, follows="", components=None, **NO_RATIOS)
    lines = [line.split() for line in shown(gone, K3).splitlines() if line.startswith("k1")]
    assert [set(line[2:]) for line in lines] == [{"–"}, {"–"}]


@pytest.mark.parametrize("true", [0.0, inf, nan])
def test_without_ratios_lengths_are_shown(true: float) -> None:
    row = replace(K3, true_norm=true, nonfinite=12, **NO_RATIOS)
    assert shown(row).startswith("""\
                               ──── ‖mean‖ ─────
estimator  placement  follows  measured    exact  stdev  nonfinite
──────────────────────────────────────────────────────────────────
k3         loss       KL(p‖q)      1.13  1.11803   2.92         12
""")


def test_an_infinite_variance_has_no_error_bar() -> None:
    heavy = replace(K3, exact_stdev_over_true=inf, bias_over_true_mcse=nan, stdev_over_true_mcse=nan, cosine_mcse=nan)
    assert shown(heavy).splitlines()[3].split()[3:] == ["0.52‡", "0.5", "2.1‡", "∞", "0.91‡", "0.9"]


@pytest.mark.parametrize("column", ["bias_over_true", "stdev_over_true", "cosine"])
def test_a_disagreement_is_marked(column: str) -> None:
    exact = getattr(K3, f"exact_{column}")
    assert "✗" not in shown(replace(K3, **{column: exact + 0.4, f"{column}_mcse": 0.1}))
    assert shown(replace(K3, **{column: exact + 0.6, f"{column}_mcse": 0.1})).count("✗") == 1


def test_a_component_has_no_mark_that_the_check_knows_nothing_of() -> None:
    assert K1.components is not None
    off = replace(K1.components, mean=np.array([0.21, 0.0]))
    text = shown(replace(K1, components=off))
    assert "0.210(40)" in text
    assert "✗" not in text


def test_rare_draws_unseen_are_marked() -> None:
    assert shown(replace(K3, exact_stdev_over_true=9.0)).count("†") == 5


def test_several_precisions_have_a_column_and_what_rounding_does() -> None:
    text = PLAIN + "dtype: [float64, bfloat16]\n"
    half = replace(K3, dtype="bfloat16", rounding_over_true=0.3, rounding_over_true_mcse=0.02)
    assert (
        shown(K3, half, text=text, width=90)
        == """\
                                         ── bias/true ───  ── stdev/true ──
estimator  placement  follows  dtype      measured  exact   measured  exact   rounding
──────────────────────────────────────────────────────────────────────────────────────
k3         loss       KL(p‖q)  float64   0.520(40)    0.5  2.100(90)      2  –
           loss       KL(p‖q)  bfloat16  0.520(40)    0.5  2.100(90)      2  0.300(20)

                                ───── ∇loc ──────  ──── ∇scale ─────
estimator  placement  dtype       measured  exact    measured  exact
────────────────────────────────────────────────────────────────────
k3         loss       float64   -1.020(40)     -1  -0.480(40)   -0.5
           loss       bfloat16  -1.020(40)     -1  -0.480(40)   -0.5"""
    )
    facts = next(summaries(made_up(text, rows=lambda _: (K3, half)))).facts
    assert facts == "1,000 samples · seed 7 · float64, bfloat16 · cpu"


def test_a_baseline_is_among_the_facts() -> None:
    facts = next(summaries(made_up(PLAIN + "baseline: leave-one-out\nbatch: 8\n"))).facts
    assert facts == "1,000 samples · seed 7 · float64 · cpu · baseline leave-one-out of 8"


def test_the_legend_is_of_gradients_and_explains_only_what_is_shown() -> None:
    assert explained(made_up(rows=lambda _: (K3,))) == ["KL(q‖p)", "0.520(40)", "follows:", "bias", "cosine:"]
    odd = replace(K3, follows="none", weighting="ratio", stdev_over_true_mcse=nan)
    assert {"none:", "×", "‡"} <= {*explained(made_up(rows=lambda _: (odd,)))}


def test_what_is_followed_is_green_where_it_is_the_target_and_red_where_it_is_nothing() -> None:
    for label, colour in (("KL(q‖p)", "32"), ("KL(p‖q)", "33"), ("0", "31"), ("none", "31")):
        text = drawn(made_up(rows=lambda _, label=label: (replace(K1, follows=label),)), colour=True)
        assert f"\x1b[1;{colour}m{label}" in text
        assert Text.from_ansi(text).plain == shown(replace(K1, follows=label))


def test_what_is_only_rounding_is_shown_as_0() -> None:
    assert K1.components is not None
    tiny = replace(K1.components, true=np.array([-1.0, 1e-16]), exact=np.array([-7e-16, 1e-9]))
    assert heading_of(replace(K1, components=tiny)) == "∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1"
    assert [shown(replace(K1, components=tiny)).splitlines()[-1].split()[i] for i in (3, 5)] == ["0", "1e-9"]
    nearly = replace(K3, exact_cosine=-2e-14, exact_bias_over_true=3e-16)
    assert shown(nearly).splitlines()[3].split()[4::2] == ["0", "2", "0"]
