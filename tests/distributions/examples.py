"""The one table the contract tests run over: every example of every family, and how a test builds and draws them."""

from functools import cache

import numpy as np
import torch

from klbench.distributions.build import build
from klbench.distributions.catalogue import FAMILIES, with_defaults
from klbench.distributions.distribution import Distribution, Single
from klbench.distributions.expression import Named
from klbench.distributions.stream import DeviceStream, HostStream, Stream
from klbench.spec.expression import parse

EXAMPLES = [example for family in FAMILIES.values() for example in family.examples]
UNIVARIATE = [example for family in FAMILIES.values() if family.univariate for example in family.examples]
CONTINUOUS = [e for e in UNIVARIATE if FAMILIES[e.partition("(")[0]].kind == "continuous"]
DISCRETE = [e for e in UNIVARIATE if FAMILIES[e.partition("(")[0]].kind == "discrete"]


@cache
def built(text: str) -> Distribution:
    return build(parse(text))


def single(text: str) -> Single:
    found = built(text)
    assert isinstance(found, Single)
    return found


def arguments(text: str) -> dict[str, object]:
    expression = parse(text)
    assert isinstance(expression, Named)
    return dict(with_defaults(FAMILIES[expression.family], expression.arguments))


def host_stream(number: int = 0) -> Stream:
    return HostStream(np.random.SeedSequence(number))


def device_stream(number: int = 0) -> Stream:
    """The stream that CUDA uses, run on the CPU."""
    return DeviceStream(np.random.SeedSequence(number), torch.device("cpu"))


STREAMS = {"host": host_stream, "device": device_stream}
