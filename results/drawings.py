"""The figures of the gallery and of README, drawn from the committed rows; a test holds the committed ones to them."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from reading import HERE

from klbench.estimators.catalogue import find
from klbench.figures.canvas import to_svg
from klbench.figures.choose import figures_of
from klbench.figures.curves import of_estimators
from klbench.figures.figure import Figure
from klbench.report.reading import read_results

SHOWN = 2
"""The figures of a spec that are committed: klbench report has all of them."""
CURVES = HERE.parent / "docs" / "estimators.svg"
"""The figure of README that is of estimators."""
CURVES_OF = ("k1", "k2", "k3", "verl:low_var_kl")


def figures(name: str) -> tuple[Figure, ...]:
    """The figures of a spec that its section shows."""
    return figures_of(read_results(HERE / name))[:SHOWN]


def drawings(names: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Where each figure is committed, and its SVG."""
    for name in names:
        for figure in figures(name):
            yield HERE / name / "figures" / f"{figure.name}.svg", to_svg([figure])
    yield CURVES, to_svg([of_estimators([find(name) for name in CURVES_OF])])


def images(name: str) -> str:
    """The figures of a spec in a Markdown page."""
    return "\n\n".join(
        f'<img src="{name}/figures/{figure.name}.svg" alt="{escape(figure.alt)}">' for figure in figures(name)
    )
