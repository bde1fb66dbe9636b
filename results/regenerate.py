"""Regenerates the gallery: specs of configs/ are run, their files written here, and then the pages about them.

A folder whose results are already what its spec gives is left alone, timings included: a second run changes nothing.
Names on the command line run only those specs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from drawings import drawings
from gallery import HERE, audit_page, names, page

from klbench.files.folder import claim
from klbench.report.folder import FILES, to_files
from klbench.results import Results
from klbench.runner import run
from klbench.spec.model import Spec
from klbench.spec.read import read_spec

CHANGING = "manifest.json"
"""The file that says when and how long, and so is new after every run."""


def main(wanted: Sequence[str]) -> None:
    """Run them, always on the CPU: the numbers of another device are other numbers."""
    for name in wanted or names():
        regenerate(read_spec(str(HERE.parent / "configs" / f"{name}.yaml")), HERE / name)
    for path, svg in drawings(names()):
        path.parent.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    (HERE / "README.md").write_text(page(), encoding="utf-8")
    (HERE / "frameworks" / "README.md").write_text(audit_page(), encoding="utf-8")


def regenerate(spec: Spec, folder: Path) -> None:
    """Run one spec and write its files, where they are new."""
    write(run(spec, device="cpu"), folder)


def write(results: Results, folder: Path) -> None:
    """Write the files of results, where they are new."""
    files = to_files(results, datetime.now().astimezone())
    if not _holds(folder, {name: text for name, text in files.items() if name != CHANGING}):
        with claim(folder, FILES) as claimed:
            claimed.write(files)


def _holds(folder: Path, files: Mapping[str, str | None]) -> bool:
    return all(_text(folder / name) == text for name, text in files.items())


def _text(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


if __name__ == "__main__":
    main(sys.argv[1:])
