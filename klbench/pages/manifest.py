"""What was run, as a table that a page opens on demand: the manifest of a run, its files, its spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from klbench.pages.markup import Markup, element, lines
from klbench.report.numbers import seconds
from klbench.report.records import cell

_ELSEWHERE = ("name", "spec", "cases", "crossings")
"""What the page shows in other places."""


def what_was_run(manifest: Mapping[str, Any], files: Sequence[str], spec: str) -> Markup:
    """The manifest as a table, and the spec as it was run."""
    rows = [
        element("tr", element("th", name, scope="row"), element("td", said)) for name, said in _facts(manifest, files)
    ]
    table = element("table", element("caption", "Manifest"), element("tbody", lines(rows)), class_="manifest")
    return element(
        "details",
        element("summary", "What was run: manifest, files, spec"),
        element("div", table, class_="scroll", tabindex="0", role="group", aria_label="Manifest"),
        element("pre", element("code", spec), tabindex="0", aria_label="spec.yaml", role="group"),
    )


def _facts(manifest: Mapping[str, Any], files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, value in manifest.items():
        said = cell(value)
        if name not in _ELSEWHERE and said:
            yield name.replace("_", " ").replace("sha256", "SHA-256"), said
    if files:
        yield "files", ", ".join(files)


def facts(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The versions, the device, the time it took and when, for a line under a heading."""
    versions = manifest.get("versions")
    if isinstance(versions, Mapping):
        yield from (f"{name} {versions[name]}" for name in ("klbench", "torch") if versions.get(name))
    if device := manifest.get("device_name") or manifest.get("device"):
        yield str(device)
    if isinstance(took := manifest.get("seconds"), int | float):
        yield seconds(float(took))
    if finished := manifest.get("finished"):
        yield str(finished)[:10]
