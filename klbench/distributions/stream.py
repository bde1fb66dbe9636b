"""Numbered streams of random numbers: the primitive draws that every family's draw is made of.

A stream is known by a seed, a key (what is being measured) and a block's number. The same three give the same bytes,
whatever ran before and however many threads run beside it; different ones give independent streams (NumPy's
``SeedSequence``). No global generator is read or written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

# The nearest to 0 that a draw from (0, 1) or (0, inf) may come: half the step of a 53-bit uniform.
SMALLEST = 2.0**-54
# Above this NumPy refuses a Poisson rate; float64 holds no odd integer there anyway.
LARGEST_RATE = 9e18


class Stream(ABC):
    """One numbered random stream on one device. All draws are float64 tensors, whole numbers included."""

    device: torch.device

    @abstractmethod
    def uniform(self, *shape: int) -> Tensor:
        """Uniform on the open interval (0, 1)."""

    @abstractmethod
    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""

    @abstractmethod
    def exponential(self, *shape: int) -> Tensor:
        """Exponential of rate 1, never 0."""

    @abstractmethod
    def gamma(self, concentration: Tensor, *shape: int) -> Tensor:
        """Gamma of rate 1; ``concentration`` broadcasts to ``shape``. Underflows to 0 where it is small."""

    @abstractmethod
    def poisson(self, rate: Tensor, *shape: int) -> Tensor:
        """Poisson; ``rate`` broadcasts to ``shape``."""

    @abstractmethod
    def binomial(self, total_count: Tensor, probs: Tensor, *shape: int) -> Tensor:
        """Binomial; both arguments broadcast to ``shape``."""

    @abstractmethod
    def von_mises(self, concentration: Tensor, *shape: int) -> Tensor:
        """Von Mises about 0, in [-π, π]."""

    def log_gamma(self, concentration: Tensor, *shape: int) -> Tensor:
        """The logarithm of a gamma draw, finite however small the concentration: G(a) = G(a + 1) U^(1/a)."""
        # log U = −E: an exponential has all digits of a U near 0, and needs no logarithm
        return self.gamma(concentration + 1, *shape).log_().sub_(self.exponential(*shape).div_(concentration))

    def beta(self, concentration1: Tensor, concentration0: Tensor, *shape: int) -> Tensor:
        """Beta, by the ratio of two gammas in logarithms; may round to 0 or 1."""
        # a/(a + b) = sigmoid(log a − log b): the gammas themselves may both underflow to 0
        return self.log_gamma(concentration1, *shape).sub_(self.log_gamma(concentration0, *shape)).sigmoid_()


class HostStream(Stream):
    """A stream of NumPy's SFC64, the fastest of its generators; it releases the interpreter lock while drawing."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self.device = torch.device("cpu")
        self._random = np.random.Generator(np.random.SFC64(sequence))

    def uniform(self, *shape: int) -> Tensor:
        """See ``Stream.uniform``."""
        # NumPy's uniform may be 0, whose logarithm is infinite
        return torch.from_numpy(self._random.random(shape)).clamp_(min=SMALLEST)

    def normal(self, *shape: int) -> Tensor:
        """See ``Stream.normal``."""
        return torch.from_numpy(self._random.standard_normal(shape))

    def exponential(self, *shape: int) -> Tensor:
        """See ``Stream.exponential``."""
        return torch.from_numpy(self._random.standard_exponential(shape)).clamp_(min=SMALLEST)

    def gamma(self, concentration: Tensor, *shape: int) -> Tensor:
        """See ``Stream.gamma``."""
        return torch.from_numpy(self._random.standard_gamma(concentration.numpy(), shape))

    def poisson(self, rate: Tensor, *shape: int) -> Tensor:
        """See ``Stream.poisson``."""
        return torch.from_numpy(self._random.poisson(rate.clamp(max=LARGEST_RATE).numpy(), shape)).double()

    def binomial(self, total_count: Tensor, probs: Tensor, *shape: int) -> Tensor:
        """See ``Stream.binomial``."""
        return torch.from_numpy(self._random.binomial(total_count.long().numpy(), probs.numpy(), shape)).double()

    def von_mises(self, concentration: Tensor, *shape: int) -> Tensor:
        """See ``Stream.von_mises``."""
        return torch.from_numpy(self._random.vonmises(0.0, concentration.numpy(), shape))


class DeviceStream(Stream):
    """A stream of ``torch.Generator`` on any device.

    Poisson, binomial and von Mises are drawn on the host and moved: on CUDA torch's Poisson is a rounded normal above a
    rate of 4000, and there is no von Mises.
    """

    def __init__(self, sequence: np.random.SeedSequence, device: torch.device) -> None:
        self.device = device
        seed, host = sequence.spawn(2)
        self._generator = torch.Generator(device).manual_seed(int(seed.generate_state(1, np.uint64)[0]))
        self._host = HostStream(host)

    def uniform(self, *shape: int) -> Tensor:
        """See ``Stream.uniform``."""
        # torch's uniform may be 0 too
        return self._empty(shape).uniform_(generator=self._generator).clamp_(min=SMALLEST)

    def normal(self, *shape: int) -> Tensor:
        """See ``Stream.normal``."""
        return self._empty(shape).normal_(generator=self._generator)

    def exponential(self, *shape: int) -> Tensor:
        """See ``Stream.exponential``."""
        return self._empty(shape).exponential_(generator=self._generator).clamp_(min=SMALLEST)

    def gamma(self, concentration: Tensor, *shape: int) -> Tensor:
        """See ``Stream.gamma``."""
        concentration = concentration.to(self.device).expand(shape).contiguous()
        return torch._standard_gamma(concentration, generator=self._generator)

    def poisson(self, rate: Tensor, *shape: int) -> Tensor:
        """See ``Stream.poisson``."""
        return self._host.poisson(rate.cpu(), *shape).to(self.device)

    def binomial(self, total_count: Tensor, probs: Tensor, *shape: int) -> Tensor:
        """See ``Stream.binomial``."""
        return self._host.binomial(total_count.cpu(), probs.cpu(), *shape).to(self.device)

    def von_mises(self, concentration: Tensor, *shape: int) -> Tensor:
        """See ``Stream.von_mises``."""
        return self._host.von_mises(concentration.cpu(), *shape).to(self.device)

    def _empty(self, shape: tuple[int, ...]) -> Tensor:
        return torch.empty(shape, dtype=torch.float64, device=self.device)


def stream_for(seed: int, key: bytes, block: int, device: torch.device | str = "cpu") -> Stream:
    """The stream of one block.

    Args:
        seed: the user's seed, any integer.
        key: what is being drawn for; streams of different keys are independent.
        block: the block's number, from 0.
        device: where the draws are wanted.
    """
    digest = blake2b(b"%d:%b" % (seed, key), digest_size=16).digest()
    sequence = np.random.SeedSequence(int.from_bytes(digest, "little"), spawn_key=(block,))
    device = torch.device(device)
    return HostStream(sequence) if device.type == "cpu" else DeviceStream(sequence, device)
