"""What the specs about training show: gradients, stale samples, clamps, precisions, frameworks; two sentences each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast

import torch
from compact import EXACT_BIAS, EXACT_COSINE, EXACT_STDEV, FOLLOWS, ROUNDED, Cells
from story import Story, case_of

from klbench.estimators.catalogue import find
from klbench.measure.setting import Setting
from klbench.measure.setting_notes import clamp_share
from klbench.report.fields import PLACEMENT
from klbench.report.numbers import measured
from klbench.results import Results
from klbench.row import Row
from klbench.wording import percent


def _gradient(results: Results, pair: str, estimator: str, place: str, **parameters: float) -> Row:
    rows = case_of(results, pair, **parameters).rows
    return next(row for row in rows if (row.estimator, PLACEMENT.show(row)) == (estimator, place))


def _in(results: Results, pair: str, estimator: str, dtype: str, **parameters: float) -> Row:
    rows = case_of(results, pair, **parameters).rows
    return next(row for row in rows if (row.estimator, row.dtype) == (estimator, dtype))


def gradients(results: Results) -> str:
    """The table of what is descended."""
    loss, reward = (
        {name: _gradient(results, "Gaussians", name, place).follows for name in results.spec.estimators}
        for place in ("loss", "reward")
    )
    k1, k3 = (_gradient(results, "Gaussians", name, "loss × ratio") for name in ("k1", "k3"))
    return (
        f"As a loss k1 descends {'nothing' if loss['k1'] == '0' else loss['k1']}, k2 {loss['k2']}, k3 {loss['k3']} and "
        f"k3 upside-down {loss['trlx:mean_kl']}; in the reward it is k1 that descends {reward['k1']}, and k3 descends "
        f"the difference {reward['k3']}. Times a differentiable ratio the unbiased ones descend {k3.follows} from "
        "stale samples as well, though not with the same noise: on-policy "
        f"{k1.exact_stdev_over_true:.3g} times the gradient for k1, {k3.exact_stdev_over_true:.3g} for k3."
    )


def stale(results: Results) -> str:
    """Weights, and what they cost."""
    k1, k2 = (_gradient(results, "stale", name, "loss", shift=0.1) for name in ("k1", "k2"))
    noise = [
        _gradient(results, "stale", "k3", "loss × ratio", shift=shift).exact_stdev_over_true for shift in (0, 0.25, 1.5)
    ]
    return (
        f"Samples a tenth of a standard deviation old put k2's loss {k2.exact_bias_over_true:.0%} off without a "
        f"weight, and k1's, which descends nothing on fresh ones, pushes away from the reference (cosine "
        f"{k1.exact_cosine:.2f}). k2 × detached and k3 × ratio, one gradient under two names, stay exact at any shift, "
        f"for a noise of {noise[0]:.3g} times the gradient on-policy, {noise[1]:.3g} at 0.25 and {noise[2]:.3g} at 1.5."
    )


def _held(results: Results, pair: str, estimator: str, **parameters: float) -> float:
    """The share of samples that a clamp is active, exactly."""
    setting = Setting.of(results.spec, case_of(results, pair, **parameters).case, torch.device("cpu"))
    share = clamp_share(find(estimator), setting)
    return share.value if share else 0.0


def clamps(results: Results) -> str:
    """What a clamp leaves."""
    k2 = _gradient(results, "drifted", "openrlhf:k2", "loss", distance=4)
    held = _held(results, "drifted", "openrlhf:k2", distance=4)
    k3 = _gradient(results, "drifted", "verl:low_var_kl", "loss", distance=5)
    lost, free = (
        _gradient(results, "token lost", name, "loss", lead=6) for name in ("verl:low_var_kl", "verl:low_var_kl+")
    )
    return (
        f"Four standard deviations from the reference, the clamp of k2's value holds {held:.0%} of the "
        "samples, and what it leaves pushes the policy "
        f"further away (cosine {k2.exact_cosine:.3f}); that of k3's does at five ({k3.exact_cosine:.2f}). Where the "
        f"policy has lost tokens that the reference holds likely, a clamped k3 is {lost.exact_bias_over_true:.0%} "
        f"short of the gradient with a noise of {lost.exact_stdev_over_true:.1g} of it, calm and dead; verl's name "
        f"with a + is exact, at {free.exact_stdev_over_true:.2g} times the gradient as noise."
    )


def precision(results: Results) -> str:
    """What cancellation does to k3."""
    half, near, single = (
        _in(results, "shift", "trl:grpo", dtype, mu=mu)
        for dtype, mu in (("bfloat16", 0.0141421356237310), ("bfloat16", 0.1), ("float32", 0.000141421356237310))
    )
    stable = _in(results, "shift", "k3", "float32", mu=0.000141421356237310)
    return (
        f"k3 as nearly everyone ships it, exp(l) − 1 − l, has a mean of {cast(Row, half).mean:g} in bfloat16 at a KL "
        f"of 1e-4, {near.rounding_over_true:+.0%} at 0.005, and in float32 {single.rounding_over_true:+.0%} at 1e-8: "
        "it cancels. Written expm1(l) − l it loses "
        f"{measured(stable.rounding_over_true, stable.rounding_over_true_mcse)} there, and from a KL of 0.5 on nobody "
        "sees a difference."
    )


def precision_gradient(results: Results) -> str:
    """Where exp overflows."""
    close = _in(results, "close", "roll:k3", "bfloat16")
    verl = _in(results, "token lost", "verl:low_var_kl", "float16")
    cast_first = _in(results, "token lost", "openrlhf:k3", "float16")
    late = _in(results, "drifted far, stale", "roll:k3", "float32")
    return (
        f"The gradient of k3 survives what its value does not: {close.rounding_over_true:.0%} off in bfloat16 at a KL "
        f"of 1e-4. But exp overflows, in float16 at a log ratio of 11 and before the clamp at 20 can help: "
        f"{verl.nonfinite} of {verl.samples:,} gradients are NaN, {cast_first.nonfinite or 'none'} of those that are "
        f"cast to float32 first, and {percent(late.nonfinite / late.samples)} of a stale sampler's in float32 where "
        "only the value is clamped."
    )


def frameworks(results: Results) -> str:
    """What is shipped."""
    follows = {pair: Counter(row.follows for row in case_of(results, pair).rows) for pair in ("on-policy", "stale")}
    fresh, weighted, total = follows["on-policy"], follows["stale"]["KL(q‖p)"], len(results.spec.estimators)
    return (
        f"Of {total} penalties as they are shipped, on-policy {fresh['KL(q‖p)']} descend the reverse KL, "
        f"{fresh['KL(p‖q)']} the forward KL and {fresh['0']} nothing at all. From stale samples {weighted} still "
        "descend the reverse KL, those with a weight q/sampler, and the rest nothing that has a name."
    )


_LOOK = "cosine: of the angle between the mean gradient and the true one, -1 straight away from the reference"
_ABOVE = "In a cell bias/true above, {below} below, both exact"

OF_TRAINING: Mapping[str, Story] = {
    "gradients": Story(
        gradients, Cells((FOLLOWS,), PLACEMENT.show, "In a cell what is followed; bold: what it should be.")
    ),
    "stale": Story(stale, Cells((EXACT_BIAS, EXACT_STDEV), says=_ABOVE.format(below="stdev/true") + ".")),
    "clamps": Story(clamps, Cells((EXACT_BIAS, EXACT_COSINE), says=_ABOVE.format(below="the cosine") + f". {_LOOK}.")),
    "precision": Story(
        precision,
        Cells((ROUNDED,), says="In a cell how much of bias/true is rounding, next to float64 on the same draws."),
    ),
    "precision_gradient": Story(
        precision_gradient,
        Cells(
            (ROUNDED,),
            lambda row: row.dtype,
            "In a cell how much of bias/true is rounding, or how many of two million gradients are infinite or NaN.",
        ),
    ),
    "frameworks": Story(frameworks, Cells((FOLLOWS, EXACT_BIAS), says="In a cell what is followed, and bias/true.")),
}
"""In the order of the page."""
