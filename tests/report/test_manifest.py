"""The manifest: what was run, and the hashes of what was written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

from klbench.hardware import processor_name
from klbench.report.frame import to_csv
from klbench.report.manifest import Call, to_manifest
from tests.report.made_up import GRID, made_up


def test_it_says_what_was_run_and_where() -> None:
    results = made_up(GRID)
    spec_yaml, csv = results.spec.to_yaml(), to_csv(results)
    manifest = json.loads(to_manifest(results, spec_yaml, csv, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))
    assert manifest["results_sha256"] == sha256(csv.encode()).hexdigest()
    assert manifest["spec_sha256"] == sha256(spec_yaml.encode()).hexdigest()
    assert manifest["spec"]["pairs"][0]["grid"] == {"mu": [0.5, 1]}
    assert (manifest["started"], manifest["finished"]) == ("2026-01-02T03:04:03+00:00", "2026-01-02T03:04:05+00:00")
    assert (manifest["device"], manifest["threads"], manifest["seconds"]) == ("cpu", 2, 1.5)
    assert manifest["cases"][0] == {
        "pair": "shift",
        "parameters": {"mu": 0.5},
        "seconds": 0.25,
        "kl": 0.5,
        "kl_from": "closed-form",
        "notes": [],
    }
    assert manifest["crossings"] == []
    assert {"python", "torch", "numpy", "pandas"} <= set(manifest["versions"])


def test_the_hash_of_the_components_is_there_where_they_are() -> None:
    manifest = json.loads(to_manifest(made_up(), "a: 1", "csv", datetime(2026, 1, 2, tzinfo=UTC), "components"))
    assert manifest["components_sha256"] == sha256(b"components").hexdigest()


def test_it_says_how_the_run_was_asked_for_and_on_what() -> None:
    finished = datetime(2026, 1, 2, tzinfo=UTC)
    call = Call("klbench run x.yaml 'pairs.0.p=N(0, 2)'", ("pairs.0.p=N(0, 2)",))
    manifest = json.loads(to_manifest(made_up(), "a: 1", "csv", finished, call=call))
    assert manifest["command"] == "klbench run x.yaml 'pairs.0.p=N(0, 2)'"
    assert manifest["overrides"] == ["pairs.0.p=N(0, 2)"]
    assert manifest["device_name"] == processor_name()
    library = json.loads(to_manifest(made_up(), "a: 1", "csv", finished))
    assert (library["command"], library["overrides"]) == (None, [])
