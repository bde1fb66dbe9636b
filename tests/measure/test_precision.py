"""What low precision does to values and gradients: the columns of rounding against the same computed by hand.

By hand: log-probabilities of every category rounded to the type, the estimator's operations in it one by one, averaged
over the categories as they were drawn; components tell how often each was.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text
from tests.measure.gradient_run import gradient_case, rows_of

LOW = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
EVERY = "dtype: [float64, float32, bfloat16, float16]"
COIN = ("Bernoulli(0.3)", "Bernoulli(0.42)")


def k3(log_ratio: torch.Tensor) -> torch.Tensor:
    return log_ratio.exp() - log_ratio - 1


def by_hand(dtype: torch.dtype) -> tuple[np.ndarray, np.ndarray]:
    """(k, dk/d log q) of TRL's k3 at x = 0 and x = 1 of the coin, in this precision."""
    log_q, log_p = (torch.tensor([1 - p, p], dtype=torch.float64).log().to(dtype) for p in (0.3, 0.42))
    log_q.requires_grad_()
    value = k3(log_p - log_q)
    value.sum().backward()
    assert log_q.grad is not None
    return value.detach().double().numpy(), log_q.grad.double().numpy()


def values(estimators: str, q: str, p: str, *, samples: int = 50_000) -> dict[tuple[str, str], Row]:
    head = f"name: v\nsamples: {samples}\n{EVERY}\nestimators: {estimators}\n"
    rows = run(read_text(f"{head}pairs: [{{q: '{q}', p: '{p}'}}]\n"), device="cpu", threads=1).cases[0].rows
    return {(row.estimator, row.dtype): row for row in rows if not row.is_gradient}


def gradients(estimators: str, q: str, p: str, sampler: str | None = None, placement: str = "loss") -> list[Row]:
    more = f"{EVERY}\nplacements: [{placement}]"
    return rows_of(gradient_case(q, p, sampler, estimators=estimators, more=more, samples=50_000))


@pytest.mark.parametrize("dtype", LOW)
def test_the_rounding_of_a_value_is_what_the_type_does(dtype: str) -> None:
    rows = values('["trl:grpo"]', *COIN)
    exact, low = by_hand(torch.float64)[0], by_hand(LOW[dtype])[0]
    off, row, reference = low - exact, rows["trl:grpo", dtype], rows["trl:grpo", "float64"]
    share = (reference.mean - exact[0]) / (exact[1] - exact[0])  # of the draws that are 1
    assert row.rounding_over_true * row.true == pytest.approx((1 - share) * off[0] + share * off[1], rel=1e-6)
    assert row.mean - reference.mean == pytest.approx(row.rounding_over_true * row.true, rel=1e-6)
    assert math.isnan(reference.rounding_over_true)


@pytest.mark.parametrize("placement", ["loss", "reward"])
@pytest.mark.parametrize("dtype", LOW)
def test_the_rounding_of_a_gradient_is_what_the_type_does(dtype: str, placement: str) -> None:
    rows = {row.dtype: row for row in gradients('["trl:grpo"]', *COIN, placement=placement)}
    which = 1 if placement == "loss" else 0
    score = np.array([-1 / 0.7, 1 / 0.3])
    exact, low = by_hand(torch.float64)[which] * score, by_hand(LOW[dtype])[which] * score
    reference, row = rows["float64"], rows[dtype]
    assert reference.components is not None
    assert row.components is not None
    share = (reference.components.mean[0] - exact[0]) / (exact[1] - exact[0])
    expected = (1 - share) * low[0] + share * low[1]
    assert row.components.mean[0] == pytest.approx(expected, rel=1e-9)
    off = expected - reference.components.mean[0]
    spread = row.rounding_over_true_mcse * row.true_norm
    # the length is given free of its noise: of one component, its square less the variance of the mean
    assert row.rounding_over_true * row.true_norm == pytest.approx(abs(off), abs=spread)
    assert math.isnan(reference.rounding_over_true)
    assert row.exact_bias_over_true == reference.exact_bias_over_true


def test_k3_by_exp_minus_1_cancels_in_float32_near_r_equal_1_and_expm1_does_not() -> None:
    """log r is about 1e-4 and k3 5e-9, less than a unit in the last place of 1, 6e-8."""
    rows = values('["trl:grpo", k3]', "N(0, 1)", "N(1e-4, 1)")
    cancelled, kept = rows["trl:grpo", "float32"], rows["k3", "float32"]
    # exp(l) − l is 1 to the last digit for nearly every draw: the value is 0, and with it goes all of the KL
    assert cancelled.rounding_over_true < -0.5
    # what is left is the rounding of the two log-probabilities, 1e-7 of 1e-4
    assert abs(kept.rounding_over_true) < 0.01
    assert rows["trl:grpo", "bfloat16"].mean == pytest.approx(0, abs=1e-2)


def test_float64_truth_is_what_every_precision_is_held_to() -> None:
    rows = values("[k2]", "N(0, 1)", "N(0.5, 1)")
    assert len({row.exact_bias_over_true for row in rows.values()}) == 1
    assert len({row.true for row in rows.values()}) == 1


# a stale policy's sampler shows a token the new one has all but lost: log r = 18 at its peak, past float16's exp
LOST = ("N(0, 1)", "N(6, 1)", "N(6, 1)")


@pytest.mark.parametrize("name", ["verl@0.4:low_var_kl", "roll:k3"])
def test_a_clamp_after_exp_gives_nan_gradients_once_exp_overflows_and_they_are_counted(name: str) -> None:
    found = {(row.estimator, row.dtype): row for row in gradients(f'["{name}", "verl:low_var_kl"]', *LOST)}
    # exp overflows beyond log 65504 = 11.09 in float16; log r = 6x − 18, x ~ N(6, 1)
    share = 0.5 * math.erfc(((11.09 + 18) / 6 - 6) / math.sqrt(2))
    expected, spread = 50_000 * share, math.sqrt(50_000 * share * (1 - share))
    overflowed = found[name, "float16"]
    # rounding log p and log q to float16 moves the edge by less than 0.02 of log r; 6 standard deviations, 1 in 1e9
    assert overflowed.nonfinite == pytest.approx(expected, abs=6 * spread + 50_000 * 0.02 / 6 * 0.4)
    assert math.isnan(overflowed.bias_over_true)
    assert found[name, "float64"].nonfinite == 0
    assert found[name, "bfloat16"].nonfinite == 0


def test_a_clamp_before_exp_still_overflows_in_float16() -> None:
    """±20 is too wide for it: exp(20) is 4.9e8, and the clamp of the value that follows makes NaN of it too."""
    (row,) = [row for row in gradients('["verl:low_var_kl"]', *LOST) if row.dtype == "float16"]
    assert row.nonfinite > 0


def test_exp_overflows_in_float32_where_log_r_passes_89() -> None:
    far = ("N(0, 1)", "N(15, 1)", "N(15, 1)")
    found = {(row.estimator, row.dtype): row for row in gradients('["verl@0.4:low_var_kl", "verl:low_var_kl"]', *far)}
    # log r = 15x − 112.5 at x ~ N(15, 1), beyond 88.72
    share = 0.5 * math.erfc(((88.72 + 112.5) / 15 - 15) / math.sqrt(2))
    spread = math.sqrt(50_000 * share * (1 - share))
    assert found["verl@0.4:low_var_kl", "float32"].nonfinite == pytest.approx(50_000 * share, abs=6 * spread + 5)
    assert found["verl:low_var_kl", "float32"].nonfinite == 0
    assert found["verl@0.4:low_var_kl", "float64"].nonfinite == 0


def test_nonfinite_gradients_are_told_in_a_note() -> None:
    more = "dtype: float16\nplacements: [loss]"
    case = gradient_case(*LOST, estimators='["verl@0.4:low_var_kl"]', more=more)
    assert any("infinite or NaN" in note and "float16" in note for note in case.notes)
