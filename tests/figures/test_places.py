"""Where things stand in a figure: labels do not overlap, ticks are round, texts stay on the paper."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import asinh, isnan, log10
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from klbench.figures import style
from klbench.figures.choose import figures_of
from klbench.figures.direct_labels import spread
from klbench.figures.drawing import draw
from klbench.figures.figure import Axis, Figure, Panel, Series
from klbench.figures.placing import fitted, placed, shortened, width, wrapped
from klbench.figures.scales import along, decades, extra_digits, readable
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


def test_ticks_that_hardly_differ_are_told_apart() -> None:
    ticks = [1078.275, 1078.2775, 1078.28]
    assert [readable(tick, extra_digits(ticks)) for tick in ticks] == ["1078.275", "1078.2775", "1078.28"]
    ticks = [29118.22, 29118.23, 29118.24]
    assert [readable(tick, extra_digits(ticks)) for tick in ticks] == ["29118.22", "29118.23", "29118.24"]
    assert extra_digits([0.1, 0.2, 0.3]) == 0
    assert extra_digits([1.0, 1.0 + 1e-15]) == 0
    assert readable(1e-15) == "0"
    assert readable(1e-15, is_log=True) == "10⁻¹⁵"


LONG = "my_penalties:" + "_".join(["a_function_with_a_long_name"] * 4)


def alone(panel: Panel) -> Figure:
    return Figure("x", "x", "", (panel,))


def labels(figure: Figure) -> tuple[Axes, list[Bbox]]:
    """The axes of the only panel, and where the names of its x ticks are."""
    canvas = draw([figure])
    canvas.draw_without_rendering()
    axes = canvas.axes[0]
    return axes, [tick.get_window_extent() for tick in axes.get_xticklabels()]


def test_a_long_name_leaves_room_for_its_panel() -> None:
    points = (Series("k1", 0, "points", (1.0,), (0.0,)), Series(LONG, 1, "points", (2.0,), (1.0,)))
    layout = placed(alone(Panel("", Axis("x"), Axis("", categories=("k1", LONG)), points)))
    assert layout.panels[0].width > 4
    assert layout.panels[0].x < 3
    lines = alone(Panel("", Axis("x"), Axis("y"), tuple(replace(one, look="line") for one in points)))
    for entry in placed(replace(lines, title=f"k1 and {LONG}{LONG}")).legend:
        assert entry.x + 0.34 + width(entry.said, style.DIRECT) <= style.WIDTH
    for text in placed(replace(lines, title=f"k1 and {LONG}{LONG}")).texts:
        assert text.x + width(text.said, text.size) * (1.12 if text.weight == "bold" else 1) <= style.WIDTH


def test_fewer_panels_than_columns() -> None:
    points = Series("k1", 0, "points", (1.0,), (0.0,))
    panel = Panel("", Axis("x"), Axis("", categories=("k1",)), (points,))
    assert len(placed(Figure("x", "x", "", (panel,), 2)).panels) == 1


def test_a_name_keeps_its_ends() -> None:
    short = shortened(LONG, style.TICK, 2.0)
    assert width(short, style.TICK) <= 2.0
    assert short.startswith("my_penalties:")
    assert short.endswith("_name")
    assert shortened("k1", style.TICK, 2.0) == "k1"


@pytest.mark.parametrize("count", [3, 24])
def test_names_along_x_do_not_overlap_each_other_nor_what_is_below(count: int) -> None:
    names = tuple(str(31_000 + place) for place in range(count))
    bars = Series("k1", 0, "bars", tuple(map(float, range(count))), (1.0,) * count)
    one = Panel("one", Axis("logits", categories=names), Axis(""), (bars,))
    figure = Figure("x", "x", "", (one, replace(one, title="two")), 2, ("What it means.",))
    axes, boxes = labels(figure)
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    label = axes.xaxis.label.get_window_extent()
    caption = axes.figure.texts[-1].get_window_extent()
    assert caption.y1 <= label.y0
    assert label.y1 <= min(box.y0 for box in boxes)


def test_long_numbers_along_x_do_not_overlap() -> None:
    points = Series("k1", 0, "points", (29118.2181, 29118.2561), (0.0, 1.0))
    panel = Panel("", Axis("nats"), Axis("", categories=("k1", "k3")), (points,))
    _, boxes = labels(Figure("x", "x", "", (panel, panel, panel), 3))
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_the_bar_of_a_zero_does_not_stretch_a_logarithmic_axis() -> None:
    points = Series("k1", 0, "points", (0.0, 1.0, 20.0), (0.0, 1.0, 2.0), (1e-16, 0.1, 1.0))
    panel = Panel("", Axis("noise", "log"), Axis("", categories=("a", "b", "c")), (points,))
    axes, _ = labels(alone(panel))
    assert axes.get_xlim()[0] > 0.1


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
