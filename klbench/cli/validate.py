"""``klbench validate``: what a spec says once it is read, with its true values and its cost; nothing is sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from klbench.cli import output
from klbench.cli.options import Overrides, SpecSource
from klbench.cli.waiting import import_torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from klbench.spec.cases import Case
    from klbench.spec.model import Pair, Spec

RATE = 1e7
"""Samples a second on one core, as measured for a Gaussian pair with three estimators."""
_SHORTEST = 0.1
"""Seconds: a shorter time is not told from this one."""


def validate(spec: SpecSource, overrides: Overrides = None) -> None:
    """Show a spec's cases, true values and cost.

    Samples nothing.
    """
    from klbench.spec.read import read_spec

    resolved = read_spec(spec, overrides or ())
    import_torch()
    from klbench.runner import one_torch_thread

    for line in _overview(resolved):
        output.data(Text(line))
    for pair in resolved.pairs:
        output.data(Text(f"\n{pair.name}", style="bold cyan"))
        for line in _pair(pair, resolved):
            output.data(Text(line))
        with one_torch_thread():
            output.data(_true_values(pair.cases(), resolved.estimators))


def _overview(spec: Spec) -> Iterator[str]:
    from klbench.report.numbers import seconds
    from klbench.runner import available_cores
    from klbench.wording import counted

    cases, cores, precisions = len(spec.cases()), available_cores(), len(spec.dtype)
    yield from filter(None, (spec.name, spec.description))
    yield f"estimators: {', '.join(spec.estimators)} · seed {spec.seed} · {', '.join(spec.dtype)}"
    if spec.measure == "gradient":
        yield _gradient(spec)
    total = f" = {counted(cases * spec.samples, 'sample')}" if cases > 1 else ""
    yield f"{counted(cases, 'case')} × {counted(spec.samples, 'sample')}{total}"
    estimate, on = seconds(max(precisions * cases * spec.samples / RATE / cores, _SHORTEST)), counted(cores, "core")
    if spec.measure == "gradient":
        yield f"at least {estimate} on {on}: so long values would take; gradients take several times that"
    else:
        yield f"about {estimate} on {on} for Gaussian pairs and three estimators, a few times that for others"


def _gradient(spec: Spec) -> str:
    """``gradients · placements: loss, reward · weightings: none``."""
    own = "as each estimator has by default"
    baseline = [] if spec.baseline == "none" else [f"baseline: {spec.baseline} of {spec.batch}"]
    placements, weightings = (", ".join(names) if names else own for names in (spec.placements, spec.weightings))
    return " · ".join(["gradients", f"placements: {placements}", f"weightings: {weightings}", *baseline])


def _pair(pair: Pair, spec: Spec) -> Iterator[str]:
    from klbench.report.summary import distributions

    yield from distributions(pair)
    if spec.measure == "gradient":
        from klbench.distributions.parameters import differentiable

        yield f"∇ in {', '.join(spec.parameters or differentiable(pair.q))}"


def _true_values(cases: Iterable[Case], estimators: Sequence[str]) -> Table:
    """A line per case and target, the case's parameters beside its first."""
    from klbench.estimators.catalogue import find
    from klbench.measure.pair import Pair
    from klbench.measure.values import true_values
    from klbench.report.numbers import parameters_text, true_value

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
