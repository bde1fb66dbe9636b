"""The files of a run, by name: what stands in its folder, and what must not stand there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from klbench.report.components import to_components_csv
from klbench.report.frame import to_csv
from klbench.report.manifest import UNKNOWN, Call, to_manifest
from klbench.results import Results

FILES = ("results.csv", "components.csv", "manifest.json", "spec.yaml")
"""The names; components.csv is of gradients only."""


def to_files(results: Results, finished: datetime, call: Call = UNKNOWN) -> Mapping[str, str | None]:
    """The text of each of ``FILES``; None for one that this run does not have, and an earlier one may have left.

    ``finished`` knows its time zone; ``call`` is how the run was asked for.
    """
    csv, spec_yaml = to_csv(results), results.spec.to_yaml()
    components = to_components_csv(results) if results.spec.measure == "gradient" else None
    manifest = to_manifest(results, spec_yaml, csv, finished, components, call)
    return dict(zip(FILES, (csv, components, manifest, spec_yaml), strict=True))
