"""The map of the audit: where the mean gradient of what frameworks ship points, and how much of it is left."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from klbench.figures.figure import Axis, Figure, Panel, Rule, Series, colours
from klbench.identity.audit import STANDARD, Practice, Reading
from klbench.wording import counted

_NOT_NAMED = "none of these"


def audit_figure(practices: Sequence[Practice]) -> Figure:
    """Cosine against length left of every practice that has a gradient, a panel for each pair of the audit."""
    trained = [practice for practice in practices if practice.follows]
    palette = colours(sorted({_follows(practice) for practice in trained}, key=lambda name: (name == _NOT_NAMED, name)))
    panels = tuple(_panel(standard.name, trained, palette) for standard in STANDARD) if trained else ()
    shipped = sum(len(practice.entries) for practice in trained)
    shown = counted(shipped, "estimator"), counted(len(trained), "gradient")
    subtitle = f"{shown[0]} with {shown[1]} that differ, by the divergence that each follows"
    said = (
        "A right gradient stands at length 1, cosine 1, where the dashed lines cross. Left of it a clamp or a wrong "
        "divergence has taken some of its length; below it, it points elsewhere.",
        "Every number is exact: nothing is sampled.",
    )
    return Figure("audit", "What frameworks' gradients follow", subtitle, panels, 2, said)


def _follows(practice: Practice) -> str:
    return _NOT_NAMED if practice.follows == "none" else practice.follows


def _panel(name: str, practices: Sequence[Practice], palette: dict[str, int]) -> Panel:
    points: dict[str, list[Reading]] = {}
    for practice in practices:
        points.setdefault(_follows(practice), []).append(practice.readings[name])
    series = []
    for follows, readings in sorted(points.items(), key=lambda item: palette[item[0]]):
        there = [each for each in readings if isfinite(each.length) and isfinite(each.cosine) and each.length > 0]
        x, y = tuple(each.length for each in there), tuple(each.cosine for each in there)
        if there:
            series.append(Series(follows, palette[follows], "points", x, y))
    lengths = [x for one in series for x in one.x]
    wide = bool(lengths) and max(lengths) > 8 * min(lengths)
    rules = (Rule("x", 1.0), Rule("y", 1.0))
    x_axis = Axis("‖E g‖/‖∇KL(q‖p)‖", "log" if wide else "linear")
    return Panel(name, x_axis, Axis("cosine", limits=(-1.12, 1.12)), tuple(series), rules=rules)
