"""The parameters of q that a gradient can be taken in, told without torch.

They go by torch's names. Left out are counts, what the support depends on (the gradient of an expectation is then no
expectation of a score), and what stands at the end of its range, where there is no derivative. Categories go by their
logits however they were written, as a policy does; the weights of a mixture are ``logits`` too, and the parameters of
its components are numbered: ``0.loc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from klbench.distributions.catalogue import find, with_defaults
from klbench.distributions.constraints import (
    COUNT,
    COUNT_ABOVE_1,
    LOGIT,
    NON_NEGATIVE,
    PROBABILITY,
    PROBABILITY_ABOVE_0,
    PROBABILITY_BELOW_1,
    SIMPLEX,
    Constraint,
    known,
)
from klbench.distributions.expression import Expression, Mixture, Named, Power, Reference, shortened
from klbench.distributions.family import IS_COUNT, Arguments, Parameter
from klbench.errors import SpecError, unknown

WEIGHTS = "logits"

_ENDS: Mapping[Constraint, tuple[float, ...]] = MappingProxyType(
    {PROBABILITY: (0, 1), PROBABILITY_ABOVE_0: (1,), PROBABILITY_BELOW_1: (0,), NON_NEGATIVE: (0,), LOGIT: (-inf,)}
)


def differentiable(expression: Expression) -> tuple[str, ...]:
    """The names of the parameters a gradient can be taken in; placeholders are allowed in the expression.

    Raises:
        SpecError: there are none; says why of each.
    """
    names, reasons = _sorted(expression)
    if not names:
        help = [f"{name}: {reason}" for name, reason in reasons.items()]
        instead = "take another q, or measure values and not gradients (measure: value)"
        raise SpecError(f"{shortened(expression)} has no parameter to take a gradient in", help=[*help, instead])
    return names


def chosen(expression: Expression, names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The parameters of these names; all of the differentiable ones for None.

    Raises:
        SpecError: a name that the distribution does not have, or that no gradient can be taken in.
    """
    available = differentiable(expression)
    for name in names or ():
        if name not in available:
            reason = _sorted(expression)[1].get(name)
            error = unknown(f"parameter of {shortened(expression)}", name, available)
            raise error if reason is None else SpecError(f"no gradient in {name}: {reason}", help=error.help)
    return available if names is None else names


def _sorted(expression: Expression) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The differentiable parameters, and why the others are not."""
    match expression:
        case Named():
            return _of_family(expression)
        case Mixture():
            return _of_mixture(expression)
        case Power(base, _):
            return _sorted(base)
        case Reference():
            return (WEIGHTS,), {}  # a policy, whatever it stands for


def _of_family(expression: Named) -> tuple[tuple[str, ...], Mapping[str, str]]:
    family = find(expression.family)
    if family.logits is not None or family.length is not None:
        return (WEIGHTS,), {}
    arguments = with_defaults(family, expression.arguments)
    given = [parameter for parameter in family.parameters if parameter.name in arguments]
    reasons = {p.name: reason for p in given if (reason := _generic_reason(p, arguments))}
    reasons.update(family.unscored(arguments))
    return tuple(_name(p) for p in given if p.name not in reasons), reasons


def _of_mixture(expression: Mixture) -> tuple[tuple[str, ...], Mapping[str, str]]:
    names: list[str] = []
    reasons: dict[str, str] = {}
    for index, component in enumerate(expression.components):
        inner, missing = _sorted(component)
        names += [f"{index}.{name}" for name in inner]
        reasons.update({f"{index}.{name}": reason for name, reason in missing.items()})
    return (*names, WEIGHTS), reasons


def _generic_reason(parameter: Parameter, arguments: Arguments) -> str | None:
    if parameter.constraint in (COUNT, COUNT_ABOVE_1):
        return IS_COUNT
    value = arguments[parameter.name]
    if known(value) and value in _ENDS.get(parameter.constraint, ()):
        return f"{value:g} is the end of its range, where it has no derivative"
    return None


def _name(parameter: Parameter) -> str:
    return "logits" if parameter.constraint == SIMPLEX else parameter.name
