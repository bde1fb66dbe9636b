"""``klbench identify``: what a function really is, a user's own or any that has a name, found by measuring it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import output
from klbench.cli.completion import identified
from klbench.cli.waiting import import_torch
from klbench.errors import SpecError

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=identified,
        help="module:function of your own (it is imported), verl:low_var_kl, k3.",
    ),
]


def identify(name: Name) -> None:
    """Say what an estimator is: its mean, its gradient, its clamps.

    NAME may be a function of your own, module:function, of (log_q, log_p) or (log_q, log_p, log_sampler), tensors in,
    tensor out. Its module is imported, from the current folder or wherever Python finds it: that runs its code.
    """
    import_torch()
    from klbench.cli.card import card, follows_table
    from klbench.identity.identify import identify as identify_estimator
    from klbench.identity.likeness import likeness
    from klbench.identity.words import of_likeness, paragraph

    with redirect_stdout(sys.stderr):
        estimator = _ready(name)
        identity = identify_estimator(estimator)
        like = likeness(estimator)
    told = f"{paragraph(identity)} {of_likeness(like)}"
    output.data(card(f"{estimator.name}, identified", told, {}, follows_table(identity)))


def _ready(name: str) -> Estimator:
    from klbench.estimators.catalogue import find, unweighted
    from klbench.users.ready import ready

    estimator = find(name)
    if estimator.weighted:
        hints = [f"klbench identify {unweighted(name)} shows its gradients with that weight and without"]
        raise SpecError(f"{estimator.name} is {unweighted(name)} times ρ = q/sampler", help=hints)
    if estimator.control is not None:
        hints = ["identify a member of the family, with a number in the parentheses: k1_cv(0.5)"]
        raise SpecError(f"{estimator.name} has a coefficient that is fitted to each pair", help=hints)
    return ready(estimator)
