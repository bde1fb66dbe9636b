"""``--html`` and ``--plot``: what a run draws of its results, and writes beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from klbench.errors import RunError


@dataclass(frozen=True)
class Pictures:
    """What is asked for.

    Args:
        html: a page of its own.
        plot: its figures, a file each.
    """

    html: bool = False
    plot: bool = False

    @property
    def wanted(self) -> bool:
        """Whether anything is drawn."""
        return self.html or self.plot

    @property
    def option(self) -> str:
        """The option that asks for it; empty where nothing is asked for."""
        return "--html" if self.html else "--plot" if self.plot else ""

    def refuse_without_matplotlib(self) -> None:
        """Refuse to begin what cannot be drawn at the end.

        Raises:
            RunError: matplotlib is not installed.
        """
        from klbench.figures.canvas import ensure_installed

        if self.wanted:
            ensure_installed()

    def refuse_what_is_in_the_way(self, folder: Path) -> None:
        """Refuse a place where no figures can be put, before anything is measured.

        Raises:
            RunError: there is a file, or a link, where their folder has to be.
        """
        place = folder / "figures"
        if self.plot and (place.is_symlink() or (place.exists() and not place.is_dir())):
            what = "link" if place.is_symlink() else "file"
            help = [f"--plot writes figures/*.svg: move the {what} away", "or take --plot out"]
            raise RunError(f"{place} is a {what}", help=help)

    def files(self, texts: Mapping[str, str | None], folder: Path) -> Mapping[str, str]:
        """The texts of what is drawn, by name, from the texts of a run's files."""
        return dict(self._files({name: text for name, text in texts.items() if text is not None}, folder))

    def _files(self, texts: Mapping[str, str], folder: Path) -> Iterator[tuple[str, str]]:
        from klbench.figures.canvas import to_svg
        from klbench.figures.choose import figures_of
        from klbench.pages.report import to_page
        from klbench.pages.run import Run
        from klbench.report.folder import PAGE

        run = Run.of(texts.get, tuple(texts), str(folder))
        if self.plot:
            yield from ((f"figures/{figure.name}.svg", to_svg([figure])) for figure in figures_of(run.results))
        if self.html:
            yield PAGE, to_page([run])


NO_PICTURES = Pictures()
