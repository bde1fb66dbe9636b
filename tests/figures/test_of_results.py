"""Figures of results hold numbers of their rows and nothing else: every figure of the gallery is held to its rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, isnan, nan
from pathlib import Path

import pytest

from klbench.figures.choose import figures_of
from klbench.figures.figure import Figure
from klbench.figures.numbers_of_rows import ERRORS
from klbench.figures.single import side_by_side
from klbench.measure.unsampled import unsampled
from klbench.report.reading import read_results
from klbench.results import Results
from klbench.row import Row, columns_of
from klbench.spec.read import read_text
from klbench.stats.needed import least_samples

GALLERY = sorted(path.parent for path in (Path(__file__).parents[2] / "results").glob("*/results.csv"))
DIGITS = 9
"""To which numbers are looked up: abs and 1 + are exact to these."""


def known(results: Results) -> set[float]:
    """Every number that a figure may show: of rows, their sizes, ratios to the truth, samples needed, components."""
    numbers: set[float] = set()
    for _, row in results.rows():
        held = [getattr(row, name) for name, about in columns_of(Row).items() if about.kind == "number"]
        numbers |= {number for number in held if not isnan(number)}
        numbers |= {1 + row.bias_over_true, 1 + row.exact_bias_over_true}
        numbers.add(least_samples(row.exact_bias_over_true, row.exact_stdev_over_true, 0.05))
        numbers.add(row.true + row.exact_bias_over_true * row.true)
        if row.components is not None:
            for name in ("true", "mean", "exact"):
                numbers |= set(getattr(row.components, name).tolist())
    for case in results.cases:
        if case.data is not None:
            numbers |= {one.value for each in case.data.positions for one in (each.k1, each.k3)}
            numbers |= {check.value for check in case.data.checks}
    rounded = {rounded_(abs(number)) for number in numbers if isfinite(number)}
    return rounded | {inf, 0.0}


def rounded_(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_every_number_drawn_is_one_of_a_row(folder: Path) -> None:
    results = read_results(folder)
    allowed = known(results)
    figures = figures_of(results)
    assert figures
    for figure in figures:
        for panel in figure.panels:
            if "share with at least" in panel.title:  # ranks over counts, and a fitted tail
                continue
            for series in panel.series:
                numbers = series.x if panel.y.categories else series.y
                for number in numbers:
                    assert isnan(number) or abs(number) < 1e-8 or rounded_(abs(number)) in allowed, (
                        figure.name,
                        number,
                    )


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_every_estimator_is_in_a_figure(folder: Path) -> None:
    results = read_results(folder)
    told = " ".join(
        [
            *(name for figure in figures_of(results) for panel in figure.panels for name in panel.y.categories),
            *(series.name for figure in figures_of(results) for panel in figure.panels for series in panel.series),
        ]
    )
    captions = " ".join(caption for figure in figures_of(results) for caption in figure.captions)
    missing = {row.estimator for _, row in results.rows() if row.estimator not in told}
    assert not missing or "more row" in captions


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_a_figure_says_what_it_shows(folder: Path) -> None:
    for figure in figures_of(read_results(folder)):
        assert figure.title
        assert figure.title in figure.alt
        assert len(figure.alt) > 100
        assert "nan" not in figure.alt


def test_names_of_figures_are_names_of_files_and_differ() -> None:
    for folder in GALLERY:
        names = [figure.name for figure in figures_of(read_results(folder))]
        assert len(set(names)) == len(names)
        assert all(name and name == name.lower() and " " not in name and "/" not in name for name in names)


def only(results: Results, pair: str) -> tuple[Figure, ...]:
    return figures_of(replace(results, cases=tuple(case for case in results.cases if case.case.pair == pair)))


def test_a_grid_is_drawn_against_the_kl_with_its_crossing() -> None:
    results = read_results(next(folder for folder in GALLERY if folder.name == "shift"))
    (figure,) = figures_of(results)
    bias, noise, needed = figure.panels
    assert [panel.title for panel in (bias, noise, needed)] == [
        "bias/true",
        "stdev/true, of one sample",
        "samples for an error of 5%",
    ]
    assert noise.x.label == "KL(q‖p), nats"
    (mark,) = noise.marks
    assert mark.x == pytest.approx(0.628216, abs=1e-6)
    assert "0.628" in mark.text
    k1 = next(series for series in noise.series if (series.name, series.look) == ("k1", "line"))
    rows = [row for _, row in results.rows() if row.estimator == "k1"]
    assert k1.y == tuple(row.exact_stdev_over_true for row in rows)
    assert k1.x == tuple(case.kl for case in results.cases)
    points = next(series for series in noise.series if (series.name, series.look) == ("k1", "points"))
    assert points.error == tuple(ERRORS * row.stdev_over_true_mcse for row in rows)


def test_what_cannot_be_trusted_is_hollow_and_what_is_infinite_is_infinite() -> None:
    results = read_results(next(folder for folder in GALLERY if folder.name == "heavy_tails"))
    (figure,) = figures_of(results)
    noise = next(panel for panel in figure.panels if panel.x.label.startswith("stdev"))
    k3 = [series for series in noise.series if series.name == "k3"]
    assert [series.x for series in k3 if series.look == "diamonds"] == [(inf,)]
    assert [series.doubtful for series in k3 if series.look == "points"] == [(True,)]
    assert any("infinite" in caption for caption in figure.captions)


def test_a_lost_token_is_a_bar_gone() -> None:
    results = read_results(next(folder for folder in GALLERY if folder.name == "frameworks"))
    figure = next(figure for figure in figures_of(results) if figure.name == "components-token-lost")
    clamped = next(panel for panel in figure.panels if panel.title.startswith("slime:low_var_kl_unbiased"))
    bars, true = (next(series for series in clamped.series if series.look == look) for look in ("bars", "outline"))
    lost = 4  # the token that q has at 0.01 and p at 0.3
    assert clamped.x.categories[lost] == "4"
    assert abs(bars.y[lost]) < 0.15 * abs(true.y[lost])
    assert all(bars.y[place] * true.y[place] > 0 for place in range(5))


def test_two_parameters_make_small_multiples() -> None:
    text = (
        "name: two\nsamples: 2000\nestimators: [k1, k3]\npairs:\n"
        '  - {q: "N(0, 1)", p: "N({mu}, {s})", grid: {mu: [0.5, 1, 2], s: [1, 2]}}\n'
    )
    (figure,) = figures_of(unsampled(read_text(text)))
    assert [panel.title for panel in figure.panels] == [
        "bias/true, s = 1",
        "bias/true, s = 2",
        "stdev/true, s = 1",
        "stdev/true, s = 2",
    ]
    assert {panel.x.label for panel in figure.panels} == {"mu"}
    assert "Lines are exact: nothing was sampled." in figure.captions


def test_a_grid_with_nothing_over_a_true_value_has_no_figure() -> None:
    text = "name: x\nestimators: [k1]\npairs: [{q: 'N(0, {s})', p: 'N(0, {s})', grid: {s: [1, 2]}}]\n"
    assert figures_of(unsampled(read_text(text))) == ()


def test_a_mean_below_0_is_on_its_axis() -> None:
    data = read_results(next(folder for folder in GALLERY if folder.name == "known_dump"))
    (case, *_) = data.cases
    none = {"true": nan, "bias_over_true": nan, "exact_bias_over_true": nan, "exact_stdev_over_true": nan}
    means = (-0.01, 0.2, 3.0)
    rows = tuple(replace(row, mean=mean, **none) for row, mean in zip(case.rows, means, strict=False))
    (figure,) = side_by_side([replace(case, rows=rows)])
    assert figure.panels[0].x.scale == "linear"
    assert {x for series in figure.panels[0].series for x in series.x} == {*means[: len(rows)]}


def test_sequences_have_a_panel_for_each_level_over_their_length() -> None:
    results = read_results(next(folder for folder in GALLERY if folder.name == "lengths"))
    (figure,) = figures_of(results)
    assert {panel.x.label for panel in figure.panels} == {"length"}
    assert any("of whole sequences" in panel.title for panel in figure.panels)
    assert any("seq-mean-token-sum" in panel.title for panel in figure.panels)


def test_a_spec_is_drawn_without_samples() -> None:
    results = unsampled(read_text("name: x\nestimators: [k1, k3]\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"))
    (figure,) = figures_of(results)
    assert {series.look for panel in figure.panels for series in panel.series} == {"diamonds"}
    assert "measured" not in " ".join(figure.captions)


def test_a_kl_that_hardly_grows_is_not_what_stands_along_x() -> None:
    """From 32 tokens to 128 it grows by half a percent: a line against it would go straight up."""
    results = read_results(next(folder for folder in GALLERY if folder.name == "vocabularies"))
    kls = [case.kl for case in results.cases]
    assert min(after / before for before, after in pairwise(kls)) < 1.01
    (figure,) = figures_of(results)
    assert {panel.x.label for panel in figure.panels} == {"vocab"}
    back = zip(results.cases, (1.0, 3.0, 2.0, 4.0, 5.0), strict=True)
    (figure,) = figures_of(replace(results, cases=tuple(replace(case, kl=kl) for case, kl in back)))
    assert {panel.x.label for panel in figure.panels} == {"vocab"}
    grown = replace(results, cases=tuple(replace(case, kl=2.0**number) for number, case in enumerate(results.cases)))
    (figure,) = figures_of(grown)
    assert {panel.x.label for panel in figure.panels} == {"KL(q‖p), nats"}
