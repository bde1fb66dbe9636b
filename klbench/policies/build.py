"""Builds the table of a policy over sequences from an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from klbench.distributions import catalogue, shape
from klbench.distributions.expression import Expression, Named, shortened
from klbench.errors import SpecError

if TYPE_CHECKING:
    from klbench.policies.table import PolicyTable


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
    assert family.table is not None, "its form says so"
    return family.table(arguments)
