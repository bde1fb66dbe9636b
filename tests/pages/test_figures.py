"""The page of figures alone."""

from __future__ import annotations

from klbench.figures.choose import figures_of
from klbench.pages.figures import figures_page
from tests.pages.checker import read
from tests.pages.runs import SPECS, read_back


def test_it_has_every_figure_with_its_words() -> None:
    figures = [figure for name in SPECS for figure in figures_of(read_back(name).results)]
    assert len(figures) > 3
    root = read(figures_page(figures))
    assert len(root.all("svg")) == len(figures)
    for figure, shown in zip(figures, root.all("figure"), strict=True):
        assert shown.one("figcaption").text == figure.title + figure.subtitle
        assert shown.one("desc").text == figure.alt
        assert all(caption in shown.text for caption in figure.captions)


def test_one_figure_gives_the_page_its_title() -> None:
    (figure, *_) = figures_of(read_back("values").results)
    assert read(figures_page([figure])).one("h1").text == figure.title
