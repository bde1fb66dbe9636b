"""``klbench report``: the results of one run or of several as one file of HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from klbench.cli import output
from klbench.cli.options import Quiet
from klbench.errors import RunError, SpecError

_RESULTS = "results.csv"
_STDOUT = "-"
_HELP = "a folder that klbench run has written, its results.csv, or a folder of such folders"


def _page_name(name: str) -> str:
    if name != _STDOUT and Path(name).suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{name!r} does not end in .html; the page is HTML, - is standard output")
    return name


Folders = Annotated[
    list[str],
    typer.Argument(
        metavar="FOLDER", help="Folders of results, such as results/schulman, or one that holds several: results."
    ),
]
Page = Annotated[
    str, typer.Option("-o", "--out", metavar="FILE", callback=_page_name, help="The file, or - for standard output.")
]


def report(folders: Folders, out: Page = "report.html", quiet: Quiet = False) -> None:
    """Make one page of results: figures, tables, notes, manifest, in one file that opens anywhere.

    It needs no network and loads nothing. For example: klbench report results/schulman -o report.html
    """
    from klbench.pages.report import to_page
    from klbench.pages.run import Run

    places = _each_once(place for folder in folders for place in _places(Path(folder)))
    runs = [Run.of(_Reader(place), _files(place), str(place)) for place in places]
    page = to_page(runs)
    if out == _STDOUT:
        output.document(page)
        return
    from klbench.files.writing import write_whole
    from klbench.wording import counted

    content = page.encode()
    write_whole(Path(out), content)
    if not quiet:
        output.remark(f"wrote {out}: {counted(len(runs), 'run')}, {len(content) / 1e6:.1f} MB")


def _places(given: Path) -> Iterator[Path]:
    """The folders of results that are meant."""
    if given.name == _RESULTS and given.is_file():
        yield given.parent
        return
    if not given.is_dir():
        what = f"{given} is a file, and not {_RESULTS}" if given.exists() else f"there is no folder {given}"
        raise SpecError(what, help=[_HELP])
    if (given / _RESULTS).is_file():
        yield given
        return
    try:
        found = sorted(entry for entry in given.iterdir() if (entry / _RESULTS).is_file() and entry.name[0] != ".")
    except OSError as error:
        raise RunError(f"cannot read {given}: {error.strerror or error}") from error
    if not found:
        raise SpecError(f"there are no results in {given}", help=[_HELP])
    yield from found


def _each_once(places: Iterable[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for place in places:
        if (real := place.resolve()) in found:
            raise SpecError(f"{place} is given twice", help=["name each folder once"])
        found[real] = place
    return list(found.values())


def _files(place: Path) -> list[str]:
    from klbench.report.folder import FILES

    return [name for name in FILES if (place / name).is_file()]


class _Reader:
    """Reads the files of a folder by their names."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __call__(self, name: str) -> str | None:
        """The text of a file; None of one that is not there.

        Raises:
            RunError: it cannot be read.
            SpecError: it is no text.
        """
        path = self._place / name
        try:
            return path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise SpecError(f"{path} is not UTF-8, as klbench writes it", help=["run the spec again"]) from error
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror or error}") from error
