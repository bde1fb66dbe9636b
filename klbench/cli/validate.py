"""``klbench validate``: what a spec says once it is read, and what is known of it without a sample."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from klbench.cli import output
from klbench.cli.options import Format, Overrides, Shown, SpecSource
from klbench.cli.waiting import import_torch

if TYPE_CHECKING:
    from klbench.measure.known import Known
    from klbench.report.answers import Answer
    from klbench.report.table import Tables
    from klbench.spec.cases import Case
    from klbench.spec.model import AnyPairSpec, PairSpec, Spec


_SHORTEST = 0.1
"""Seconds: a shorter time is not told from this one."""


def _share(value: float) -> float:
    if not (isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a share of the true value; 0.05 is 5 %")
    return value


Within = Annotated[
    float,
    typer.Option(
        "--within",
        metavar="SHARE",
        callback=_share,
        help="How near the mean must come to the true value, as a share of it: 0.05 is 5 %.",
    ),
]


def validate(
    spec: SpecSource, overrides: Overrides = None, within: Within = 0.05, format: Shown = Format.TABLE
) -> None:
    """Show true values, bias, noise, samples needed and cost.

    All numbers are exact: nothing of the run is drawn, a trial measures the time. For example: klbench validate shift
    """
    from klbench.spec.read import read_spec

    resolved = read_spec(spec, overrides or ())
    import_torch()
    from klbench.measure.reach import hold_to_reach

    hold_to_reach(resolved)
    if format is Format.TABLE:
        _show(resolved, within)
    else:
        _write(resolved, within, format)


def _write(spec: Spec, within: float, format: Format) -> None:
    from klbench.report import answers

    known = [answer for pair in spec.pairs for answer in _answers(spec, pair)]
    if format is Format.CSV:
        output.document(answers.to_csv(known, within))
        return
    grouped = answers.by_pair(known)
    # a file may be compared in two ways, and each has a name of its own
    crossings: dict[str, list[str]] = {name: [] for name in grouped}
    crossings |= {pair.name: [*_crossings(spec, pair, grouped[pair.name])] for pair in spec.pairs if pair.grid}
    write = answers.to_json if format is Format.JSON else answers.to_markdown
    output.document(write(known, crossings, within))


def _show(spec: Spec, within: float) -> None:
    from klbench.spec.data_pair import DataPair

    for line in _overview(spec):
        output.data(Text(line))
    took: list[tuple[Case, float]] = []
    tables: list[Tables] = []
    for pair in spec.pairs:
        output.data(Text(f"\n{pair.name}", style="bold cyan"))
        for line in _pair(pair, spec):
            output.data(Text(line))
        if isinstance(pair, DataPair):
            continue
        if pair.prompts is not None:
            output.data(Text("the truth is the mean of full over what is drawn: klbench run tells it"))
            continue
        known = _answers(spec, pair)
        took += [(answer.case, answer.seconds) for answer in known]
        for line in _true_values(known):
            output.data(Text(line))
        tables.append(_table(known, within))
        output.data(tables[-1])
        for sentence in (*_stops(spec, known), *_crossings(spec, pair, known)):
            output.data(Text(f"• {sentence}"))
    output.data(Text(""))
    if not took:
        if spec.sources():
            output.data(Text("All of the files is measured: nothing is drawn, and klbench run tells its means."))
        if spec.checkpoints():
            output.data(Text(_cost(spec, took)))
        return
    for line in (*_legend(spec, within), *_about(tables)):
        output.data(Text(line, style="dim"))
    output.data(Text(_cost(spec, took)))


def _overview(spec: Spec) -> Iterator[str]:
    from klbench.wording import counted

    cases = sum(case.data is None for case in spec.cases())
    yield from filter(None, (spec.name, spec.description))
    yield f"estimators: {', '.join(spec.estimators)} · seed {spec.seed} · {', '.join(spec.dtype)}"
    if "gradient" in spec.measure:
        yield _gradient(spec)
    if not cases:
        return
    total = f" = {counted(cases * spec.samples, 'sample')}" if cases > 1 else ""
    yield f"{counted(cases, 'case')} × {counted(spec.samples, 'sample')}{total}"


def _gradient(spec: Spec) -> str:
    """``gradients · placements: loss, reward · weightings: none``."""
    own = "as each estimator has by default"
    baseline = [] if spec.baseline == "none" else [f"baseline: {spec.baseline} of {spec.batch}"]
    placements, weightings = (", ".join(names) if names else own for names in (spec.placements, spec.weightings))
    return " · ".join(["gradients", f"placements: {placements}", f"weightings: {weightings}", *baseline])


def _pair(pair: AnyPairSpec, spec: Spec) -> Iterator[str]:
    from klbench.report.summary import columns_of, distributions
    from klbench.spec.data_pair import DataPair

    yield from distributions(pair)
    if isinstance(pair, DataPair):
        yield from pair.said()
        for case in pair.cases():
            yield from columns_of(case)
        return
    if pair.prompts is not None:
        yield from _prompted(pair)
    if "gradient" in spec.measure:
        from klbench.distributions.parameters import differentiable

        yield f"∇ in {', '.join(spec.parameters or differentiable(pair.q))}"


def _prompted(pair: PairSpec) -> Iterator[str]:
    """``sequences of up to 64 tokens after 12 prompts of prompts.txt``."""
    from klbench.wording import counted

    for prompted in dict.fromkeys(case.prompted for case in pair.cases() if case.prompted):
        tokens, prompts = counted(prompted.length, "token"), counted(len(prompted.prompts()), "prompt")
        yield f"sequences of up to {tokens} after {prompts} of {prompted.file}"


def _answers(spec: Spec, pair: AnyPairSpec) -> list[Answer]:
    from klbench.estimators.divergence import REVERSE_KL
    from klbench.measure.known import known
    from klbench.measure.truth import true_of
    from klbench.problems.build import build_pair
    from klbench.report.answers import Answer

    answers = []
    for case in pair.cases():
        start = time.perf_counter()
        built = build_pair(case)
        kl = true_of(built, REVERSE_KL)
        lines = known(spec, case)
        answers.append(Answer(case, kl.value, kl.road, lines, time.perf_counter() - start))
    return answers


def _true_values(answers: Sequence[Answer]) -> Iterator[str]:
    """The KL of a case without a grid, and the true values of the other targets of each case."""
    from klbench.report.numbers import parameters_text, true_value

    for answer in answers:
        others = {line.target: line for line in answer.lines if not line.placement}
        others.pop("reverse KL", None)
        said = [true_value(target, line.true, line.true_from) for target, line in others.items()]
        if not answer.case.parameters:
            said = [true_value("reverse KL = KL(q‖p)", answer.kl, answer.kl_from), *said]
        if said:
            yield "  ".join(filter(None, [parameters_text(answer.case.parameters), " · ".join(said)]))


def _table(answers: Sequence[Answer], within: float) -> Tables:
    from klbench.report.answers import summary
    from klbench.report.table import Tables

    return Tables(summary(answers, within))


def _stops(spec: Spec, answers: Sequence[Answer]) -> Iterator[str]:
    """How many samples each case of a run to a precision takes, by the exact noise."""
    from klbench.report.numbers import parameters_text

    if spec.precision is not None:
        for answer in answers:
            where = f"{parameters_text(answer.case.parameters)}: " if answer.case.parameters else ""
            yield from (where + said for said in _stop(spec, spec.precision, answer.lines))


def _stop(spec: Spec, precision: float, lines: Sequence[Known]) -> Iterator[str]:
    from klbench.measure.stopping import samples_at_stop
    from klbench.problems.problem import BLOCK
    from klbench.wording import counted

    needed = {line.called: line.samples_to(precision) for line in lines}
    known = {name: count for name, count in needed.items() if not isnan(count)}
    if known:
        slowest = max(known, key=lambda name: known[name])
        if known[slowest] > spec.samples:
            most = counted(spec.samples, "sample")
            yield f"the precision {precision:g} is not reached with {most}: {slowest} needs about {known[slowest]:.1e}"
        else:
            taken = samples_at_stop(known[slowest], BLOCK["cpu"], spec.samples)
            yield f"the precision {precision:g} takes about {counted(taken, 'sample')}, for {slowest}"
    if unknown := [name for name in needed if name not in known]:
        yield f"how many samples the precision {precision:g} takes is not known for {', '.join(unknown)}"


def _crossings(spec: Spec, pair: AnyPairSpec, answers: Sequence[Answer]) -> Iterator[str]:
    from klbench.measure.crossings import crossings, noise
    from klbench.spec.data_pair import DataPair
    from klbench.wording import counted

    if len(pair.grid) != 1 or isinstance(pair, DataPair):
        return
    points = [
        (next(iter(answer.case.parameters.values())), {line.called: line for line in answer.lines})
        for answer in answers
    ]
    of_noise = list(crossings(spec, pair, points, noise))
    yield from (crossing.sentence("noise") for crossing in of_noise)
    for crossing in crossings(spec, pair, points, lambda line: line.error(spec.samples)):
        if not any(crossing.is_at(other) for other in of_noise):  # without a bias the error is the noise
            yield crossing.sentence(f"error with {counted(spec.samples, 'sample')}")


def _legend(spec: Spec, within: float) -> Iterator[str]:
    from klbench.estimators.vocabulary import FULL_PRECISION

    yield "bias and stdev are of one sample, exact, in units of the true value."
    yield (
        f"samples for {100 * within:g} %: so many that √(bias² + stdev²/n) is at most {100 * within:g} % of the true "
        "value; --within changes it."
    )
    lower = [dtype for dtype in spec.dtype if dtype != FULL_PRECISION]
    if lower:
        yield f"In float64: rounding to {', '.join(lower)} comes on top, and klbench run measures it."


def _about(tables: Sequence[Tables]) -> Iterator[str]:
    """What a dash means where there is one, and which columns the terminal has no room for."""
    import sys

    from klbench.report.console import console_for
    from klbench.report.elsewhere import left_out
    from klbench.report.fields import NO_NUMBER
    from klbench.report.legend import columns
    from klbench.report.narrow import spelled
    from klbench.wording import joined

    width, encoding = console_for(sys.stdout).width, sys.stdout.encoding or "utf-8"
    charts = [chart for table in tables for chart in table.summary.charts]
    if any(column.shows(NO_NUMBER) for chart in charts for column in columns(chart, width, encoding)):
        yield NO_NUMBER.sentence
    hidden = dict.fromkeys(header for chart in charts for header in left_out(spelled(chart, encoding), width))
    if hidden:
        yield f"not shown, because the terminal is too narrow: {joined([*hidden])}. --format csv has all."


def _cost(spec: Spec, answered: Sequence[tuple[Case, float]]) -> str:
    """``klbench run takes about 2.3 s and 350 MiB of memory on 2 cores, measured on 524,288 draws.``"""
    from klbench.engines.threads import Threads
    from klbench.measure.cost import cost
    from klbench.measure.setting import Machine
    from klbench.report.numbers import seconds
    from klbench.runner import available_cores, resolve_device
    from klbench.wording import counted, joined

    if spec.checkpoints():
        return "What klbench run takes is not known: only klbench run loads the checkpoints."
    machine = Machine(resolve_device("auto"), Threads(available_cores()))
    estimate = cost(spec, answered, machine)
    if estimate is None:
        return "What klbench run takes is not known: only klbench run imports your own functions."
    on = counted(machine.engine.workers, "core") if machine.device.type == "cpu" else str(machine.device)
    memory = "" if estimate.memory is None else f" and {estimate.memory / 2**20:,.0f} MiB of memory"
    without = f", without {joined(estimate.left_out)}" if estimate.left_out else ""
    took, drawn = seconds(max(estimate.seconds, _SHORTEST)), counted(estimate.draws, "draw")
    most = "" if spec.precision is None else "at most "
    return f"klbench run takes {most}about {took}{memory} on {on}, measured on {drawn} of other streams{without}."
