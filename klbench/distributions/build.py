"""Builds a distribution from an expression: it draws and gives log-densities, in float64 on a device."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from klbench.distributions import catalogue, distribution, shape
from klbench.distributions.constraints import COUNT, COUNT_ABOVE_1
from klbench.distributions.distribution import Distribution
from klbench.distributions.expression import Expression, Mixture, Named, Power, Reference, shortened
from klbench.distributions.family import Arguments, Family, Parameter
from klbench.errors import SpecError


def build(expression: Expression, device: torch.device | str = "cpu") -> Distribution:
    """The distribution of an expression whose placeholders are filled.

    Raises:
        SpecError: an argument is not allowed, the components of a mixture differ in form, or it is a policy over
            sequences (``klbench.policies.build``).
    """
    if shape.form(expression).sequence:
        help = ["klbench.policies.build.table_of has its probabilities"]
        raise SpecError(f"{shortened(expression)} is a policy over sequences", help=help)
    return _build(expression, torch.device(device))


def _build(expression: Expression, device: torch.device) -> Distribution:
    match expression:
        case Named():
            return _single(expression, device)
        case Mixture(weights, components):
            built = [_build(component, device) for component in components]
            return distribution.Mixture(expression, [float(w) for w in weights], built)  # type: ignore[arg-type]
        case Power(of, copies):
            return distribution.Power(expression, _build(of, device), int(copies))  # type: ignore[arg-type]
        case Reference(name):
            raise SpecError(f"{name} stands for nothing here", help=["only p and sampler of a pair may name q"])


def _single(expression: Named, device: torch.device) -> Distribution:
    family = catalogue.find(expression.family)
    arguments = catalogue.with_defaults(family, catalogue.bind(family.name, (), dict(expression.arguments)))
    return distribution.Single(expression, family, arguments, wrap(family, arguments, device), device)


def wrap(family: Family, arguments: Arguments, device: torch.device) -> Any:
    """The torch distribution of bound arguments; those that are tensors already are taken as they are."""
    if family.logits is not None:
        logits = family.logits(arguments).to(device)
        return torch.distributions.Categorical(logits=logits, validate_args=False)
    given = [parameter for parameter in family.parameters if parameter.name in arguments]
    tensors = {parameter.name: _argument(parameter, arguments[parameter.name], device) for parameter in given}
    try:
        return _torch_class(family.name)(**tensors, validate_args=False)
    except ValueError as error:
        # LKJCholesky makes a Beta of its own, whose parameters may round to 0
        help = ["take numbers that are nearer to 1"]
        raise SpecError(
            f"torch makes no {family.name} of these numbers: float64 does not tell them apart", help=help
        ) from error


def _argument(parameter: Parameter, value: Any, device: torch.device) -> Any:
    if parameter.constraint in (COUNT, COUNT_ABOVE_1):
        return int(value)
    return torch.as_tensor(value, dtype=torch.float64, device=device)


def _torch_class(name: str) -> Any:
    """The class of a name; torch keeps LogitRelaxedBernoulli in its own module."""
    if name == LogitRelaxedBernoulli.__name__:
        return LogitRelaxedBernoulli
    torch_class = getattr(torch.distributions, name, None)
    if torch_class is None:
        raise SpecError(f"torch {torch.__version__} has no {name}", help=["a newer torch has it"])
    return torch_class
