"""``klbench validate``: what a spec says once it is read, with its true values and its cost; nothing is sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from klbench.cli import output
from klbench.cli.options import Overrides, SpecSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from klbench.spec.cases import Case
    from klbench.spec.model import Spec

RATE = 1e7
"""Samples a second on one core, as measured for a Gaussian pair with three estimators."""


def validate(spec: SpecSource, overrides: Overrides = None) -> None:
    """Show a spec's cases, true values and cost.

    Samples nothing.
    """
    from klbench.spec.read import read_spec

    resolved = read_spec(spec, overrides or ())
    from klbench.runner import one_torch_thread

    for line in _overview(resolved):
        output.data(Text(line))
    for pair in resolved.pairs:
        output.data(Text(f"\n{pair.name}", style="bold cyan"))
        output.data(Text("\n".join(f"{role} = {expression}" for role, expression in pair.roles.items())))
        with one_torch_thread():
            output.data(_true_values(pair.cases(), resolved.estimators))


def _overview(spec: Spec) -> Iterator[str]:
    from klbench.report.numbers import count, seconds
    from klbench.runner import available_cores

    cases, cores = len(spec.cases()), available_cores()
    yield from filter(None, (spec.name, spec.description))
    yield f"estimators: {', '.join(spec.estimators)} · seed {spec.seed} · {spec.dtype}"
    yield f"{cases} cases × {count(spec.samples)} samples = {count(cases * spec.samples)} samples"
    estimate = seconds(cases * spec.samples / RATE / cores)
    yield f"about {estimate} on {cores} cores for Gaussian pairs and three estimators, a few times that for others"


def _true_values(cases: Iterable[Case], estimators: Sequence[str]) -> Table:
    """A line per case and target, the case's parameters beside its first."""
    from klbench.estimators.catalogue import find
    from klbench.measure.case import true_values
    from klbench.measure.pair import Pair
    from klbench.report.numbers import parameters_text
    from klbench.report.summary import true_value

    grid = Table.grid(padding=(0, 2))
    targets = [find(name).target for name in estimators]
    for case in cases:
        parameters = parameters_text(case.parameters)
        for target, truth in true_values(Pair.build(case), targets).items():
            grid.add_row(
                *[Text(parameters)] * bool(case.parameters), Text(true_value(target.name, truth.value, truth.road))
            )
            parameters = ""
    return grid
