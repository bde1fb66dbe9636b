"""The files in a run's folder: their texts, the old ones to remove, and what an earlier run left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from klbench.report.components import to_components_csv
from klbench.report.data_files import NAMES as DATA_FILES
from klbench.report.data_files import to_data_files
from klbench.report.frame import to_csv
from klbench.report.manifest import UNKNOWN, Call, digest, to_manifest
from klbench.report.running import NAME as RUNNING
from klbench.report.running import to_running_csv
from klbench.results import Results
from klbench.spec.model import Spec
from klbench.wording import counted

FILES = ("results.csv", "components.csv", RUNNING, *DATA_FILES, "manifest.json", "spec.yaml")
"""The names of a run's files; only a run of gradients has components.csv, only one to a precision running.csv, only one
of data its own."""


PAGE, DRAWINGS = "report.html", "figures/*.svg"
"""What a run has besides where it is asked for pictures: a page of its own, and figures, a file each."""
OWN = (*FILES, PAGE, DRAWINGS)
"""Every name that a file of a run may have: those of an earlier run go when new ones are written."""


def to_files(results: Results, finished: datetime, call: Call = UNKNOWN) -> Mapping[str, str | None]:
    """The text of each of ``FILES``; None for one that this run does not have, and an earlier one may have left.

    ``finished`` knows its time zone; ``call`` is how the run was asked for.
    """
    csv, spec_yaml = to_csv(results), results.spec.to_yaml()
    components = to_components_csv(results) if "gradient" in results.spec.measure else None
    manifest = to_manifest(results, spec_yaml, csv, finished, components, call)
    data = to_data_files(results)
    return dict(
        zip(FILES, (csv, components, to_running_csv(results), *data.values(), manifest, spec_yaml), strict=True)
    )


def what_was_there(read: Callable[[str], str | None], spec: Spec) -> str | None:
    """The results of another spec in the folder, in words; None if it is empty, or has results of this very spec.

    ``read`` gives the text of a file in the folder by its name, None of one that is not there.
    """
    if all(read(name) is None for name in FILES):
        return None
    manifest = _loaded(read("manifest.json"))
    if manifest.get("spec_sha256") == digest(spec.to_yaml()):
        return None
    try:
        return _described(manifest)
    except (KeyError, TypeError):
        return "results without a manifest that can be read"


def _loaded(text: str | None) -> Mapping[str, Any]:
    try:
        loaded = json.loads(text or "")
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _described(manifest: Mapping[str, Any]) -> str:
    """``other results: 2 pairs, 1,000,000 samples, seed 0, finished 2026-01-02T03:04:05+00:00``."""
    spec = manifest["spec"]
    pairs, size = counted(len(spec["pairs"]), "pair"), counted(int(spec["samples"]), "sample")
    measure = spec.get("measure", "value")
    kinds = measure if isinstance(measure, list) else [measure]
    kind = " and ".join(f"{name}s" for name in kinds)
    if all("data" in pair for pair in spec["pairs"]):
        files = ", ".join(str(pair["data"]) for pair in spec["pairs"])
        return f"other results of {files[:80]} (finished {str(manifest['finished'])[:40]})"
    facts = f"{kind} of {pairs}, {size}, seed {int(spec['seed'])}, finished {str(manifest['finished'])[:40]}"
    return f"results of another spec ({facts})"
