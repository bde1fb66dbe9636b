"""How figures look: colours for light and dark paper, dashes and markers for paper without colours, sizes.

The hues are those of Okabe and Ito, which colour-blind readers can tell apart, each moved to a contrast of 3 or more to
its paper. A colour never speaks alone: every place in the palette has a dash and a marker of its own as well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ink:
    """A colour on light paper and what it becomes on dark paper, as #rrggbb."""

    light: str
    dark: str


PAPER = Ink("#ffffff", "#0d1117")
TEXT = Ink("#1f2329", "#e6edf3")
QUIET = Ink("#5b6470", "#9aa5b1")
GRID = Ink("#e4e7eb", "#262c36")
SHADE = Ink("#f0f2f4", "#1a2029")
TRUE = Ink("#3c424b", "#c3ccd6")
"""What is true, beside what estimators make of it."""

FAINT = Ink("#8b949e", "#6e7681")

PALETTE = (
    Ink("#0068a9", "#4fa9e4"),
    Ink("#c9500b", "#ff8f4d"),
    Ink("#00815e", "#3fcaa2"),
    Ink("#a4478a", "#e28fc8"),
    Ink("#8c6800", "#dcb43c"),
    Ink("#5a51b8", "#a79ff5"),
    Ink("#b3263c", "#f7778a"),
    Ink("#4d7a1f", "#a3d36a"),
)
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5.0, 2.0),
    (1.4, 1.6),
    (7.0, 2.0, 1.4, 2.0),
    (3.0, 1.2),
    (8.0, 2.0, 1.4, 2.0, 1.4, 2.0),
    (10.0, 3.0),
    (2.0, 3.0),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

INKS = (PAPER, TEXT, QUIET, GRID, SHADE, TRUE, FAINT, *PALETTE)
"""Every colour of a figure."""

WIDTH = 7.6
"""Of a figure, in inches; sizes of type are in points and do not change with it."""
TITLE, SUBTITLE, LABEL, TICK, DIRECT = 11.0, 8.8, 8.8, 8.0, 8.4
LINE, MARKER, THIN = 1.5, 4.2, 0.8


def ink(colour: int) -> Ink:
    """The colour at a place of the palette; places beyond its end begin anew; below 0 it is that of what is true."""
    if colour < 0:
        return FAINT
    return PALETTE[colour % len(PALETTE)]


def dash(colour: int) -> tuple[float, ...]:
    """The dash at a place; beyond the end of the palette they are shifted, so that no two places look alike."""
    return DASHES[(colour + colour // len(PALETTE)) % len(DASHES)]


def marker(colour: int) -> str:
    """The marker at a place, shifted beyond the end of the palette."""
    return MARKERS[(colour + colour // len(PALETTE)) % len(MARKERS)]
