"""A family's log-density as a function of its parameters, for autograd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from klbench.distributions.build import wrap
from klbench.distributions.distribution import Single

Parameters = Mapping[str, Tensor]


def value_of(q: Single, name: str) -> Tensor:
    """The value of a parameter of q, float64; the logits of categories that were given by probabilities too."""
    if name in q.arguments:
        return torch.as_tensor(q.arguments[name], dtype=torch.float64, device=q.device)
    probs = torch.as_tensor(q.arguments["probs"], dtype=torch.float64, device=q.device)
    return (probs / probs.sum()).log()


def torch_distribution(q: Single, parameters: Parameters) -> Any:
    """The torch distribution of q with other values in these parameters, differentiable in them."""
    return wrap(q.family, _arguments(q, parameters), q.device)


def log_density(q: Single, parameters: Parameters, x: Tensor) -> Tensor:
    """log q(x) [n], nats, for x [n, *event_shape] in the support.

    The family's own functions are elementwise in scalars: each parameter is one tensor for all, or one for each x.
    """
    wrapped = torch_distribution(q, parameters)
    if q.family.log_prob is None:
        value: Tensor = wrapped.log_prob(x)
        return value
    return q.family.log_prob(q.family.prepare(wrapped, _arguments(q, parameters)), x)


def _arguments(q: Single, parameters: Parameters) -> dict[str, Any]:
    """The arguments of q, with the new ones in place of their alternatives."""
    given = q.family.alternatives if any(name in q.family.alternatives for name in parameters) else ()
    return {**{name: value for name, value in q.arguments.items() if name not in given}, **parameters}
