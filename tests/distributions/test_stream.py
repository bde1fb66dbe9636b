"""Streams: the same bytes for the same number, whatever runs beside them, and draws with the right law."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import pytest
import torch
from scipy import stats
from torch import Tensor

from klbench.distributions.stream import Stream, stream_for
from tests.distributions.examples import STREAMS

ALPHA = 1e-6
"""The failure rate of each statistical test here, over random seeds; the seeds are fixed and were not chosen."""
COUNT = 20_000


def scalar(x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


PRIMITIVES: dict[str, tuple[Callable[[Stream], Tensor], object]] = {
    "uniform": (lambda s: s.uniform(COUNT), stats.uniform()),
    "normal": (lambda s: s.normal(COUNT), stats.norm()),
    "exponential": (lambda s: s.exponential(COUNT), stats.expon()),
    "gamma": (lambda s: s.gamma(scalar(2.5), COUNT), stats.gamma(2.5)),
    "gamma below 1": (lambda s: s.gamma(scalar(0.3), COUNT), stats.gamma(0.3)),
    "log_gamma": (lambda s: s.log_gamma(scalar(0.3), COUNT).exp(), stats.gamma(0.3)),
    "beta": (lambda s: s.beta(scalar(0.7), scalar(3.0), COUNT), stats.beta(0.7, 3)),
    "von_mises": (lambda s: s.von_mises(scalar(2.0), COUNT), stats.vonmises(2)),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_has_its_law(name: str, kind: str) -> None:
    draw, law = PRIMITIVES[name]
    drawn = draw(STREAMS[kind]())
    assert drawn.dtype == torch.float64
    assert stats.kstest(drawn.numpy(), law.cdf).pvalue > ALPHA  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", STREAMS)
def test_counts_have_their_law(kind: str) -> None:
    stream = STREAMS[kind]()
    for drawn, law in (
        (stream.poisson(scalar(7.0), COUNT), stats.poisson(7)),
        (stream.binomial(scalar(20.0), scalar(0.3), COUNT), stats.binom(20, 0.3)),
    ):
        z = (float(drawn.mean()) - law.mean()) / (law.std() / sqrt(COUNT))
        assert abs(z) < stats.norm.isf(ALPHA / 2)


def bytes_of(seed: int, key: bytes, block: int) -> bytes:
    return stream_for(seed, key, block).normal(1000).numpy().tobytes()


def test_a_stream_is_known_by_seed_key_and_block() -> None:
    asked = [(seed, key, block) for seed in (0, 1, -1) for key in (b"", b"a") for block in (0, 1, 2**40)]
    drawn = [bytes_of(*numbers) for numbers in asked]
    assert drawn == [bytes_of(*numbers) for numbers in asked]
    assert len(set(drawn)) == len(asked)


def test_threads_change_no_byte() -> None:
    alone = [bytes_of(7, b"case", block) for block in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda block: bytes_of(7, b"case", block), range(16))) == alone


def test_the_global_generators_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    for stream in (make() for make in STREAMS.values()):
        stream.gamma(scalar(2.0), 10)
        stream.poisson(scalar(2.0), 10)
    assert torch.equal(before, torch.random.get_rng_state())


def test_long_seeds_and_keys_are_allowed() -> None:
    assert bytes_of(10**100, b"k" * 1000, 0) != bytes_of(10**100 + 1, b"k" * 1000, 0)
