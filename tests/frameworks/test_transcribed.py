"""Every name, in every release asked for, equals the framework's code to the bit, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry
from tests.frameworks.names import NAMES
from tests.frameworks.transcribed import EARLIER, PLAIN, Transcribed

_SIZES = [1e-9, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.3, 0.5, 1.0, 2.5, 2.7, 4.4, 4.5, 9.9, 10.1, 11.1, 19.9, 20.0, 20.1]
_SIZES += [40.1, 87.0, 88.5, 89.0, 100.0]
LOG_RATIOS = [0.0, *_SIZES, *(-size for size in _SIZES)]
LEVELS = [-0.01, -2.3, -120.0]
LOG_WEIGHTS = [0.0, -3.0, -0.5, 0.6, 0.8, 3.0]

EVERY = [
    *(f"{entry.framework}:{name}" for entry in catalogue.entries() for name in entry.names if not entry.until),
    *(entry.qualified for entry in catalogue.entries() if entry.until),
]


def points(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """918 of them: (log_q, log_p, log_sampler), each [n]."""
    grids = (torch.tensor(each, dtype=torch.float64) for each in (LEVELS, LOG_RATIOS, LOG_WEIGHTS))
    log_q, log_ratio, log_weight = torch.cartesian_prod(*grids).unbind(1)
    return log_q.to(dtype), (log_q + log_ratio).to(dtype), (log_q - log_weight).to(dtype)


def differentiated(code: Transcribed, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    log_q, log_p, log_sampler = points(dtype)
    leaf = log_q.clone().requires_grad_()
    values = code(leaf, log_p, log_sampler)
    (slope,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach(), slope


def as_put(entry: Entry) -> Transcribed:
    """An entry with the weight that multiplies it last."""

    def value(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        values = entry.value(log_q, log_p, log_sampler)
        weight = (log_q - log_sampler).exp()
        match entry.weighting:
            case "ratio" | "ratio-geometric":  # of one token they are the same
                return weight * values
            case "detached":
                return weight.detach() * values
            case _:
                return values

    return value


def code_of(entry: Entry, name: str) -> Transcribed:
    return EARLIER.get(entry.qualified) or PLAIN[entry.framework][name]


def equal_bits(found: Tensor, expected: Tensor) -> bool:
    """The same number, infinite or NaN where the other is."""
    return bool(((found == expected) | (found.isnan() & expected.isnan())).all()) and found.dtype == expected.dtype


def test_there_are_918_points() -> None:
    assert len(points(torch.float64)[0]) == 918


@pytest.mark.parametrize("name", sorted({*NAMES, *EVERY}))
def test_a_name_is_the_code_of_its_release_to_the_bit(name: str) -> None:
    entry = catalogue.find(name)
    code = code_of(entry, name.partition(":")[2])
    # exp overflows in float32 at the farthest points: there a clamp before it shows, and a cast in bfloat16
    dtypes = [torch.float64, torch.float32, *([torch.bfloat16] if entry.cast else [])]
    for dtype in dtypes:
        for found, expected in zip(differentiated(as_put(entry), dtype), differentiated(code, dtype), strict=True):
            assert equal_bits(found, expected), dtype


def test_every_entry_is_transcribed_and_nothing_else_is() -> None:
    earlier = {entry.qualified for entry in catalogue.entries() if entry.until and entry.qualified in EARLIER}
    assert earlier == set(EARLIER)
    named = {(entry.framework, name) for entry in catalogue.entries() for name in entry.names}
    assert named <= {(framework, name) for framework, codes in PLAIN.items() for name in codes}
    assert set(PLAIN) == set(catalogue.frameworks())


def test_an_infinite_log_ratio_is_what_the_code_makes_of_it() -> None:
    for name in ("labs-molt:k1", "labs-molt:k3", "miles:low_var_kl", "miles:low_var_kl_unbiased", "verl:low_var_kl"):
        entry = catalogue.find(name)
        code = code_of(entry, name.partition(":")[2])
        log_q = torch.tensor([-1.0, -1.0, -torch.inf], dtype=torch.float64)
        log_p = torch.tensor([-torch.inf, -2.0, -torch.inf], dtype=torch.float64)
        log_sampler = torch.full((3,), -1.0, dtype=torch.float64)
        assert equal_bits(entry.value(log_q, log_p, log_sampler), code(log_q, log_p, log_sampler)), name
