"""``klbench init``: a commented spec to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klbench.cli import output
from klbench.errors import SpecError


def init(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The file to write.")] = Path("klbench.yaml"),
) -> None:
    """Write a commented starter spec."""
    from klbench.files import write_new
    from klbench.spec.starter import STARTER

    if not write_new(path, STARTER):
        raise SpecError(f"{path} is there already", help=["name another file: klbench init PATH"])
    output.remark(f"wrote {path}; next: klbench run {path}")
