"""Remakes results/models: sets up the model, runs its specs, times what their estimators cost, and writes the page.

`make models` has fetched the package of the model by then. Names on the command line run only those specs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from model_costs import measure
from model_page import MODELS, NAMES, page
from model_setup import set_up
from regenerate import write
from rich.console import Console

from klbench.runner import run
from klbench.spec.model import Spec
from klbench.spec.read import read_spec

FILES = ".."
"""Where the models and the prompts are sought, seen from a spec and from the spec.yaml of its results: no machine's."""


def main(wanted: Sequence[str]) -> None:
    """Run them on the CPU; the numbers of another device are other numbers."""
    console = Console(stderr=True)
    console.print("setting up the models, where they are not there yet")
    set_up()
    for name in wanted or NAMES:
        console.print(f"running {name}: some minutes")
        remake(read_spec(str(MODELS / "specs" / f"{name}.yaml")))
    (MODELS / "README.md").write_text(page(), encoding="utf-8")


def remake(spec: Spec) -> None:
    """Run one spec, time it, and write its files."""
    results = run(spec, device="cpu")
    write(replace(results, spec=spec.model_copy(update={"folder": FILES})), MODELS / spec.name)
    (MODELS / spec.name / "costs.csv").write_text(measure(spec), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
