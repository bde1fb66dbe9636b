"""manifest.json: what was run, where, and how long it took; all that depends on machine and time.

The CSV files hold nothing of that, so they can be compared byte for byte; the manifest holds the hashes of their bytes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import yaml

from klbench.engines.record import Record
from klbench.hardware import device_name
from klbench.report.numbers import in_json
from klbench.results import CaseResult, Results
from klbench.versions import installed

PACKAGES = ("klbench", "torch", "numpy", "pandas")


@dataclass(frozen=True)
class Call:
    """How a run was called: its ``command`` line, None in a library, and its overrides of the spec, KEY=VALUE."""

    command: str | None = None
    overrides: tuple[str, ...] = ()


UNKNOWN = Call()


def to_manifest(
    results: Results,
    spec_yaml: str,
    csv: str,
    finished: datetime,
    components_csv: str | None = None,
    call: Call = UNKNOWN,
) -> str:
    """The text of manifest.json, for these texts of spec.yaml, results.csv and, of gradients, components.csv.

    ``finished`` knows its time zone; ``call`` is how the run was asked for.
    """
    hashes = {"spec_sha256": digest(spec_yaml), "results_sha256": digest(csv)}
    if components_csv is not None:
        hashes["components_sha256"] = digest(components_csv)
    return json.dumps(_manifest(results, spec_yaml, hashes, finished, call), indent=2, ensure_ascii=False) + "\n"


def _manifest(
    results: Results, spec_yaml: str, hashes: Mapping[str, str], finished: datetime, call: Call
) -> Mapping[str, Any]:
    last = results.engines[-1]
    started = finished - timedelta(seconds=results.seconds)
    return {
        "name": results.spec.name,
        "command": call.command,
        "overrides": list(call.overrides),
        "spec": yaml.safe_load(spec_yaml),
        **hashes,
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
        "platform": platform.platform(),
        "processor": platform.machine(),
        "device": results.device,
        "device_name": device_name(results.device),
        "threads": last.workers if last.engine == "threads" else None,
        "engines": [_engine(record) for record in results.engines if record.blocks],
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round(results.seconds, 3),
        "cases": [_case(result) for result in results.cases],
        "crossings": [
            {name: in_json(value) for name, value in asdict(crossing).items()} for crossing in results.crossings
        ],
    }


def _case(result: CaseResult) -> Mapping[str, Any]:
    """What results.csv does not hold of a case: what ``klbench report`` and ``plot`` show besides."""
    data = result.data
    held = {} if data is None else {name: getattr(data, name) for name in ("said", "sequences", "tokens", "groups")}
    return {
        "pair": result.case.pair,
        "parameters": dict(result.case.parameters),
        "seconds": round(result.seconds, 3),
        "kl": in_json(result.kl),
        "kl_from": result.kl_from,
        "notes": list(result.notes),
        **({"data": held} if held else {}),
    }


def _engine(record: Record) -> Mapping[str, Any]:
    """What an engine did, in the manifest; what does not apply is left out."""
    said = {"shard": record.shard, "engine": record.engine, "workers": record.workers, "blocks": record.blocks}
    said |= {"retries": record.retries, "processors": list(record.processors)}
    return {name: value for name, value in said.items() if value or name == "retries"}


def digest(text: str) -> str:
    """SHA-256 of a text's bytes, as in the manifest."""
    return sha256(text.encode()).hexdigest()
