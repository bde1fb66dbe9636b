"""``klbench validate``: what a spec says once it is read, with its true values and its cost; nothing is sampled."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from klbench.cli import output
from klbench.cli.options import Overrides, SpecSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from klbench.spec.cases import Case
    from klbench.spec.model import Spec

RATE = 20e6
"""Samples a second on one core, as measured for a Gaussian pair with three estimators."""


def validate(spec: SpecSource, overrides: Overrides = None) -> None:
    """Show a spec's cases, true values and cost.

    Samples nothing.
    """
    from klbench.spec.read import read_spec

    resolved = read_spec(spec, overrides or ())
    cases = resolved.cases()
    output.data("".join(f"{line}\n" for line in _overview(resolved, len(cases))))
    pairs = {pair.name: pair for pair in resolved.pairs}
    for name, group in groupby(cases, key=lambda case: case.pair):
        output.data("".join(f"\n{name}\n" + "".join(f"{role} = {text}\n" for role, text in pairs[name].roles.items())))
        for case in group:
            output.data("".join(f"  {line}\n" for line in _true_values(case, resolved.estimators)))


def _overview(spec: Spec, cases: int) -> Iterator[str]:
    from klbench.report.numbers import count, seconds
    from klbench.run import available_cores

    yield from filter(None, (spec.name, " ".join(spec.description.split())))
    yield f"estimators: {', '.join(spec.estimators)}"
    total, cores = cases * spec.samples, available_cores()
    yield f"{cases} cases × {count(spec.samples)} samples = {count(total)}; seed {spec.seed}, {spec.dtype}"
    yield f"about {seconds(total / RATE / cores)} on {cores} cores, if as fast as a Gaussian pair with three estimators"


def _true_values(case: Case, estimators: Sequence[str]) -> Iterator[str]:
    from klbench.estimators.catalogue import find
    from klbench.measure.case import true_values
    from klbench.measure.pair import Pair
    from klbench.report.numbers import exact
    from klbench.report.summary import true_value

    parameters = ", ".join(f"{name} = {exact(value)}" for name, value in case.parameters.items())
    targets = [find(name).target for name in estimators]
    for target, truth in true_values(Pair.build(case), targets).items():
        yield "   ".join(filter(None, (parameters, true_value(target.name, truth.value, truth.road))))
