"""``klbench plot``: a figure of estimators, of a spec, or of results, in a file or at the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import output
from klbench.cli.completion import plotted
from klbench.cli.options import not_empty
from klbench.errors import RunError, SpecError

if TYPE_CHECKING:
    from klbench.figures.figure import Figure

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        autocompletion=plotted,
        help="Estimators (k3 verl:low_var_kl my_kl:mine), a folder of results, a spec, or audit.",
    ),
]
OutFile = Annotated[
    str | None,
    typer.Option("-o", "--out", metavar="FILE", callback=not_empty, help="A file: .svg, .png, .pdf or .html."),
]
AUDIT = "audit"
_ENDINGS = (".svg", ".png", ".pdf", ".html")


def plot(targets: Targets, out: OutFile = None) -> None:
    """Draw estimators against log r, or results: bias and noise, exact lines, measured points.

    A spec is drawn without samples: its exact numbers. A folder is what klbench run has written; audit is all that
    frameworks ship. Without -o the figure is drawn at the terminal.
    For example: klbench plot k1 k3 verl:low_var_kl -o kl.svg
    """
    if out is None and not sys.stdout.isatty():
        raise SpecError("no file to draw in, and this is no terminal", help=["name one: -o figure.svg"])
    if out is None:
        from klbench.figures.terminal import ensure_installed

        ensure_installed()
    path = None if out is None else _place(out)
    figures = _figures(targets)
    if path is None:
        _at_terminal(figures)
        return
    from klbench.files.writing import write_whole

    write_whole(path, _content(figures, path.suffix.lower()))
    output.remark(f"wrote {path}: {'; '.join(dict.fromkeys(figure.title for figure in figures))}")


def _place(out: str) -> Path:
    """Where the figure goes, held to what can be drawn and written, before anything is computed."""
    path = Path(out)
    if path.suffix.lower() not in _ENDINGS:
        raise SpecError(f"a figure cannot be drawn as {path.name!r}", help=[f"allowed: {', '.join(_ENDINGS)}"])
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise RunError(f"cannot write to {path}", help=["-o FILE in a folder that is there and can be written"])
    from klbench.figures.canvas import ensure_installed

    ensure_installed()
    return path


def _content(figures: Sequence[Figure], ending: str) -> bytes:
    from klbench.figures.canvas import rendered, to_svg

    if ending == ".svg":
        return to_svg(figures).encode()
    if ending == ".html":
        from klbench.pages.figures import figures_page

        return str(figures_page(figures)).encode()
    return rendered(figures, ending.removeprefix("."))  # type: ignore[arg-type]


def _at_terminal(figures: Sequence[Figure]) -> None:
    from klbench.figures.terminal import drawn

    for figure in figures:
        output.text(drawn(figure, sys.stdout))


def _figures(targets: Sequence[str]) -> tuple[Figure, ...]:
    """The figures of what is named: results, specs, the audit, or estimators together."""
    from klbench.spec import builtin

    folders = [target for target in targets if _is_folder(target)]
    specs = [target for target in targets if target not in folders and _is_spec(target, builtin.names())]
    if len(folders) == len(targets):
        return tuple(figure for folder in folders for figure in _of_folder(Path(folder)))
    if len(specs) == len(targets):
        return tuple(figure for spec in specs for figure in _of_spec(spec))
    if [*targets] == [AUDIT]:
        from klbench.figures.audit import audit_figure
        from klbench.identity.audit import audit

        return (audit_figure(audit()),)
    if folders or specs:
        help = ["draw folders, specs and estimators one by one"]
        raise SpecError(f"{targets[0]!r} and {targets[-1]!r} are no one figure", help=help)
    return (_of_estimators(targets),)


def _is_folder(target: str) -> bool:
    """Whether it is one, or can be nothing else: no estimator and no built-in spec has a path for its name."""
    path = Path(target)
    is_path = len(path.parts) > 1 and path.suffix not in (".yaml", ".yml") and ":" not in target
    return path.is_dir() or path.name == "results.csv" or is_path


def _is_spec(target: str, names: Sequence[str]) -> bool:
    return target in names or target.endswith((".yaml", ".yml")) or target == "-"


def _of_folder(folder: Path) -> tuple[Figure, ...]:
    from klbench.figures.choose import figures_of
    from klbench.report.reading import read_results

    figures = figures_of(read_results(folder))
    if not figures:
        raise SpecError(f"there is nothing to draw in {folder}", help=["klbench explain columns"])
    return figures


def _of_spec(name: str) -> tuple[Figure, ...]:
    from klbench.cli.waiting import import_torch
    from klbench.spec.read import read_spec

    spec = read_spec(name)
    if spec.sources() or spec.checkpoints():
        help = [f"klbench run {name} --plot measures it and draws the figures"]
        raise SpecError(f"{spec.name} has no exact numbers that could be drawn without a run", help=help)
    import_torch()
    from klbench.figures.choose import figures_of
    from klbench.measure.reach import hold_to_reach
    from klbench.measure.unsampled import unsampled
    from klbench.runner import one_torch_thread

    with one_torch_thread():
        hold_to_reach(spec)
        return figures_of(unsampled(spec))


def _of_estimators(names: Sequence[str]) -> Figure:
    from klbench.cli.waiting import import_torch

    import_torch()
    from klbench.estimators.catalogue import find
    from klbench.figures.curves import of_estimators
    from klbench.users.ready import ready

    # whatever a user's module prints while it is imported is no figure
    with redirect_stdout(sys.stderr):
        return of_estimators([ready(find(name)) for name in names])
