"""Builds the table of a policy over sequences from an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from klbench.distributions import catalogue, shape
from klbench.distributions.expression import Expression, Named, shortened
from klbench.distributions.families.policies import BASE
from klbench.distributions.family import Arguments
from klbench.errors import SpecError

if TYPE_CHECKING:
    from klbench.policies.table import PolicyTable


def _chain(arguments: Arguments) -> PolicyTable:
    from klbench.policies.chain import chain

    return chain(arguments)


def _tree(arguments: Arguments) -> PolicyTable:
    from klbench.policies.tree import tree

    return tree(arguments)


def _ngram(arguments: Arguments) -> PolicyTable:
    from klbench.policies.ngram import ngram

    return ngram(arguments)


_TABLES: Mapping[str, Callable[[Arguments], PolicyTable]] = MappingProxyType(
    {"Markov": _chain, "Ngram": _ngram, "Tree": _tree}
)
"""What makes the table of each family; torch is imported when one is made."""


def is_sequence(expression: Expression) -> bool:
    """Whether an expression is a policy over sequences; grid parameters are allowed in it. Needs no torch.

    Raises:
        SpecError: the expression has no form (``klbench.distributions.shape.form``).
    """
    return shape.form(expression).sequence


def table_of(expression: Expression) -> PolicyTable:
    """The table of a policy over sequences whose placeholders are filled, on the CPU.

    Raises:
        SpecError: it is none, or an argument is not allowed.
    """
    if not isinstance(expression, Named) or not is_sequence(expression):
        help = ["a policy over sequences: Markov(...), Tree(...), Ngram(...), or what is made of one"]
        raise SpecError(f"{shortened(expression)} is no policy over sequences", help=help)
    family = catalogue.find(expression.family)
    arguments = catalogue.with_defaults(family, catalogue.bind(family.name, (), dict(expression.arguments)))
    if family.change is None:
        return _TABLES[family.name](arguments)
    base = table_of(arguments[BASE])  # type: ignore[arg-type]
    return replace(base, log_probs=family.change(base.log_probs, arguments).log_softmax(-1))
