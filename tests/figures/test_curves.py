"""The figure of estimators: values and coefficients are the estimator's, clamps and overflows stand where they are."""

from __future__ import annotations

from math import exp, log

import pytest

from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.figures.curves import of_estimators
from klbench.figures.figure import Figure, Series


def line(figure: Figure, panel: int, name: str) -> Series:
    return next(series for series in figure.panels[panel].series if series.name == name)


def at(series: Series, x: float) -> float:
    place = min(range(len(series.x)), key=lambda index: abs(series.x[index] - x))
    return series.y[place]


def nearest(series: Series, x: float) -> float:
    return min(series.x, key=lambda other: abs(other - x))


def test_values_and_coefficients_are_schulmans() -> None:
    figure = of_estimators([find(name) for name in ("k1", "k2", "k3")])
    for target in (-2.5, -0.4, 0.3, 1.7):
        x = nearest(line(figure, 0, "k1"), target)
        assert at(line(figure, 0, "k1"), x) == pytest.approx(-x)
        assert at(line(figure, 0, "k2"), x) == pytest.approx(x * x / 2)
        assert at(line(figure, 0, "k3"), x) == pytest.approx(exp(x) - 1 - x)
        # with respect to log q, by which log r falls
        assert at(line(figure, 1, "k1"), x) == pytest.approx(1)
        assert at(line(figure, 1, "k2"), x) == pytest.approx(-x)
        assert at(line(figure, 1, "k3"), x) == pytest.approx(1 - exp(x))
        assert at(line(figure, 0, "f of KL(q‖p)"), x) == pytest.approx(-x)
        assert at(line(figure, 1, "∇KL(q‖p)"), x) == pytest.approx(-x)


def test_a_clamp_is_shaded_and_flat_beyond() -> None:
    figure = of_estimators([find("verl:low_var_kl")])
    zones = [(zone.low, zone.high) for zone in figure.panels[0].zones]
    (_, below), (above, _) = zones
    assert below == pytest.approx(-11, abs=1e-3)
    assert exp(above) - above - 1 == pytest.approx(10, abs=1e-6)
    beyond = line(figure, 0, "verl:low_var_kl")
    assert at(beyond, above + 1) == 10
    assert at(line(figure, 1, "verl:low_var_kl"), above + 1) == 0
    assert at(line(figure, 1, "verl:low_var_kl"), above - 0.05) < -5
    assert "Shaded: a clamp of verl:low_var_kl holds, where log r < −11 or log r > 2.611." in figure.captions


def test_overflow_is_marked_where_the_axis_has_it_and_said() -> None:
    figure = of_estimators([find("verl:low_var_kl"), find("k3")])
    marked = {rule.label: rule.at for rule in figure.panels[0].rules if rule.label}
    assert marked["float16"] == pytest.approx(log(65504), abs=0.06)
    assert any("k3" in caption and "88.72 in float32" in caption for caption in figure.captions)


def test_a_weight_adds_the_value_to_the_coefficient() -> None:
    plain, weighted = find("k3"), find("ratio*k3")
    figure = of_estimators([plain, weighted])
    x = nearest(line(figure, 0, "k3"), 1.3)
    assert at(line(figure, 0, "ratio*k3"), x) == at(line(figure, 0, "k3"), x)
    assert at(line(figure, 1, "ratio*k3"), x) == pytest.approx(-x)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["full"], "whole distributions"),
        (["k1_cv(optimal)"], "fitted"),
        ([f"k1_cv({number})" for number in range(9)], "at most 8"),
    ],
)
def test_what_has_no_curve_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        of_estimators([find(name) for name in names])
    assert said in str(caught.value)
