"""Figures in the hands of a user: a notebook shows them, and they can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from klbench.errors import SpecError
from klbench.figures.canvas import KINDS, ensure_installed, rendered, to_svg
from klbench.figures.choose import figures_of
from klbench.figures.figure import Figure
from klbench.files.writing import write_whole
from klbench.results import Results
from klbench.wording import joined


@dataclass(frozen=True, repr=False)
class Plotted:
    """The figures of a run, one below the other."""

    figures: tuple[Figure, ...]

    @staticmethod
    def of(results: Results) -> Plotted:
        """The figures of results.

        Raises:
            RunError: matplotlib is not installed.
        """
        ensure_installed()
        return Plotted(figures_of(results))

    def save(self, file: str | PathLike[str]) -> Path:
        """Write a file, whole or not at all; its ending, .svg, .png or .pdf, says which kind.

        Raises:
            SpecError: the ending is another.
            RunError: it cannot be written.
        """
        path = Path(file)
        kind = next((kind for kind in KINDS if path.suffix.lower() == f".{kind}"), None)
        if kind is None:
            endings = joined([f".{kind}" for kind in KINDS], "or")
            raise SpecError(f"a figure cannot be saved as {path.name!r}", help=[f"the ending says the kind: {endings}"])
        write_whole(path, to_svg(self.figures).encode() if kind == "svg" else rendered(self.figures, kind))
        return path

    def __repr__(self) -> str:
        """``<Figures: Bias and noise over KL(q‖p); .save("kl.svg") writes them>``."""
        return f'<Figures: {"; ".join(figure.title for figure in self.figures)}; .save("kl.svg") writes them>'

    def _repr_svg_(self) -> str:
        """The figures, for a notebook."""
        return to_svg(self.figures)
