"""klbench: the reference instrument for estimators of the KL divergence.

The library in a few names, imported when first used::

    results = klbench.run("schulman", samples=1e6)          # a built-in name, a path, or a Spec
    results.to_frame()                                      # a pandas DataFrame with the columns of results.csv
    klbench.to_components_frame(results)                    # the same of components.csv, for measure: gradient
    klbench.read_results("results/schulman").plot()         # what a run has written, and its figure
    spec = klbench.read_spec("mine.yaml", ["samples=1e6"])  # read_text for a string: klbench.run(spec)

What is wrong with a spec or a call is a ``SpecError``, what goes wrong in a run a ``RunError``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klbench.errors import RunError, SpecError
    from klbench.report.components import to_components_frame
    from klbench.report.frame import to_frame
    from klbench.report.reading import read_results
    from klbench.results import Results
    from klbench.runner import run
    from klbench.spec.model import Spec
    from klbench.spec.read import read_spec, read_text

    __version__: str

__all__ = [
    "Results",
    "RunError",
    "Spec",
    "SpecError",
    "__version__",
    "read_results",
    "read_spec",
    "read_text",
    "run",
    "to_components_frame",
    "to_frame",
]

_HOMES = {
    "Results": "klbench.results",
    "RunError": "klbench.errors",
    "Spec": "klbench.spec.model",
    "SpecError": "klbench.errors",
    "__version__": "klbench.versions",
    "read_results": "klbench.report.reading",
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


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
