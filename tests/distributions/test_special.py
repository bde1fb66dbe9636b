"""The special functions that densities and scores rest on, against mpmath."""

from collections.abc import Callable

import pytest
import torch
from mpmath import mp, mpf
from torch import Tensor

from klbench.distributions.special import digamma_rest, digamma_step, langevin, second_order_log1p

POSITIVE = (1e-300, 1e-9, 1e-3, 0.1, 0.4999, 0.5, 1.0, 3.0, 15.9, 16.0, 100.0, 1e6, 1e12)


def exact_rest(n: mpf) -> mpf:
    return mp.digamma(n) - mp.log(n) + 1 / (2 * n)


def exact_second_order(w: mpf) -> mpf:
    return (mp.log1p(w) - w) / w**2


def exact_langevin(y: mpf) -> mpf:
    return mp.coth(y) - 1 / y


@pytest.mark.parametrize(
    ("function", "exact", "relative"),
    [(second_order_log1p, exact_second_order, 1e-14), (langevin, exact_langevin, 1e-12)],
)
@pytest.mark.parametrize("x", POSITIVE[1:])
def test_differences_of_large_terms_keep_their_digits(
    function: Callable[[Tensor], Tensor], exact: Callable[[mpf], mpf], relative: float, x: float
) -> None:
    with mp.workdps(80):
        wanted = float(exact(mpf(x)))
    assert float(function(torch.tensor(x, dtype=torch.float64))) == pytest.approx(wanted, rel=relative, abs=0)


@pytest.mark.parametrize("n", POSITIVE[2:])
def test_the_rest_of_digamma_is_right_beside_its_leading_terms(n: float) -> None:
    with mp.workdps(80):
        wanted = float(exact_rest(mpf(n)))
    found = float(digamma_rest(torch.tensor(n, dtype=torch.float64)))
    size = abs(wanted) if n >= 16 else abs(float(mp.digamma(n))) + 1 / n
    assert abs(found - wanted) <= 1e-14 * size


@pytest.mark.parametrize("step", [1e-6, 0.5, 2.0, 1e5])
@pytest.mark.parametrize("n", [0.01, 2.0, 1e3, 1e6, 1e12])
def test_a_step_of_digamma_keeps_its_digits_where_it_is_small(n: float, step: float) -> None:
    with mp.workdps(80):
        wanted = float(mp.digamma(mpf(n) + mpf(step)) - mp.digamma(mpf(n)))
    found = float(digamma_step(*(torch.tensor(each, dtype=torch.float64) for each in (n, step))))
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-14 / min(n, 1) if n < 16 else 0)


def test_the_second_order_of_log1p_is_minus_a_half_at_0() -> None:
    assert float(second_order_log1p(torch.zeros((), dtype=torch.float64))) == -0.5
