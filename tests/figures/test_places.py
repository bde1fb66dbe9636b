"""Where things stand in a figure: labels do not overlap, ticks are round, texts stay on the paper."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import asinh, isnan, log10
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.figures import style
from klbench.figures.canvas import rendered
from klbench.figures.choose import figures_of
from klbench.figures.direct_labels import spread
from klbench.figures.figure import Axis, Figure, Panel, Series
from klbench.figures.placing import fitted, placed, width, without_middle, wrapped
from klbench.figures.scales import along, decades, readable
from klbench.report.reading import read_results

GALLERY = sorted(path.parent for path in (Path(__file__).parents[2] / "results").glob("*/results.csv"))


@given(st.lists(st.floats(0, 2), min_size=1, max_size=8))
def test_labels_keep_apart_and_in_order(heights: list[float]) -> None:
    found = spread(sorted(heights), 0.155, 2.0)
    assert len(found) == len(heights)
    assert all(after - before > 0.155 - 1e-6 for before, after in pairwise(found))
    assert min(found) >= 0
    assert max(found) <= 2.0 + 1e-9


def test_labels_that_fit_stay_where_they_are() -> None:
    assert spread([0.1, 0.5, 1.9], 0.155, 2.0) == [0.1, 0.5, 1.9]


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_everything_of_the_gallery_stays_on_its_paper(folder: Path) -> None:
    for figure in figures_of(read_results(folder)):
        layout = placed(figure)
        for text in layout.texts:
            assert text.x + width(text.said, text.size) <= style.WIDTH + 0.15 * (text.weight == "bold")
            assert 0 < text.y < layout.height
        for entry in layout.legend:
            assert entry.x + 0.34 + width(entry.said, style.DIRECT) <= style.WIDTH
        for place in layout.panels:
            assert place.width > 1
            assert place.x + place.width <= style.WIDTH
            assert place.y > 0
        rows = sorted({place.y for place in layout.panels})
        assert all(after - before > 0.9 for before, after in pairwise(rows))


@given(st.floats(-12, 12), st.floats(0.01, 20))
def test_ticks_are_few_round_and_inside(start: float, decades_long: float) -> None:
    low, high = 10.0**start, 10.0 ** (start + decades_long)
    ticks = decades(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (0.001, "0.001"),
        (250.0, "250"),
        (1e5, "10⁵"),
        (-1e5, "−10⁵"),
        (3e-4, "3·10⁻⁴"),
        (5e5, "5·10⁵"),
        (-3.0, "−3"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_ticks_are_written_for_people(number: float, said: str) -> None:
    assert readable(number) == said


def test_scales() -> None:
    assert along(Axis("", "log"), 100.0) == pytest.approx(2)
    assert isnan(along(Axis("", "log"), 0.0))
    assert along(Axis("", "asinh", threshold=0.1), -3.0) == pytest.approx(asinh(-30))
    assert along(Axis(""), 3.0) == 3.0
    assert log10(1000) == along(Axis("", "log"), 1000.0)


def test_texts_are_wrapped_and_cut() -> None:
    lines = wrapped("a sentence of many words that goes on and on", 8.0, 1.0)
    assert len(lines) > 1
    assert all(width(line, 8.0) <= 1.0 for line in lines)
    assert fitted("short", 8.0, 3.0) == "short"
    assert fitted("a very long title of a panel", 8.0, 1.0).endswith("…")
    assert width(fitted("a very long title of a panel", 8.0, 1.0), 8.0) <= 1.0


def test_long_names_lose_their_middle_and_leave_room_for_the_numbers() -> None:
    name = "a" * 90 + " (sequence)"
    short = without_middle(name, 8.0, 1.5)
    assert width(short, 8.0) <= 1.5
    assert short.startswith("aaa")
    assert short.endswith("ence)")
    assert without_middle("k3", 8.0, 1.5) == "k3"
    series = Series(name, 0, "points", (1.0,), (0.0,))
    beside = Series(name, 1, "line", (1.0, 2.0), (0.5, 1.0))
    panels = (
        Panel(name, Axis(name), Axis("", categories=(name,)), (series,)),
        Panel(name, Axis(name), Axis("", categories=(name,), is_bare=True), (series,)),
        Panel(name, Axis(name), Axis(name), (beside,)),
        Panel(name, Axis(name), Axis(name), (beside, replace(beside, name="b" * 200))),
    )
    for columns in (1, 2, 3):
        figure = Figure("x", name, name, panels, columns, (name,))
        assert all(place.width > 0.5 for place in placed(figure).panels)
        assert rendered([figure], "svg")
