"""``--save``: what a run of checkpoints has scored, kept in a file once the run is done."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from klbench.cli import output
from klbench.errors import RunError, SpecError
from klbench.wording import counted

if TYPE_CHECKING:
    from klbench.results import Results
    from klbench.spec.model import Spec


ENDINGS = (".npz", ".parquet")
"""How a file may end that keeps what was scored."""


@dataclass(frozen=True)
class Kept:
    """Where what is scored is kept.

    Args:
        file: the file.
    """

    file: Path

    @staticmethod
    def of(spec: Spec, file: Path) -> Kept:
        """What ``--save`` asks for, held to what the spec has and to where a file can be.

        Raises:
            SpecError: the spec has not one case, of checkpoints; or the file's ending is not known.
            RunError: the file cannot be written.
        """
        cases = spec.cases()
        if not any(case.prompted for case in cases):
            raise SpecError("--save is for checkpoints: nothing else is scored", help=["take --save out"])
        if len(cases) > 1:
            help = ["a spec of one pair without a grid, or --save for each alone"]
            raise SpecError(f"--save keeps one case, and the spec has {len(cases)}", help=help)
        _refuse_place(file)
        return Kept(file)

    @property
    def parts(self) -> Path:
        """Where what is drawn lies until then."""
        return self.file.with_name(f"{self.file.name}.parts").absolute()

    def save(self, results: Results, *, quiet: bool) -> None:
        """Write the file, and remove the parts.

        Raises:
            RunError: it cannot be written; the parts stay.
        """
        from klbench.problems.build import build_pair
        from klbench.problems.checkpoints import Checkpoints
        from klbench.problems.saved import save
        from klbench.runner import one_torch_thread

        (case,) = results.cases
        spec, samples = results.spec, max(row.samples for row in case.rows)
        problem = build_pair(case.case, results.device, spec.estimators, str(self.parts))
        assert isinstance(problem, Checkpoints)
        with one_torch_thread():
            save(problem, spec.seed, samples, self.file)
        rmtree(self.parts, ignore_errors=True)
        if not quiet:
            output.remark(f"wrote {self.file}: {counted(samples, 'sequence')}")


def _refuse_place(path: Path) -> None:
    """Refuse a place where no file can be put, before anything is drawn."""
    if path.suffix.lower() not in ENDINGS:
        raise SpecError(f"--save {path}: what was scored is kept in {' or '.join(ENDINGS)}", help=["--save scored.npz"])
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise RunError(f"cannot write to {path}", help=["--save FILE in a folder that is there and can be written"])
    if path.suffix.lower() == ".parquet":
        try:
            import_module("pyarrow")
        except ImportError as error:
            help = ["pip install 'klbench[data]'", "or --save scored.npz"]
            raise RunError("a .parquet file needs pyarrow", help=help) from error
