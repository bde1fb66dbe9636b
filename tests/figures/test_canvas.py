"""Figures as files: the same bytes for the same rows, legible on both papers, and no name is markup."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from klbench.errors import RunError
from klbench.figures import style
from klbench.figures.canvas import rendered, to_svg
from klbench.figures.choose import figures_of
from klbench.figures.figure import Axis, Figure, Panel, Series
from klbench.report.reading import read_results

SHIFT = Path(__file__).parents[2] / "results" / "shift"
HOSTILE = "<script>alert(1)</script> $\\frac{1}{2}$ \"'&]]> </style> 漢字"


@pytest.fixture(scope="module")
def figures() -> tuple[Figure, ...]:
    return figures_of(read_results(SHIFT))


def test_the_same_rows_give_the_same_bytes(figures: tuple[Figure, ...]) -> None:
    assert to_svg(figures) == to_svg(figures_of(read_results(SHIFT)))
    for kind in ("png", "pdf"):
        assert rendered(figures, kind) == rendered(figures, kind)  # type: ignore[arg-type]


def test_another_process_gives_the_same_bytes(figures: tuple[Figure, ...]) -> None:
    """Whatever its hash seed, its time zone and what a user has set for matplotlib."""
    program = (
        "import sys; from klbench.figures.canvas import to_svg; from klbench.figures.choose import figures_of;"
        "from klbench.report.reading import read_results; import matplotlib as m; m.rcParams['font.size'] = 30;"
        f"sys.stdout.buffer.write(to_svg(figures_of(read_results({str(SHIFT)!r}))).encode())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment).stdout
    assert out.decode() == to_svg(figures)


def test_it_is_xml_with_a_title_and_a_description(figures: tuple[Figure, ...]) -> None:
    root = ET.fromstring(to_svg(figures))
    assert root.attrib["role"] == "img"
    title, description = root[0], root[1]
    assert title.text == "Bias and noise over KL(q‖p)"
    assert "k3" in str(description.text)
    assert root.attrib["width"].replace(".", "").isdigit()


def test_it_has_no_date_and_no_address(figures: tuple[Figure, ...]) -> None:
    svg = to_svg(figures)
    assert not re.search(r"20\d\d-\d\d", svg)
    outside = re.sub(r'xmlns(:xlink)?="[^"]*"', "", svg)
    assert "http" not in outside
    assert "<script" not in svg


def made_up(name: str) -> Figure:
    series = Series(name, 0, "points", (1.0, 2.0), (1.0, 2.0), (0.1, 0.1))
    return Figure("x", name, name, (Panel(name, Axis(name), Axis(name), (series,)),), 1, (name,))


def test_a_name_is_never_markup() -> None:
    svg = to_svg([made_up(HOSTILE)])
    root = ET.fromstring(svg)
    assert HOSTILE in str(root[0].text)
    assert "<script" not in svg
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    for kind in ("png", "pdf"):
        assert rendered([made_up(HOSTILE)], kind)  # type: ignore[arg-type]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ink", style.PALETTE, ids=lambda ink: ink.light)
def test_every_colour_is_seen_on_both_papers(ink: style.Ink) -> None:
    assert contrast(ink.light, style.PAPER.light) > 4
    assert contrast(ink.dark, style.PAPER.dark) > 4


def test_text_is_legible() -> None:
    for ink in (style.TEXT, style.QUIET):
        assert contrast(ink.light, style.PAPER.light) > 4.5
        assert contrast(ink.dark, style.PAPER.dark) > 4.5


def test_no_two_places_of_the_palette_look_alike_without_colours() -> None:
    looks = [(style.marker(place), style.dash(place)) for place in range(len(style.PALETTE))]
    assert len(set(looks)) == len(looks)
    full = [(style.ink(place), style.marker(place)) for place in range(3 * len(style.PALETTE))]
    assert len(set(full)) == len(full)


def test_every_colour_of_a_figure_has_one_on_dark_paper(figures: tuple[Figure, ...]) -> None:
    svg = to_svg(figures)
    body = svg.partition("</style>")[2]
    assert set(re.findall(r"#[0-9a-f]{6}", body)) <= {ink.light for ink in style.INKS}
    for ink in style.INKS:
        assert f"fill:{ink.dark}" in svg


def test_empty_and_infinite_panels_can_be_drawn() -> None:
    nothing = Series("a", 0, "line", (1.0, 2.0), (float("nan"), float("inf")))
    for scale in ("linear", "log", "asinh"):
        panel = Panel("", Axis("x"), Axis("y", scale), (nothing,))  # type: ignore[arg-type]
        assert rendered([Figure("x", "t", "", (panel, replace(panel, series=())), 2)], "svg")


def test_without_matplotlib_it_says_what_to_install(
    figures: tuple[Figure, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RunError, match=r"klbench\[plot\]"):
        to_svg(figures)
