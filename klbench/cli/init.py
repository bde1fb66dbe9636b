"""``klbench init``: a commented spec to start from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from klbench.cli import output
from klbench.errors import SpecError

_NAME = "klbench.yaml"


def init(
    path: Annotated[str, typer.Argument(metavar="PATH", help=f"The file to write; in a folder it is {_NAME}.")] = _NAME,
) -> None:
    """Write a commented starter spec.

    Beside it stands its schema, klbench.schema.json, by which an editor completes and checks it.
    """
    from klbench.files.writing import write_new
    from klbench.spec.schema import FILE, text
    from klbench.spec.starter import STARTER

    file = _file(path)
    if not write_new(file, STARTER):
        raise SpecError(f"{file} is there already", help=["name another file: klbench init PATH"])
    has_schema = write_new(file.parent / FILE, text())
    output.remark(f"wrote {file}{f' and {FILE}' if has_schema else ''}; next: klbench run {file}")


def _file(path: str) -> Path:
    """The file meant: in a folder, or in what is written as one, the one of the usual name."""
    is_folder = path.endswith(("/", os.sep)) or Path(path).is_dir()
    return Path(path) / _NAME if is_folder else Path(path)
