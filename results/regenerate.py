"""Regenerates the gallery: every spec of configs/ is run, its files written here, and then the page about them.

A folder whose results are already what its spec gives is left alone, timings included: a second run changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from gallery import HERE, names, page

from klbench.files import write_together
from klbench.report.frame import to_csv
from klbench.report.manifest import to_manifest
from klbench.runner import run
from klbench.spec.model import Spec
from klbench.spec.read import read_spec


def main() -> None:
    """Run them all, always on the CPU: the numbers of another device are other numbers."""
    for name in names():
        regenerate(read_spec(str(HERE.parent / "configs" / f"{name}.yaml")), HERE / name)
    write_together(HERE, {"README.md": page()})


def regenerate(spec: Spec, folder: Path) -> None:
    """Run one spec and write its files, where they are new."""
    results = run(spec, device="cpu")
    csv, spec_yaml = to_csv(results), spec.to_yaml()
    if not (_holds(folder / "results.csv", csv) and _holds(folder / "spec.yaml", spec_yaml)):
        manifest = to_manifest(results, spec_yaml, csv, finished=datetime.now().astimezone())
        write_together(folder, {"results.csv": csv, "manifest.json": manifest, "spec.yaml": spec_yaml})


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    main()
