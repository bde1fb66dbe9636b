"""klbench: the reference instrument for estimators of the KL divergence.

The library in five names, imported when first used::

    spec = klbench.read_spec("schulman", ["samples=1e6"])   # a path, a built-in name, or read_text for a string
    results = klbench.run(spec)                             # klbench.results.Results
    klbench.to_frame(results)                               # a pandas DataFrame with the columns of results.csv
    klbench.to_components_frame(results)                    # the same of components.csv, for measure: gradient
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klbench.report.components import to_components_frame
    from klbench.report.frame import to_frame
    from klbench.runner import run
    from klbench.spec.read import read_spec, read_text

__all__ = ["read_spec", "read_text", "run", "to_components_frame", "to_frame"]

_HOMES = {
    "read_spec": "klbench.spec.read",
    "read_text": "klbench.spec.read",
    "run": "klbench.runner",
    "to_components_frame": "klbench.report.components",
    "to_frame": "klbench.report.frame",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
