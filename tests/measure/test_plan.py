"""The plan of a case: small, it pickles, and whoever measures its blocks gets the same bytes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context

import pytest
import torch
from torch import Tensor

from klbench.measure.asked import imported, settled
from klbench.measure.plan import Pass, Plan
from klbench.measure.setting import Setting
from klbench.measure.values import Values
from klbench.measure.worker import measure_blocks
from klbench.problems.pair import Pair
from klbench.problems.problem import BLOCK
from klbench.spec.read import read_text
from klbench.stats.tail import Largest
from tests.engines.measured import measured, merged_by

SAMPLES = 2 * BLOCK["cpu"] + 1000
HEAD = f"name: plan\nsamples: {SAMPLES}\n"
SPECS = {
    "values": "estimators: [k1, k3, k1_cv(optimal), 'verl:low_var_kl']\ndtype: [float64, bfloat16]\n"
    "pairs: [{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}]",
    "stale values": "estimators: ['ratio*k2', 'ratio*k3']\n"
    "pairs: [{q: 'Gamma(2, 1)', p: 'Gamma(3, 1)', sampler: 'Gamma(2, 0.9)'}]",
    "counted": "measure: gradient\nestimators: [k2, k3]\n"
    "pairs: [{q: 'Categorical([0.2, 0.8])', p: 'Categorical([0.5, 0.5])'}]",
    "summed": "measure: gradient\nestimators: [k1, k3]\ndtype: [float64, float32]\n"
    "pairs: [{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}]",
    "batches": "measure: gradient\nestimators: [k1]\nplacements: [loss, reward]\nbaseline: leave-one-out\nbatch: 48\n"
    "pairs: [{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}]",
    "both": "measure: [value, gradient]\nestimators: [k1, k3]\npairs: [{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}]",
}


def planned(text: str) -> tuple[Plan, tuple[Pass, ...]]:
    """The plan of a spec's one case with all that its workers need, and what a run draws."""
    spec = read_text(HEAD + text)
    (case,) = spec.cases()
    setting = Setting.of(spec, case, torch.device("cpu"))
    kinds = setting.plan.kinds(setting.pair, setting.estimators)
    values = [kind for kind in kinds if isinstance(kind, Values)]
    plan = replace(setting.plan, shift=values[0].shift(setting.problem) if values else None)
    return plan, tuple(drawn for kind in kinds for drawn in kind.passes(setting.problem))


def numbers(left: object) -> Iterator[Tensor | float]:
    """Every number and tensor in what blocks leave behind, but the tails.

    How many of the largest are at hand, and the bound below which none is kept, depend on what was seen when.
    """
    if isinstance(left, Largest):
        return
    if isinstance(left, Tensor | int | float):
        yield left
    elif isinstance(left, tuple):
        for each in left:
            yield from numbers(each)
    else:
        for field in fields(left):  # type: ignore[arg-type]
            yield from numbers(getattr(left, field.name))


@pytest.mark.parametrize("name", SPECS)
def test_blocks_measured_in_another_process_give_the_same_bytes(name: str) -> None:
    plan, passes = planned(SPECS[name])
    with ProcessPoolExecutor(1, get_context("spawn")) as others:
        for index, drawn in enumerate(passes):
            here = list(measured(drawn.blocks, 2))[-1].left
            parts = others.submit(measure_blocks, plan, ".", index, range(len(drawn.blocks)), whole=False).result()
            there = merged_by(parts)
            sampled = [drawn.blocks.accumulator.sampled(left, 0) for left in (here, there)]
            assert repr(sampled[0].noise) == repr(sampled[1].noise)
            assert repr(sampled[0].khat) == repr(sampled[1].khat)
            sums = [list(numbers(left)) for left in (here, there)]
            assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(*sums, strict=True))


@pytest.mark.parametrize("name", SPECS)
def test_a_plan_is_small_and_one_with_what_it_was(name: str) -> None:
    plan, _ = planned(SPECS[name])
    pickled = pickle.dumps(plan)
    assert len(pickled) < 4096
    assert pickle.loads(pickled) == plan


def test_what_was_fitted_travels() -> None:
    plan, _ = planned(SPECS["values"])
    coefficients = dict(plan.estimators)
    assert coefficients["k1_cv(optimal)"] is not None
    estimators = settled(imported(coefficients), coefficients)
    x = Pair.build(plan).block(plan.seed, 0)(10)
    at = Pair.build(plan).log_probs(x)
    r = at.log_ratio.exp()
    expected = -at.log_ratio + coefficients["k1_cv(optimal)"] * (r - 1)
    torch.testing.assert_close(estimators["k1_cv(optimal)"].term.values(at), expected, rtol=1e-12, atol=1e-12)


def test_both_measures_give_what_each_alone_gives() -> None:
    from klbench.runner import run

    head = "name: b\nsamples: 30_000\n{}estimators: [k1, k3]\npairs: [{{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}}]"
    both, values, gradients = (
        run(read_text(head.format(f"measure: {measure}\n")), device="cpu", threads=1).cases[0].rows
        for measure in ("[value, gradient]", "value", "gradient")
    )
    assert repr(both[: len(values)]) == repr(values)
    assert [replace(row, components=None) for row in both[len(values) :]] == [
        replace(row, components=None) for row in gradients
    ] or repr(both[len(values) :]) == repr(gradients)
