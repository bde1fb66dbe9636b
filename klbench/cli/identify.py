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
    from klbench.cli.card import ON_ONE_TOKEN, ON_SEQUENCES, card, follows_table
    from klbench.identity.identify import identify as identify_estimator
    from klbench.identity.likeness import likeness
    from klbench.identity.on_sequences import identify_on_sequences, needs_sequences, paragraph_on_sequences
    from klbench.identity.words import of_likeness, paragraph

    with redirect_stdout(sys.stderr):
        estimator = _ready(name)
        if needs_sequences(estimator):
            identity = identify_on_sequences(estimator)
            told, how = paragraph_on_sequences(identity, estimator), ON_SEQUENCES
        else:
            identity = identify_estimator(estimator)
            told, how = f"{paragraph(identity)} {of_likeness(likeness(estimator))}", ON_ONE_TOKEN
    drawn = "" if how is ON_SEQUENCES or estimator.looks_at == "absolute" else estimator.name
    output.data(card(f"{estimator.name}, identified", told, {}, follows_table(identity, how=how, drawn=drawn)))


def _ready(name: str) -> Estimator:
    from klbench.estimators.catalogue import find, unweighted
    from klbench.estimators.weights import WEIGHT_OF
    from klbench.users.ready import ready

    estimator = find(name)
    if estimator.weighted:
        without, of_one = unweighted(name), "" if estimator.scope == "sample" else "; of one token all weights are one"
        hints = [f"klbench identify {without} shows its gradients with that weight and without{of_one}"]
        raise SpecError(f"{estimator.name} is {without} times {WEIGHT_OF[estimator.scope]}", help=hints)
    if estimator.control is not None:
        hints = ["identify a member of the family, with a number in the parentheses: k1_cv(0.5)"]
        raise SpecError(f"{estimator.name} has a coefficient that is fitted to each pair", help=hints)
    return ready(estimator)
